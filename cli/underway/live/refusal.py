"""What the API server's answer to a write means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, TypeAlias

import msgspec

from underway.cluster.actions import Outcome
from underway.live.transport import Answer

OutcomeStatus: TypeAlias = Literal["conflict", "gone", "denied", "invalid", "unknown", "failed"]
_STATUSES: Mapping[int, OutcomeStatus] = {
    401: "denied",
    403: "denied",
    404: "gone",
    408: "unknown",
    409: "conflict",
    410: "gone",
    502: "unknown",
    504: "unknown",
}
"""A gateway's 502 or 504 comes after the request was passed on: it may have happened."""


_QUOTED = re.compile('"([^"]*)"')
_OTHER_UID = re.compile("UID in (the )?precondition")


class _Cause(msgspec.Struct):
    reason: str | None = None
    message: str | None = None
    field: str | None = None


class _Details(msgspec.Struct, rename="camel"):
    causes: list[_Cause] | None = None
    retry_after_seconds: int | None = None


class _Status(msgspec.Struct):
    """The `Status` object of an error."""

    message: str | None = None
    details: _Details | None = None


def outcome_of(answer: Answer) -> Outcome:
    """A write's outcome by the answer's status code, and by its words where the code says too little."""
    code, told = answer.status, _status(answer)
    message = told.message or _phrase(code)
    causes = (told.details and told.details.causes) or []
    if code < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome("done")
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        words = [message, *(cause.message for cause in causes if cause.message)]
        return Outcome("blocked", " ".join(words), retry_after(answer))
    if message.startswith("admission webhook"):
        return Outcome("denied", message)
    if _is_another(code, message, causes):
        return Outcome("gone", message)
    return Outcome(_STATUSES.get(code) or _class_of(code), message, retry_after(answer))


def _class_of(code: int) -> OutcomeStatus:
    return "failed" if code >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid"


def error_message(answer: Answer) -> str:
    return _status(answer).message or _phrase(answer.status)


def conflicting_managers(answer: Answer) -> dict[str, str]:
    """Who manages the fields that a server-side apply may not have, by field."""
    details = _status(answer).details
    found = {}
    for cause in (details and details.causes) or []:
        if cause.reason == "FieldManagerConflict":
            named = _QUOTED.search(cause.message or "")
            found[(cause.field or "a field").removeprefix(".")] = named[1] if named else "somebody else"
    return found


def retry_after(answer: Answer) -> float | None:
    """Seconds; None if the server named none."""
    header = answer.headers.get("retry-after", "")
    if header.isdigit():
        return float(header)
    details = _status(answer).details
    return float(details.retry_after_seconds) if details and details.retry_after_seconds else None


def _is_another(code: int, message: str, causes: list[_Cause]) -> bool:
    """Whether the UID is not the one that was decided on: a deletion says so with a conflict, a patch finds that it
    would change the field.
    """
    match code:
        case HTTPStatus.CONFLICT:
            return _OTHER_UID.search(message) is not None
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return any(cause.field == "metadata.uid" for cause in causes)
        case _:
            return False


def _status(answer: Answer) -> _Status:
    try:
        return msgspec.json.decode(answer.body, type=_Status)
    except msgspec.DecodeError:
        return _Status()


def _phrase(code: int) -> str:
    """A proxy in between answers without a `Status`."""
    try:
        return f"HTTP {code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"HTTP {code}"
