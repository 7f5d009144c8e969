"""What there is to tell about a pod that will not do: its events and its last words, without what is secret in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

LINES = 8
"""So many of the last events, and of the last lines of its log."""
_LONGEST = 300
_HIDDEN = "[hidden]"
_SECRETS = (
    (
        re.compile(
            r"(?i)((?:pass(?:word|wd|phrase)?|secret|token|credential|api[-_]?key|access[-_]?key)\w*[\"']?\s*[:=]\s*)"
            r"(\"[^\"]*\"|'[^']*'|\S+)"
        ),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)\S+"), rf"\1{_HIDDEN}"),
    (re.compile(r"(://)[^/\s:@]*:[^/\s@]*@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), _HIDDEN),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*"), _HIDDEN),
)


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """`events` as `REASON: message`, `log` of the container that has ended, or else of the one that runs; both the
    oldest first. Where they cannot be read, `trouble` says why.
    """

    events: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    trouble: str = ""


def last_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """The last of them, with what looks like a secret hidden, and none too long to be read."""
    kept = [line.rstrip() for line in lines if line.strip()][-LINES:]
    return tuple(_shortened(without_secrets(line)) for line in kept)


def without_secrets(text: str) -> str:
    """What people write to logs by accident: passwords, tokens, keys, credentials in URLs. It cannot know them all."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
