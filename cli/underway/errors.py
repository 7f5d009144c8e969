"""Every error a user can meet, and the one place that maps each to its exit status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit statuses of LANGUAGE: what a script can rely on."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    PLAYBOOK_INVALID = 3
    REFUSED = 4
    PUT_BACK = 5
    PERSON_NEEDED = 6
    PAUSED = 7
    CHANGES = 10
    INTERRUPTED = 130
    TERMINATED = 143


class UnderwayError(Exception):
    """An error whose message is meant for the person at the terminal; `hint` says what to do."""

    exit_status = ExitStatus.UNEXPECTED

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(UnderwayError):
    """The command line asks for something that cannot be."""

    exit_status = ExitStatus.USAGE


class PlaybookInvalidError(UnderwayError):
    """The playbook has mistakes; the message holds them all, already laid out."""

    exit_status = ExitStatus.PLAYBOOK_INVALID


class ClusterUnreachableError(UnderwayError):
    """No answer from the API server, or no usable credentials. Nothing has been changed."""

    exit_status = ExitStatus.REFUSED


@dataclass(frozen=True, order=True)
class Blocker:
    """What stands in the way of maintenance: the object, why, and what an operator can do about it."""

    object: str
    reason: str
    remedy: str


class RefusedError(UnderwayError):
    """Refused before the first change, with every blocker found."""

    exit_status = ExitStatus.REFUSED

    def __init__(self, message: str, blockers: tuple[Blocker, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.blockers = blockers
