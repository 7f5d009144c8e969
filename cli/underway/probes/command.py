"""Run a command and see whether it succeeds. At its deadline its whole process group is killed.

It is done when it has exited and nothing holds its output open any more, as in a shell's `$(...)`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from underway.units import format_duration

MOST_KEPT = 4096
"""Bytes of the output's end that are kept; the last line tells the reason."""


async def run_command(argv: Sequence[str], within: timedelta) -> tuple[bool | None, str]:
    """Holds if it exits with 0. None if it cannot be started, or is not done within that time: then it is killed."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True)
    )
    try:
        process = await asyncio.shield(starting)
        return await _finish(process, argv[0], within)
    except (OSError, ValueError) as error:
        return None, f"`{argv[0]}` cannot be started: {error}"
    except asyncio.CancelledError:
        # Also one that is only just being started, and may have started others already.
        with suppress(OSError, ValueError):
            await _kill_group(await starting)
        raise


async def _finish(process: Process, name: str, within: timedelta) -> tuple[bool | None, str]:
    try:
        async with asyncio.timeout(within.total_seconds()):
            output, status = await _end_of_output(process), await process.wait()
    except TimeoutError:
        await _kill_group(process)
        return None, f"`{name}` was not done within {format_duration(within)}"
    said = f": {output}" if output else ""
    return status == 0, f"`{name}` {'succeeded' if status == 0 else f'exited with {status}'}{said}"


async def _kill_group(leader: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    await leader.wait()


async def _end_of_output(process: Process) -> str:
    """The last line that was written."""
    kept = b""
    if process.stdout is not None:
        while chunk := await process.stdout.read(MOST_KEPT):
            kept = (kept + chunk)[-MOST_KEPT:]
    lines = kept.decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
