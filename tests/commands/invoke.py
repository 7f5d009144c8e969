"""The command line as a shell sees it: arguments in, status and both streams out."""

from __future__ import annotations

import os
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
    program = [sys.executable, "-c", "from underway.commands.app import main; main()", *arguments]
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
