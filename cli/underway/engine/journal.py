"""The journal: every event of a run as a line of JSON on disk, there for the receipt and for status.

It is not needed to go on or to restore; the cluster's marks are. The lines that announce changes are on the disk, with
all before them, before the changes are sent: those that are sent together go to the disk together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from underway.engine.events import Event, from_json, to_json
from underway.errors import UsageError

_FILE = "journal.jsonl"


def runs_directory() -> Path:
    """`$XDG_STATE_HOME/underway/runs`, by default below `~/.local/state`."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "underway" / "runs"


class Journal:
    """Appends; made with the run's directory, readable only by its owner. UsageError if that cannot be written."""

    def __init__(self, run: str) -> None:
        self.directory = runs_directory() / run
        self.trouble = ""
        """Why the journal is not whole; the run goes on without it."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self.directory / _FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._end_the_last_line()
        except OSError as error:
            hint = "set XDG_STATE_HOME to a directory that can be written"
            raise UsageError(f"no journal can be written in `{self.directory}`: {error.strerror}", hint) from error

    def _end_the_last_line(self) -> None:
        """One that a crash has cut off must not take the next event with it."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def append(self, event: Event) -> None:
        """A disk that is full in the middle of a run must not stop the run there."""
        if not event.journaled or self.trouble:
            return
        try:
            os.write(self._file, to_json(event) + b"\n")
        except OSError as error:
            self.trouble = error.strerror or type(error).__name__

    def sync(self) -> None:
        """Until what has been appended is on the disk."""
        if self.trouble:
            return
        try:
            os.fsync(self._file)
        except OSError as error:
            self.trouble = error.strerror or type(error).__name__

    def close(self) -> None:
        os.close(self._file)


def known_runs() -> list[str]:
    """The runs that have a journal here, the latest first."""
    directory = runs_directory()
    if not directory.is_dir():
        return []
    found = [entry for entry in directory.iterdir() if (entry / _FILE).is_file()]
    return [entry.name for entry in sorted(found, key=lambda entry: entry.stat().st_mtime, reverse=True)]


def read(run: str) -> list[Event]:
    """The events of a run; a last line that was cut off by a crash is left out. UsageError if there is no journal."""
    path = runs_directory() / run / _FILE
    if run != Path(run).name or not path.is_file():
        hint = "underway status lists the runs that this machine and the cluster know"
        raise UsageError(f"there is no journal of run `{run}` on this machine", hint)
    return list(_events(path.read_bytes()))


def _events(data: bytes) -> Iterator[Event]:
    for line in data.splitlines():
        try:
            yield from_json(line)
        except msgspec.DecodeError:
            continue
