"""Files that are whole or, where writing fails, as they were."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from underway.errors import UsageError

ANYBODY, OWNER = 0o666, 0o600
"""Who may read and write a new file, before the umask."""


def check_writable(path: Path) -> None:
    """Before the work: UsageError if its result could not be written afterwards."""
    target = _meant(path)
    if target.is_dir():
        raise _unwritten(path, "it is a directory")
    if not target.parent.is_dir():
        raise _unwritten(path, f"there is no directory `{target.parent}`")
    if not os.access(target.parent if _replaced(target) else target, os.W_OK):
        raise _unwritten(path, "permission denied")


def write_whole(path: Path, chunks: Iterable[bytes], mode: int = ANYBODY) -> None:
    """Write beside the file and put it in its place. Behind a symbolic link, the file it stands for; a pipe or a device
    is written to as it is. UsageError if it cannot be written.
    """
    target = _meant(path)
    try:
        if _replaced(target):
            _replace(target, chunks, mode)
        else:
            with target.open("wb") as file:
                file.writelines(chunks)
    except OSError as error:
        raise _unwritten(path, (error.strerror or str(error)).lower()) from error


def _replace(target: Path, chunks: Iterable[bytes], mode: int) -> None:
    unfinished = target.with_name(f".underway-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _meant(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _replaced(target: Path) -> bool:
    return target.is_file() or target.is_dir() or not target.exists()


def _unwritten(path: Path, why: str) -> UsageError:
    return UsageError(f"{path}: cannot be written: {why}")
