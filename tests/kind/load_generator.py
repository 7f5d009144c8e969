"""The load generator (load/, in Go) as a context manager: what is sent while something else is at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kubernetes_cluster import program

_SOURCE = Path(__file__).parent / "load"
URLS = {"web": "http://127.0.0.1:30080/", "cart": "http://127.0.0.1:30081/", "polite": "http://127.0.0.1:30082/"}


@dataclass(frozen=True)
class Counted:
    """What became of the requests to one URL. The gap is in seconds, and zero if none was lost."""

    sent: int
    lost: int
    longest_gap: float
    errors: dict[str, int]


def built() -> Path:
    """The program, built if its source has changed."""
    target = Path(tempfile.gettempdir()) / f"underway-load-{os.getuid()}"
    if not target.exists() or target.stat().st_mtime < (_SOURCE / "main.go").stat().st_mtime:
        environment = os.environ | {"CGO_ENABLED": "0"}
        subprocess.run([program("go"), "build", "-o", str(target), "."], cwd=_SOURCE, check=True, env=environment)
    return target


class Load:
    """Sends `rate` requests a second, each on a new connection, to every app named. `counted` is there afterwards."""

    def __init__(self, *apps: str, rate: int = 200) -> None:
        self._apps = apps
        self._command = [str(built()), "-rate", str(rate), *(URLS[app] for app in apps)]
        self.counted: dict[str, Counted] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        output, _errors = self._process.communicate(timeout=30)
        for app, line in zip(self._apps, output.splitlines(), strict=True):
            found = json.loads(line)
            self.counted[app] = Counted(found["sent"], found["lost"], found["longestGapSeconds"], found["errors"])

    @property
    def lost(self) -> int:
        return sum(counted.lost for counted in self.counted.values())
