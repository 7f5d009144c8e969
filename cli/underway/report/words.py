"""How report writes text, counts, durations and times: the same words in every form."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

_SECOND, _MINUTE = 10, 600
"""In tenths of a second."""


def visible(text: str, keep: str = "") -> str:
    """Show what a terminal would obey or hide (control, bidirectional and unassigned characters) as an escape.

    Names and messages come from clusters and servers: none of them may move the cursor or start a new line.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else character.encode("unicode_escape").decode()
        for character in text
    )


def seconds(duration: float) -> str:
    """`0s`, `450ms`, `12.3s`, `1m04s`, `2h03m`."""
    tenths = round(max(duration, 0) * 10)
    if tenths < _SECOND:
        milliseconds = round(max(duration, 0) * 1000)
        return f"{milliseconds}ms" if milliseconds else "0s"
    if tenths < _MINUTE:
        return f"{tenths / 10:g}s"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def between(start: datetime, end: datetime) -> str:
    return seconds((end - start).total_seconds())


def count(number: int, noun: str) -> str:
    """`1 pod`, `1,200 pods`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%SZ")


def in_words(camel: str) -> str:
    """`timedOut` is `timed out`, `handedOff` is `handed off`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in camel)


def gathered(assumptions: Iterable[str]) -> Iterable[str]:
    """What is assumed of several objects alike is said once, with the first of them and how many there are."""
    alike: dict[str, list[str]] = {}
    for assumption in assumptions:
        of, colon, what = assumption.rpartition(": ")
        alike.setdefault(what if colon else assumption, []).append(of)
    for what, objects in alike.items():
        first = f"{objects[0]}" + (f" and {len(objects) - 1} more" if len(objects) > 1 else "")
        yield f"{first}: {what}" if first else what
