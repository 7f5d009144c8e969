"""What all API objects share on the wire: metadata, selectors, conditions; and values that are kept only once.

Every wire struct reads only what the model needs, and takes a null wherever the API may leave a field out: one odd
object must not spoil a list of 100,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from underway.cluster.model import Owner
from underway.units import Requirement, Selector, Share, parse_share

OURS = "underway.dev/"
_T = TypeVar("_T")
_EVERYTHING = Selector()
_NOTHING: Mapping[str, str] = {}


class Wire(msgspec.Struct, gc=False, rename="camel"):
    """A part of an API object."""


ABSENT = msgspec.Raw()


def given(found: msgspec.Raw) -> bool:
    """Whether a part that is not decoded was there at all."""
    return bytes(found) not in (b"", b"null")


class WireOwner(Wire):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Metadata(Wire):
    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[WireOwner] | None = None

    def kept_labels(self) -> Mapping[str, str]:
        """The labels; the same mapping for all objects that have the same ones."""
        return _LABELS.once(tuple(self.labels.items()), self.labels) if self.labels else _NOTHING

    def kept_annotations(self, *prefixes: str) -> Mapping[str, str]:
        if not self.annotations:
            return _NOTHING
        return {key: value for key, value in self.annotations.items() if key.startswith(prefixes)} or _NOTHING

    def controller(self) -> Owner | None:
        for owner in self.owner_references or ():
            if owner.controller:
                return _OWNERS.once(owner.uid, Owner(owner.kind, owner.name, owner.uid))
        return None


class WireObject(Wire):
    metadata: Metadata | None = None

    @property
    def own(self) -> Metadata:
        return self.metadata or Metadata()


class Condition(Wire):
    type: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    last_transition_time: datetime | None = None


class WireExpression(Wire):
    """Of a label selector or a node selector."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class WireSelector(Wire):
    match_labels: dict[str, str] | None = None
    match_expressions: list[WireExpression] | None = None

    def decoded(self) -> Selector:
        found = [Requirement(key, "In", (value,)) for key, value in sorted((self.match_labels or {}).items())]
        found += map(requirement, self.match_expressions or ())
        return Selector(tuple(found)) if found else _EVERYTHING


def requirement(found: WireExpression) -> Requirement:
    """An operator or a value that this version does not know matches nothing."""
    values = tuple(found.values or ())
    match found.operator:
        case "In" | "NotIn" | "Exists" | "DoesNotExist" as operator:
            return Requirement(found.key, operator, values)
        case "Gt" | "Lt" as operator if len(values) == 1 and values[0].lstrip("-").isdigit():
            return Requirement(found.key, operator, values)
        case _:
            return Requirement(found.key, "In")


def share(value: int | str | None) -> Share | None:
    try:
        return None if value is None else parse_share(value)
    except ValueError:
        return None


class Once(Generic[_T]):
    """Keeps equal values only once, as long as there are not too many of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[object, _T] = {}

    def get(self, key: object) -> _T | None:
        return self._known.get(key)

    def once(self, key: object, value: _T) -> _T:
        known = self._known.get(key)
        if known is not None:
            return known
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[key] = value
        return value


_LABELS = Once[Mapping[str, str]](20_000)
_OWNERS = Once[Owner](20_000)
