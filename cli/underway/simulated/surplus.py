"""Which pods a ReplicaSet deletes first when it has too many: the order of the original's ActivePodsWithRanks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import cmp_to_key

from underway.cluster.model import Pod

_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def in_order_of_deletion(pods: Iterable[Pod], related: Iterable[Pod], now: datetime) -> list[Pod]:
    """`related`: the active pods of all ReplicaSets of the same Deployment; where more of them are, one goes first."""
    neighbours = Counter(pod.node for pod in related if pod.node)

    def certain(pod: Pod) -> tuple[int, ...]:
        return (
            1 if pod.node else 0,
            _PHASES.get(pod.phase, 2),
            1 if pod.ready else 0,
            _deletion_cost(pod),
            -neighbours[pod.node],
        )

    def compare(one: Pod, other: Pod) -> int:
        first, second = certain(one), certain(other)
        if first != second:
            return -1 if first < second else 1
        if one.ready and one.ready_since != other.ready_since:
            return _younger_first(one, other, one.ready_since, other.ready_since, now)
        if one.restarts != other.restarts:
            return other.restarts - one.restarts
        if one.created != other.created:
            return _younger_first(one, other, one.created, other.created, now)
        return (one.name > other.name) - (one.name < other.name)

    return sorted(pods, key=cmp_to_key(compare))


def _deletion_cost(pod: Pod) -> int:
    text = pod.annotations.get(_DELETION_COST, "0")
    return int(text) if text.lstrip("-").isdigit() else 0


def _younger_first(one: Pod, other: Pod, since: datetime | None, than: datetime | None, now: datetime) -> int:
    """By the order of magnitude of the age (LogarithmicScaleDown), then by UID."""
    difference = _magnitude(since, now) - _magnitude(than, now)
    return difference or ((one.uid > other.uid) - (one.uid < other.uid))


def _magnitude(since: datetime | None, now: datetime) -> int:
    if since is None or since >= now:
        return -1
    return math.floor(math.log2((now - since).total_seconds() * 1e9))
