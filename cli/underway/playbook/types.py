"""The scalar types of the language: each reads what an operator writes and says in words what is wrong with it."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PlainSerializer, StrictBool, StrictFloat, StrictInt, WithJsonSchema

from underway.playbook.strict import UnfitError, shown
from underway.units import Share, format_duration, parse_duration, parse_share

_LONGEST = timedelta(days=365)
_ALL = 100
_STATUS = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?", re.ASCII)
_CONDITION = {"true": "True", "false": "False", "unknown": "Unknown"}


def _duration(value: Any) -> timedelta:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise UnfitError(f"{shown(value)} has no unit", f"write {value}s for seconds, or such as 500ms, 1m30s, 2h")
    if not isinstance(value, timedelta | str):
        raise UnfitError(f"expected a duration, found {shown(value)}", "such as 500ms, 3s, 1m30s or 2h")
    found = value if isinstance(value, timedelta) else parse_duration(value)
    if found > _LONGEST:
        raise UnfitError(f"{shown(value)} is longer than a year")
    return found


def _positive_duration(value: Any) -> timedelta:
    found = _duration(value)
    if found <= timedelta():
        raise UnfitError(f"{shown(value)} is no time at all: it must be more than 0s")
    return found


def _share(value: Any) -> Share:
    if isinstance(value, Share):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise UnfitError(f"{shown(value)} is neither a number nor a percentage such as 25%")
    found = parse_share(value)
    if found.percent and found.value > _ALL:
        raise UnfitError(f"{shown(found)} is more than all of them")
    return found


def _positive_share(value: Any) -> Share:
    found = _share(value)
    if found.value == 0:
        raise UnfitError(f"{shown(value)} is none of them: nothing could ever be done", "use 1 or more")
    return found


def _keep(value: Any) -> timedelta | bool:
    return value if isinstance(value, bool) else _positive_duration(value)


def _seconds(value: Any) -> int | None:
    """Whole seconds as kubectl's --grace-period, or a duration as everywhere else in the language."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    found = _duration(value).total_seconds()
    if found != int(found):
        raise UnfitError(f"{shown(value)} is not a whole number of seconds")
    return int(found)


def _url(value: Any) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine or any(not character.isprintable() or character.isspace() for character in value):
        raise UnfitError(f"{shown(value)} is not a URL", "such as http://127.0.0.1:30080/")
    return str(value)


def compiled(pattern: str) -> re.Pattern[str]:
    """Raises UnfitError for what is no regular expression, and for one that is beyond all measure."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UnfitError(f"{shown(pattern)} is not a regular expression: {error}") from error


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        hint = None if isinstance(value, dict | list) else "put it in quotes"
        raise UnfitError(f"{shown(value)} is not a regular expression", hint)
    return compiled(value).pattern


def _title(value: Any) -> Any:
    if isinstance(value, str) and any(unicodedata.category(character).startswith("C") for character in value):
        raise UnfitError("a name is one line of plain text")
    return value


def _conditions(value: Any) -> Mapping[str, str]:
    """Condition types with the status each has to have; a bare type has to be True."""
    given = {value: True} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not given or not all(isinstance(key, str) and key for key in given):
        raise UnfitError("this is not a condition", "such as Ready, or {DiskPressure: 'False'}")
    found = {key: _CONDITION.get(str(status).lower()) for key, status in given.items()}
    for key, status in found.items():
        if status is None:
            raise UnfitError(f"{shown(given[key])} is not a condition's status", "use True, False or Unknown")
    return {key: status for key, status in found.items() if status is not None}


@dataclass(frozen=True)
class Statuses:
    """HTTP statuses that are as they should be: inclusive ranges."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: object) -> bool:
        return isinstance(status, int) and any(low <= status <= high for low, high in self.ranges)


def _statuses(value: Any) -> Statuses:
    if isinstance(value, Statuses):
        return value
    ranges = []
    for item in value if isinstance(value, list | tuple) else (value,):
        found = _STATUS.fullmatch(str(item))
        if found is None or int(found[2] or found[1]) < int(found[1]):
            raise UnfitError(f"{shown(item)} is not an HTTP status", "such as 200, 200-399 or [200, 404]")
        ranges.append((int(found[1]), int(found[2] or found[1])))
    if not ranges:
        raise UnfitError("no status is left that would be good")
    return Statuses(tuple(ranges))


def _schema(*types: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": types[0] if len(types) == 1 else list(types), **more})


_DURATION_SCHEMA = _schema("string", pattern=r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", examples=["30s"])
_SHARE_SCHEMA = _schema("integer", "string", minimum=0, pattern=r"^\d+%?$", examples=[1, "25%"])
_AS_DURATION = PlainSerializer(format_duration, return_type=str)
_AS_SHARE = PlainSerializer(str, return_type=str)

Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_duration), _AS_DURATION, _DURATION_SCHEMA]
PositiveDuration: TypeAlias = Annotated[timedelta, BeforeValidator(_positive_duration), _AS_DURATION, _DURATION_SCHEMA]
NumberOrPercent: TypeAlias = Annotated[Share, BeforeValidator(_share), _AS_SHARE, _SHARE_SCHEMA]
PositiveShare: TypeAlias = Annotated[Share, BeforeValidator(_positive_share), _AS_SHARE, _SHARE_SCHEMA]
Keep: TypeAlias = Annotated[timedelta | bool, BeforeValidator(_keep), _schema("boolean", "string")]
Seconds: TypeAlias = Annotated[int | None, BeforeValidator(_seconds), _schema("integer", "string", minimum=0)]
Flag: TypeAlias = StrictBool
Count: TypeAlias = Annotated[StrictInt, Field(ge=0, le=1_000_000)]
Number: TypeAlias = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
Title: TypeAlias = Annotated[str, Field(min_length=1), BeforeValidator(_title)]
Url: TypeAlias = Annotated[str, BeforeValidator(_url), _schema("string", pattern="^(https?://|.*\\$\\{)")]
Pattern: TypeAlias = Annotated[str, BeforeValidator(_pattern), _schema("string", format="regex")]
Conditions: TypeAlias = Annotated[Mapping[str, str], BeforeValidator(_conditions), _schema("object", "string")]
HttpStatuses: TypeAlias = Annotated[Statuses, BeforeValidator(_statuses), _schema("integer", "string", "array")]
