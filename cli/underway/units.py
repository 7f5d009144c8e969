"""Durations, numbers-or-percents, quantities, label selectors and kinds, as Kubernetes users write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, assert_never

_DURATION_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)
_LONGEST_TEXT = 100
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}


def parse_duration(text: str) -> timedelta:
    """Read `500ms`, `3s`, `1m30s`, `2h`, `1d`: Go's notation, and days. Raises ValueError, for a bare number too."""
    if len(text) > _LONGEST_TEXT or not _DURATION.fullmatch(text):
        shown = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
        raise ValueError(f"`{shown}` is not a duration: write a number with a unit, such as 500ms, 3s, 1m30s or 2h")
    seconds = sum(Decimal(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    try:
        return timedelta(microseconds=int(seconds * 1_000_000))
    except OverflowError as error:
        raise ValueError(f"`{text}` is longer than a duration can be") from error


def format_duration(duration: timedelta) -> str:
    """The shortest exact notation, which `parse_duration` reads back: 90 s is `1m30s`, half a second `500ms`.

    Before a negative one stands a minus sign, as in Go; `parse_duration` takes no such.
    """
    sign = "-" if duration < timedelta() else ""
    microseconds = abs(duration) // timedelta(microseconds=1)
    parts = []
    for unit, size in (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000)):
        count, microseconds = divmod(microseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    if microseconds:
        parts.append(f"{microseconds / 1000:g}ms")
    return sign + "".join(parts) if parts else "0s"


@dataclass(frozen=True)
class Share:
    """A number or a percentage of something, such as maxUnavailable."""

    value: int
    percent: bool = False

    def of(self, total: int, *, round_up: bool) -> int:
        """Resolve against `total`. Kubernetes rounds surge up and unavailability down."""
        if not self.percent:
            return self.value
        part = total * self.value
        return -(-part // 100) if round_up else part // 100

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)


_SHARE = re.compile(r"(\d{1,9})(%?)", re.ASCII)


def parse_share(value: str | int) -> Share:
    """Read `2` or `25%`. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ValueError(f"`{value}` is negative")
        return Share(value)
    found = _SHARE.fullmatch(str(value))
    if not found:
        raise ValueError(f"`{value}` is neither a number nor a percentage such as 25%")
    return Share(int(found[1]), percent=bool(found[2]))


_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)([eE][+-]?\d{1,3}|[numkMGTPE]|[KMGTPE]i)?", re.ASCII)
_FACTORS = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("0.001"), "": Decimal(1)}
_FACTORS |= {suffix: Decimal(1000) ** (power + 1) for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"))}
_FACTORS |= {suffix + "i": Decimal(1024) ** (power + 1) for power, suffix in enumerate(("K", "M", "G", "T", "P", "E"))}


@lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Decimal:
    """Read a quantity such as `250m`, `1.5Gi` or `2e3` in its base unit (cores, bytes). Raises ValueError."""
    found = _QUANTITY.fullmatch(text)
    if not found:
        raise ValueError(f"`{text}` is not a quantity such as 250m or 1Gi")
    suffix = found[2] or ""
    if suffix in _FACTORS:
        return Decimal(found[1]) * _FACTORS[suffix]
    return Decimal(found[1] + suffix)


Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]


@dataclass(frozen=True)
class Requirement:
    """One condition of a selector. `NotIn` holds for a missing key too; `Gt` and `Lt` are for node affinity only."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.operator == "In":  # by far the most, and asked of every pod of a namespace
            return value in self.values
        match self.operator:
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt":
                return value is not None and _is_more(value, self.values[0])
            case "Lt":
                return value is not None and _is_more(self.values[0], value)
            case never:
                assert_never(never)

    def __str__(self) -> str:
        values = self.values[0] if len(self.values) == 1 else f"({','.join(self.values)})"
        match self.operator:
            case "In":
                return f"{self.key}={values}" if len(self.values) == 1 else f"{self.key} in {values}"
            case "NotIn":
                return f"{self.key}!={values}" if len(self.values) == 1 else f"{self.key} notin {values}"
            case "Exists":
                return self.key
            case "DoesNotExist":
                return f"!{self.key}"
            case "Gt":
                return f"{self.key}>{values}"
            case "Lt":
                return f"{self.key}<{values}"
            case never:
                assert_never(never)


_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)


def _is_more(first: str, second: str) -> bool:
    """Kubernetes compares labels as 64-bit integers; what is none is neither more nor less."""
    both = _INTEGER.fullmatch(first) and _INTEGER.fullmatch(second)
    return both is not None and int(first) > int(second)


@dataclass(frozen=True)
class Selector:
    """All requirements must hold. No requirements select everything; an absent selector (None) selects nothing."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        for requirement in self.requirements:  # noqa: SIM110 - all() takes twice as long here, at 100,000 pods
            if not requirement.matches(labels):
                return False
        return True

    def demands(self) -> list[tuple[str, str]]:
        """The labels, with their values, without which nothing is selected."""
        return [
            (found.key, found.values[0])
            for found in self.requirements
            if found.operator == "In" and len(found.values) == 1
        ]

    def keys(self) -> frozenset[str]:
        return frozenset(requirement.key for requirement in self.requirements)

    def __str__(self) -> str:
        """As kubectl writes it; an empty one selects everything."""
        return ",".join(map(str, self.requirements)) or "everything"


def equality_selector(labels: Iterable[tuple[str, str]]) -> Selector:
    return Selector(tuple(Requirement(key, "In", (value,)) for key, value in sorted(labels)))


def selector_from_object(source: Mapping[str, Any]) -> Selector:
    """Read a LabelSelector object: `{matchLabels: …, matchExpressions: …}`."""
    expressions = tuple(
        Requirement(found["key"], found["operator"], tuple(found.get("values") or ()))
        for found in source.get("matchExpressions") or ()
    )
    return Selector(equality_selector((source.get("matchLabels") or {}).items()).requirements + expressions)


_TERM = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<missing>[\w./-]+)"
    r"|(?P<key>[\w./-]+)(?:\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)|\s*(?P<equal>==|=|!=)\s*(?P<value>[\w.-]*))?)\s*",
    re.ASCII,
)


def parse_selector(text: str) -> Selector:
    """Read kubectl's notation: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Raises ValueError with the position."""
    requirements: list[Requirement] = []
    position = 0 if text.strip() else len(text)
    while position < len(text):
        found = _TERM.match(text, position)
        if not found or found.end() == position:
            raise ValueError(f"`{text}` is not a label selector: cannot read it from column {position + 1}")
        if found["set"] and not found["values"].strip():
            raise ValueError(f"`{text}` is not a label selector: `{found['set']} ()` names no values")
        requirements.append(_requirement(found))
        position = found.end()
        if position < len(text):
            if text[position] != ",":
                raise ValueError(f"`{text}` is not a label selector: expected a comma at column {position + 1}")
            position += 1
            if not text[position:].strip():
                raise ValueError(f"`{text}` is not a label selector: nothing follows the last comma")
    return Selector(tuple(requirements))


def _requirement(found: re.Match[str]) -> Requirement:
    if found["absent"]:
        return Requirement(found["missing"], "DoesNotExist")
    if found["set"]:
        values = tuple(value.strip() for value in found["values"].split(","))
        return Requirement(found["key"], "In" if found["set"] == "in" else "NotIn", values)
    if found["equal"]:
        return Requirement(found["key"], "NotIn" if found["equal"] == "!=" else "In", (found["value"],))
    return Requirement(found["key"], "Exists")


KINDS = {
    "deployment": ("deployments", "deploy"),
    "statefulset": ("statefulsets", "sts"),
    "daemonset": ("daemonsets", "ds"),
    "replicaset": ("replicasets", "rs"),
    "job": ("jobs",),
    "pod": ("pods", "po"),
    "service": ("services", "svc"),
    "node": ("nodes", "no"),
    "poddisruptionbudget": ("poddisruptionbudgets", "pdb"),
}
"""The kinds that a user names, each with kubectl's other words for it."""
KIND_OF = {word: kind for kind, words in KINDS.items() for word in (kind, *words)}
