"""The scalar types of the language: each reads what an operator writes and says in words what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from underway.units import (
    Selector,
    Share,
    format_duration,
    parse_duration,
    parse_selector,
    parse_share,
    selector_from_object,
)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_MAX_NAME = 253
KINDS = {
    "deployment": ("deployments", "deploy"),
    "statefulset": ("statefulsets", "sts"),
    "daemonset": ("daemonsets", "ds"),
    "replicaset": ("replicasets", "rs"),
    "job": ("jobs",),
    "pod": ("pods", "po"),
}
"""The kinds that a playbook names, each with kubectl's other words for it."""
_KIND_OF = {word: kind for kind, words in KINDS.items() for word in (kind, *words)}


class ObjectName(NamedTuple):
    """KIND/NAMESPACE/NAME, the kind in full."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(self)


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    message = f"`{value}` has no unit: write a duration such as 500ms, 3s, 1m30s or 2h"
    raise ValueError(message)


def _share(value: Any) -> Share:
    if isinstance(value, Share):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"`{value}` is neither a number nor a percentage such as 25%")
    return parse_share(value)


def _selector(value: Any) -> Selector:
    if isinstance(value, Selector):
        return value
    if isinstance(value, str):
        return parse_selector(value)
    if isinstance(value, dict) and value.keys() <= {"matchLabels", "matchExpressions"}:
        try:
            return selector_from_object(value)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("this is not a LabelSelector: each matchExpression needs key and operator") from error
    raise ValueError("expected a label selector such as app=web,!canary, or matchLabels and matchExpressions")


def is_name(text: str) -> bool:
    """Whether Kubernetes would take it for an object's name (RFC 1123 subdomain)."""
    return len(text) <= _MAX_NAME and _NAME.fullmatch(text) is not None


def _service_name(value: Any) -> str:
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 2 or not all(is_name(part) for part in parts):  # noqa: PLR2004 - namespace and name
        raise ValueError(f"`{value}` is not NAMESPACE/NAME")
    return "/".join(parts)


def _object_name(value: Any) -> ObjectName:
    if isinstance(value, ObjectName):
        return value
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 3 or not all(is_name(part) for part in parts[1:]):  # noqa: PLR2004 - kind, namespace, name
        raise ValueError(f"`{value}` is not KIND/NAMESPACE/NAME, such as deployment/shop/web")
    kind = _KIND_OF.get(parts[0].lower())
    if kind is None:
        raise ValueError(f"`{parts[0]}` is not a kind that can be named here: {', '.join(KINDS)}")
    return ObjectName(kind, parts[1], parts[2])


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"`{value}` is not a URL")  # noqa: TRY004 - pydantic collects ValueErrors
    parts = urlsplit(value)
    try:
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:
        raise ValueError(f"`{value}` is not a URL such as http://127.0.0.1:30080/")
    return value


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"`{value}` is not a regular expression")  # noqa: TRY004 - pydantic collects ValueErrors
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"`{value}` is not a regular expression: {error}") from error
    return value


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
        found = re.fullmatch(r"([1-5]\d\d)(?:-([1-5]\d\d))?", str(item))
        if found is None or isinstance(item, bool) or int(found[2] or found[1]) < int(found[1]):
            raise ValueError(f"`{item}` is not an HTTP status such as 200 or a range such as 200-399")
        ranges.append((int(found[1]), int(found[2] or found[1])))
    if not ranges:
        raise ValueError("no status is left that would be good")
    return Statuses(tuple(ranges))


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "examples": ["30s"]})
_SHARE_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+%?$"}]}
)
_SELECTOR_SCHEMA = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]})
_STRING_SCHEMA = WithJsonSchema({"type": "string"})

Duration: TypeAlias = Annotated[
    timedelta, BeforeValidator(_duration), PlainSerializer(format_duration, return_type=str), _DURATION_SCHEMA
]
NumberOrPercent: TypeAlias = Annotated[
    Share, BeforeValidator(_share), PlainSerializer(str, return_type=str), _SHARE_SCHEMA
]
LabelSelector: TypeAlias = Annotated[Selector, BeforeValidator(_selector), _SELECTOR_SCHEMA]
ServiceName: TypeAlias = Annotated[str, BeforeValidator(_service_name), _STRING_SCHEMA]
WorkloadName: TypeAlias = Annotated[
    ObjectName, BeforeValidator(_object_name), PlainSerializer(str, return_type=str), _STRING_SCHEMA
]
Url: TypeAlias = Annotated[str, BeforeValidator(_url), _STRING_SCHEMA]
Pattern: TypeAlias = Annotated[str, BeforeValidator(_pattern), _STRING_SCHEMA]
HttpStatuses: TypeAlias = Annotated[
    Statuses,
    BeforeValidator(_statuses),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "array"}]}),
]
