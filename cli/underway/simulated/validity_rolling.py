"""What an API server refuses of how a workload is updated.

The rules are Kubernetes' own: `ValidateDeploymentStrategy`, `ValidateRollingUpdateDaemonSet` and
`ValidateStatefulSetSpec` in `pkg/apis/apps/validation/validation.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from underway.cluster.model import Workload
from underway.simulated.mistake import Mistake, mapping, whole
from underway.simulated.validity_name import at_least_0, choice

_PERCENT = re.compile(r"\d{1,9}%", re.ASCII)
_MOST_PERCENT = 100
_DEADLINE = 600
"""Seconds; what a Deployment has that gives none."""
_KEYS = {"deployment": "strategy", "statefulset": "updateStrategy", "daemonset": "updateStrategy"}
_TYPES = {
    "deployment": ("RollingUpdate", "Recreate"),
    "statefulset": ("RollingUpdate", "OnDelete"),
    "daemonset": ("RollingUpdate", "OnDelete"),
}
_SHARE = "write a number such as 1, or a percentage in quotes such as '50%'"


def rolling(found: Workload, spec: Mapping[str, Any]) -> Iterator[Mistake]:
    key = _KEYS.get(found.kind)
    if key is None:
        return
    path, strategy = f"spec.{key}", mapping(spec.get(key))
    kind, told = strategy.get("type"), strategy.get("rollingUpdate")
    shares = mapping(told)
    yield from choice(f"{path}.type", kind, _TYPES[found.kind])
    if told is not None and (kind == "Recreate" or (kind == "OnDelete" and found.kind == "statefulset")):
        hint = f"take it out, or leave out `type: {kind}`"
        yield Mistake(f"`{path}.rollingUpdate` cannot be given with `type: {kind}`", hint)
    for name in ("maxSurge", "maxUnavailable"):
        if shares.get(name) is not None:
            most = None if (found.kind, name) == ("deployment", "maxSurge") else _MOST_PERCENT
            yield from share(f"{path}.rollingUpdate.{name}", shares[name], most)
    yield from at_least_0(f"{path}.rollingUpdate", shares, ["partition"])
    if found.kind == "deployment":
        yield from _moves(f"{path}.rollingUpdate", shares)
        yield from _deadline(spec)
    if found.kind == "daemonset" and told is not None and kind != "OnDelete":
        yield from _moves_one_way(f"{path}.rollingUpdate", shares)


def share(path: str, value: Any, most: int | None = _MOST_PERCENT) -> Iterator[Mistake]:
    """A number or a percentage, `most` of it."""
    number = whole(value)
    if number is not None:
        if number < 0:
            yield Mistake(f"`{path}` is {value}, and 0 is the least", _SHARE)
    elif not isinstance(value, str) or not _PERCENT.fullmatch(value):
        yield Mistake(f"`{path}` is `{value}`, which is neither a number nor a percentage", _SHARE)
    elif most is not None and int(value[:-1]) > most:
        yield Mistake(f"`{path}` is {value}, and {most}% are the most", _SHARE)


def _is_none(value: Any) -> bool:
    return value in {0, "0"} or (
        isinstance(value, str) and _PERCENT.fullmatch(value) is not None and not int(value[:-1])
    )


def _moves(path: str, shares: Mapping[str, Any]) -> Iterator[Mistake]:
    """One that is not given is 25%."""
    if all(_is_none(shares.get(name)) for name in ("maxSurge", "maxUnavailable")):
        yield Mistake(
            f"`{path}.maxUnavailable` cannot be 0 when `maxSurge` is 0: no pod could ever be replaced",
            "write 1 or more for one of them",
        )


def _moves_one_way(path: str, shares: Mapping[str, Any]) -> Iterator[Mistake]:
    surge, unavailable = shares.get("maxSurge"), shares.get("maxUnavailable")
    assumed = surge is None or unavailable is None
    no_surge = surge is None or _is_none(surge)
    if no_surge and unavailable is not None and _is_none(unavailable):
        yield Mistake(
            f"`{path}.maxUnavailable` cannot be 0 when `maxSurge` is 0: no pod could ever be replaced",
            "write 1 or more for one of them",
            missing=assumed,
        )
    elif not no_surge and not (unavailable is not None and _is_none(unavailable)):
        told = "1 unless it is given" if unavailable is None else unavailable
        yield Mistake(
            f"`{path}.maxSurge` is {surge}, which needs a `maxUnavailable` of 0 in a DaemonSet, and that is {told}",
            "write maxUnavailable: 0, or take maxSurge out",
            missing=assumed,
        )


def _deadline(spec: Mapping[str, Any]) -> Iterator[Mistake]:
    given, ready = whole(spec.get("progressDeadlineSeconds")), whole(spec.get("minReadySeconds")) or 0
    deadline = _DEADLINE if given is None else given
    if deadline <= ready:
        told = f"is {deadline}" if given is not None else f"is {deadline} unless it is given"
        yield Mistake(
            f"`spec.progressDeadlineSeconds` {told}, which is not more than the {ready} of `spec.minReadySeconds`",
            "write more than minReadySeconds",
            missing=given is None,
        )
