"""What the command line costs before it does anything, and how it takes the streams that it is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from invoke import HERE, underway

COMMANDS = (
    *("validate", "plan", "rehearse", "run", "drain", "uncordon"),
    *("restore", "status", "report", "doctor", "snapshot"),
)
SLOW = {"pydantic", "kubernetes", "aiohttp", "rich", "yaml"}


def test_help_lists_every_command_and_imports_nothing_slow() -> None:
    program = (
        "import sys\nsys.argv = ['underway', '--help']\nfrom underway.commands.app import answer\nstatus = answer()\n"
        f"print('slow:', sorted({SLOW!r} & sys.modules.keys()), 'status:', status)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert found.stdout.splitlines()[-1] == "slow: [] status: 0"
    for command in (*COMMANDS, "schema", "version"):
        assert f"  {command} " in found.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert underway(command, "-h").status == 0


REHEARSAL = "rehearse playbooks/maintain-workers.yaml --cluster kind-config.yaml --cluster manifests/"


@pytest.mark.parametrize(
    ("streams", "status"), [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0), ("</dev/null >/dev/full", 1)]
)
def test_a_rehearsal_comes_to_its_end_whatever_becomes_of_its_streams(
    streams: str, status: int, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    redirected = streams if "2>" in streams else f"{streams} 2>{log}"
    shell = f"'{sys.executable}' -m underway {REHEARSAL} {redirected}"
    found = subprocess.run(shell, shell=True, cwd=HERE, capture_output=True, timeout=60, check=False)
    assert found.returncode == status
    assert b"Traceback" not in (log.read_bytes() if log.exists() else b"")


def test_a_reader_that_goes_away_does_not_stop_the_rehearsal() -> None:
    shell = f"('{sys.executable}' -m underway {REHEARSAL} -o json; echo status $? >&2) | head -1"
    found = subprocess.run(shell, shell=True, cwd=HERE, capture_output=True, text=True, timeout=60, check=True)
    assert found.stderr.splitlines()[-1] == "status 0"


def test_a_full_disk_is_told_in_a_sentence() -> None:
    shell = f"'{sys.executable}' -m underway schema >/dev/full"
    found = subprocess.run(shell, shell=True, cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 1
    assert "No space left on device" in found.stderr
    assert "Traceback" not in found.stderr
