"""Commands as gates, run for real."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from underway.probes.command import run_command

LONG = timedelta(seconds=30)


def run(*argv: str, within: timedelta = LONG) -> tuple[bool | None, str]:
    return asyncio.run(run_command(argv, within))


def test_a_command_holds_if_it_exits_with_zero() -> None:
    assert run("sh", "-c", "echo fine") == (True, "`sh` succeeded: fine")


def test_a_command_that_fails_says_its_status_and_its_last_line() -> None:
    assert run("sh", "-c", "seq 9999; echo broken >&2; echo; exit 3") == (False, "`sh` exited with 3: broken")


def test_a_command_that_cannot_be_started_is_not_measured() -> None:
    holds, reason = run("/nonexistent/command")
    assert holds is None
    assert "cannot be started" in reason


def test_a_command_reads_nothing_from_the_terminal() -> None:
    assert run("cat") == (True, "`cat` succeeded")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_at_its_deadline_a_command_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 600 & echo $$ $! > {pids}; wait"
    assert run("sh", "-c", script, within=timedelta(seconds=1)) == (None, "`sh` was not done within 1s")
    assert all(gone(int(pid)) for pid in pids.read_text(encoding="ascii").split())


def test_a_cancelled_command_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    os.mkfifo(pids)

    async def cancelled() -> list[int]:
        task = asyncio.create_task(run_command(("sh", "-c", f"sleep 600 & echo $$ $! > {pids}; wait"), LONG))
        started = await asyncio.to_thread(pids.read_text, encoding="ascii")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [int(pid) for pid in started.split()]

    assert all(gone(pid) for pid in asyncio.run(cancelled()))
