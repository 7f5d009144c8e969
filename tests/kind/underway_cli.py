"""Underway as its users run it: the installed program, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke import heeds_signals
from kubernetes_cluster import REPOSITORY, until

UNDERWAY = str(Path(sys.executable).parent / "underway")
MAINTAIN = str(REPOSITORY / "playbooks" / "maintain-workers.yaml")
UPGRADE = str(REPOSITORY / "playbooks" / "upgrade-workers.yaml")


@dataclass(frozen=True)
class Ended:
    status: int
    stdout: str
    stderr: str

    def events(self) -> list[Any]:
        """What `-o json` printed."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def receipt(self) -> Any:
        return self.events()[-1]


def underway(*arguments: str, timeout: float = 240, **environment: str) -> Ended:
    done = subprocess.run(
        [UNDERWAY, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=os.environ | environment,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def stopped_after(seconds: float, how: signal.Signals, *arguments: str) -> Ended:
    """Start Underway, send it a signal so long after its first line has run, and wait for its end."""
    return stopped(lambda: time.sleep(seconds), how, *arguments)


def stopped(wait: Callable[[], object], how: signal.Signals, *arguments: str, timeout: float = 60) -> Ended:
    """Start Underway, send it a signal as soon as `wait` returns, and wait for its end."""
    process = subprocess.Popen(
        [UNDERWAY, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: heeds_signals(process), 30, "Underway's own first line has run")
        wait()
    except AssertionError as error:
        process.kill()
        raise AssertionError(f"{error}; {process.communicate(timeout=timeout)}") from error
    process.send_signal(how)
    stdout, stderr = process.communicate(timeout=timeout)
    return Ended(process.returncode, stdout, stderr)
