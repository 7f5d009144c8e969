"""The bytes of a playbook: from a file, a pipe or standard input, never more than it may have."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from underway.playbook.diagnostics import BrokenPlaybookError, Diagnostic
from underway.playbook.document import MAX_BYTES

_PATIENCE, _PAUSE = 0.5, 0.02
"""Seconds that a pipe is given until somebody writes to it, and between two looks."""
_HEAD = 4096
"""So many bytes of a file tell what it means to be."""
_SAVED_PLAN = re.compile(rb'\s*\{[^\0]*?"kind"\s*:\s*"SavedPlan"')
_SNAPSHOT = re.compile(rb'\{[^\n]*?"kind":"Snapshot"')
_PRINTED_PLAN = re.compile(rb'\s*(?:\{\s*)?"?schema"?\s*:\s*"?underway\.dev/[^\s",]*"?\s*,?\s*"?type"?\s*:\s*"?plan\b')


def is_saved_plan(data: bytes) -> bool:
    """Whether a file that begins so means to be what `underway plan --out` writes."""
    return _SAVED_PLAN.match(data, 0, _HEAD) is not None


def is_printed_plan(data: bytes) -> bool:
    """Whether a file that begins so is what `underway plan -o json` or `-o yaml` prints."""
    return _PRINTED_PLAN.match(data, 0, _HEAD) is not None


def is_snapshot(data: bytes) -> bool:
    """Whether a file that begins so means to be what `underway snapshot` writes."""
    return _SNAPSHOT.match(data, 0, _HEAD) is not None


def bytes_of(source: Path, *, whole: Callable[[bytes], bool] = lambda _: False) -> bytes:
    """At most one byte more than a playbook may have; all of it if `whole` says so of these. BrokenPlaybookError."""
    try:
        if str(source) == "-":
            return _bounded(sys.stdin.buffer, b"", whole)
        if source.is_fifo():
            return _piped(source, whole)
        if source.exists() and not source.is_file() and not source.is_char_device():
            raise _unopened(source, "it is a directory" if source.is_dir() else "it is not a file")
        with source.open("rb") as file:
            return _bounded(file, b"", whole)
    except OSError as error:
        raise _unopened(source, (error.strerror or str(error)).lower()) from error
    except ValueError as error:
        raise _unopened(source, str(error)) from error


def _bounded(file: BinaryIO, found: bytes, whole: Callable[[bytes], bool]) -> bytes:
    """What was read already, and what follows. A pipe gives less at a time than it is asked for."""
    while len(found) <= MAX_BYTES and (more := file.read(MAX_BYTES + 1 - len(found))):
        found += more
    return found + file.read() if len(found) > MAX_BYTES and whole(found) else found


def _piped(source: Path, whole: Callable[[bytes], bool]) -> bytes:
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
        return _bounded(pipe, first or b"", whole)


def _unopened(source: Path, why: str) -> BrokenPlaybookError:
    return BrokenPlaybookError([Diagnostic(str(source), 1, 1, f"cannot be read: {why}")])
