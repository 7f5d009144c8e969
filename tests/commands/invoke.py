"""The command line as a shell sees it: arguments in, status and both streams out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


def underway(*arguments: str, cwd: Path = HERE, piped: str | None = None, **environment: str) -> Ended:
    """`piped`: what comes through standard input."""
    given: dict[str, object] = {"stdin": subprocess.DEVNULL} if piped is None else {"input": piped}
    program = [sys.executable, "-m", "underway", *arguments]
    found = subprocess.run(
        program,
        **given,
        cwd=cwd,
        env=os.environ | {"KUBECONFIG": "/dev/null"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(found.returncode, found.stdout, found.stderr)


def heeds_signals(process: subprocess.Popen[str]) -> bool:
    """Whether Underway's own code runs (or has ended): from its first line on SIGTERM is heeded. Linux only."""
    if process.poll() is not None:
        return True
    about = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in about.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
