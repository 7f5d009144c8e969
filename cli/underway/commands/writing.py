"""Files that are whole or, where writing fails, as they were."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from underway.errors import UsageError
from underway.stopping import undone_by

ANYBODY, OWNER = 0o666, 0o600
"""Who may read and write a new file, before the umask."""


def check_writable(path: Path) -> None:
    """Before the work: UsageError if its result could not be written afterwards."""
    try:
        if path.is_dir():
            raise _unwritten(path, "it is a directory")
        written = _directory(path) if _replaceable(path) else path
        if not written.exists():
            raise _unwritten(path, f"there is no directory `{written}`")
    except OSError as error:
        raise _unwritten(path, _why(error)) from error
    if not os.access(written, os.W_OK):
        raise _unwritten(path, "permission denied")


def write_whole(path: Path, chunks: Iterable[bytes], mode: int = ANYBODY) -> None:
    """Write beside the file and put it in its place. Behind a symbolic link, the file it stands for; a pipe or a device
    is written to as it is. UsageError if it cannot be written.
    """
    try:
        if _replaceable(path):
            _replace(Path(os.path.realpath(path)), chunks, mode)
        else:
            with path.open("wb") as file:
                file.writelines(chunks)
    except OSError as error:
        raise _unwritten(path, _why(error)) from error


def same_file(path: Path, other: Path | int) -> bool:
    """`other` may be a file descriptor. What is not there, or out of reach, is nothing else."""
    try:
        return os.path.samestat(path.stat(), os.stat(other))  # noqa: PTH116 - of a descriptor, too
    except OSError:
        return False


def _replace(target: Path, chunks: Iterable[bytes], mode: int) -> None:
    unfinished = target.with_name(f".underway-{secrets.token_hex(4)}")
    with undone_by(lambda: unfinished.unlink(missing_ok=True)):
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)


def _replaceable(path: Path) -> bool:
    return path.is_file() or path.is_dir() or not path.exists()


def _directory(path: Path) -> Path:
    return Path(os.path.realpath(path)).parent


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _unwritten(path: Path, why: str) -> UsageError:
    return UsageError(f"{path}: cannot be written: {why}")
