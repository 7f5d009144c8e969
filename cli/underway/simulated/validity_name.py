"""What an API server takes for a name, a label and a port."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from underway.simulated.mistake import Mistake, whole

_PART = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_PART}(?:\.{_PART})*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
_MOST_LETTERS, _MOST_OF_PART = 253, 63
_LAST_PORT = 65535


def name(path: str, value: str, *, dots: bool) -> Iterator[Mistake]:
    """RFC 1123. `dots`: it may be a whole host's name, not only a part of one."""
    most = _MOST_LETTERS if dots else _MOST_OF_PART
    if not value:
        yield Mistake(f"`{path}` is missing", "give it a name")
    elif len(value) > most:
        yield Mistake(f"`{path}` has {len(value)} characters, and {most} are the most", "shorten it")
    elif not _NAME.fullmatch(value) or (not dots and "." in value):
        allowed = "hyphens and dots" if dots else "hyphens"
        hint = f"write lower case letters, digits, {allowed}, a letter or digit first and last"
        yield Mistake(f"`{path}` is `{value}`, which is no name", hint)


def labels(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    for key, value in found.items():
        prefix, _, word = key.rpartition("/")
        if not _is_label(word) or (prefix and not _NAME.fullmatch(prefix)):
            yield Mistake(f"`{path}` has the key `{key}`, which is no label's", f"write letters and digits, {_RULE}")
        if isinstance(value, str) and value and not _is_label(value):
            hint = f"write letters and digits, {_RULE}, or use an annotation"
            yield Mistake(f"`{path}.{key}` is `{value}`, which no label can be", hint)


_RULE = f"at most {_MOST_OF_PART}, with `-`, `_` and `.` only between them"


def _is_label(text: str) -> bool:
    return len(text) <= _MOST_OF_PART and _LABEL.fullmatch(text) is not None


def choice(path: str, value: Any, known: Sequence[str]) -> Iterator[Mistake]:
    """One that is not given is none."""
    if value and value not in known:
        yield unknown(path, value, known)


def unknown(path: str, value: Any, known: Sequence[str]) -> Mistake:
    told = f"is `{value}`, which it cannot be" if value else "is missing"
    return Mistake(f"`{path}` {told}", f"write one of {', '.join(known)}")


def port(path: str, value: Any, *, named: bool = False) -> Iterator[Mistake]:
    """`named`: the name of a container's port may stand for it."""
    if value is None:
        yield Mistake(f"`{path}` is missing", "give it: a number from 1 to 65535", missing=True)
    elif named and isinstance(value, str):
        if value.isdecimal():
            yield Mistake(f"`{path}` is the text `{value}`, which is no port's name", "write it without quotes")
    elif not 1 <= (whole(value) or 0) <= _LAST_PORT:
        yield Mistake(f"`{path}` is {value}, which is no port", "write a number from 1 to 65535")


def at_least_0(path: str, found: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Mistake]:
    for key in keys:
        value = whole(found.get(key))
        if value is not None and value < 0:
            yield Mistake(f"`{path}.{key}` is {value}, and 0 is the least", "write 0 or more")
