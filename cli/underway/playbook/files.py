"""The bytes of a playbook: from a file, a pipe or standard input, never more than it may have."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from underway.playbook.diagnostics import BrokenPlaybookError, Diagnostic
from underway.playbook.document import MAX_BYTES

_PATIENCE, _PAUSE = 0.5, 0.02
"""Seconds that a pipe is given until somebody writes to it, and between two looks."""


def bytes_of(source: Path) -> bytes:
    """At most one byte more than a playbook may have. Raises BrokenPlaybookError."""
    try:
        if str(source) == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        if source.is_fifo():
            return _piped(source)
        if source.exists() and not source.is_file() and not source.is_char_device():
            raise _unopened(source, "it is a directory" if source.is_dir() else "it is not a file")
        with source.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unopened(source, (error.strerror or str(error)).lower()) from error
    except ValueError as error:
        raise _unopened(source, str(error)) from error


def _piped(source: Path) -> bytes:
    """From a pipe, such as the shell's <(…): however long its writer takes, but not for ever where there is none."""
    with os.fdopen(os.open(source, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as pipe:
        begun = time.monotonic()
        first = pipe.read(1)
        while first == b"":  # nobody has it open for writing; None is somebody who has not written yet
            if time.monotonic() - begun > _PATIENCE:
                raise _unopened(source, "it is a pipe that nobody writes to")
            time.sleep(_PAUSE)
            first = pipe.read(1)
        os.set_blocking(pipe.fileno(), True)
        found = first or b""
        while len(found) <= MAX_BYTES and (more := pipe.read(MAX_BYTES)):
            found += more
        return found


def _unopened(source: Path, why: str) -> BrokenPlaybookError:
    return BrokenPlaybookError([Diagnostic(str(source), 1, 1, f"cannot be read: {why}")])
