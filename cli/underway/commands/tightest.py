"""Free room while a plan is played: looked at in every moment, remembered for the tightest one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from underway.cluster.model import Node, Pod
from underway.engine.plan import Tightest
from underway.simulated.cluster import SimulatedCluster

_Amounts: TypeAlias = tuple[int, int, int]
"""Cpu in millicores, memory in bytes, pods."""
_NOTHING: _Amounts = (0, 0, 0)
_USUAL_PODS = 110
"""What a kubelet allows if the node does not say."""


class FreeRoom:
    """Sums over the nodes that take pods, those that are schedulable and Ready. Every change costs the same, however
    large the cluster is. What lasts no time, between two changes of one moment, does not count.
    """

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._began = self._at = cluster.now()
        self._offers: dict[str, _Amounts] = {}
        """By node, what it can give: only of those that take pods."""
        self._given = self._taken = _NOTHING
        self._away: dict[str, None] = {}
        self._away_names: tuple[str, ...] = ()
        self._tightest: tuple[float, datetime, tuple[float, float, float], tuple[str, ...]] | None = None
        state = cluster.state()
        for node in state.nodes.values():
            self._takes_pods(node)
        self._away_names = tuple(self._away)
        # all at once: what single nodes have taken is asked only of those that come and go
        taken = [pod.spec.requests for pod in state.pods.values() if pod.node in self._offers and not pod.finished]
        cpu, memory = (sum([requests.get(name, 0) for requests in taken]) for name in ("cpu", "memory"))
        self._taken = cpu, memory, len(taken)
        cluster.watch(Pod, self._pod_changed)
        cluster.watch(Node, self._node_changed)

    def tightest(self) -> Tightest:
        """The earliest of the moments with the least: of cpu, memory and pods, by what was nearest to its end."""
        self._look()
        if self._tightest is None:
            raise AssertionError("a look always finds some moment")
        _, moment, (cpu, memory, pods), away = self._tightest
        return Tightest(
            at_seconds=round((moment - self._began).total_seconds(), 3),
            cpu_free=cpu,
            memory_free=memory,
            pods_free=pods,
            nodes_away=away,
        )

    def _look(self) -> None:
        """Judge what has been so since the last change."""
        shares = _shares(self._given, self._taken)
        least = min(shares)
        if self._tightest is None or least < self._tightest[0]:
            self._tightest = least, self._at, shares, self._away_names

    def _move_on(self) -> None:
        now = self._cluster.now()
        if now != self._at:
            self._look()
            self._at = now

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old and new and old.node == new.node and (old.phase == new.phase or old.finished == new.finished):
            return
        self._move_on()
        if old is not None:
            self._count(old, -1)
        if new is not None:
            self._count(new, 1)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if old is not None and new is not None and _offer(old) == _offer(new):
            return
        self._move_on()
        if old is not None:
            self._go(old)
        if new is not None:
            self._come(new)
        self._away_names = tuple(self._away)

    def _count(self, pod: Pod, sign: int) -> None:
        if pod.node in self._offers and not pod.finished:
            self._taken = _sum(self._taken, _amounts(pod.spec.requests, 1), sign)

    def _come(self, node: Node) -> None:
        if self._takes_pods(node):
            self._taken = _sum(self._taken, self._used(node))

    def _takes_pods(self, node: Node) -> bool:
        """Note what the node can give, or that it is away."""
        offer = _offer(node)
        if offer is None:
            self._away[node.name] = None
            return False
        self._offers[node.name] = offer
        self._given = _sum(self._given, offer)
        return True

    def _go(self, node: Node) -> None:
        self._away.pop(node.name, None)
        offer = self._offers.pop(node.name, None)
        if offer is not None:
            self._given = _sum(self._given, offer, -1)
            self._taken = _sum(self._taken, self._used(node), -1)

    def _used(self, node: Node) -> _Amounts:
        usage = self._cluster.usage(node.name)
        return _amounts(usage.requests, usage.pods)


def _offer(node: Node) -> _Amounts | None:
    """What the node can give; None while it takes no pods."""
    if node.unschedulable or not node.ready:
        return None
    given = node.allocatable
    return given.get("cpu", 0), given.get("memory", 0), given.get("pods", _USUAL_PODS)


def _amounts(requests: Mapping[str, int], pods: int) -> _Amounts:
    return requests.get("cpu", 0), requests.get("memory", 0), pods


def _sum(one: _Amounts, other: _Amounts, sign: int = 1) -> _Amounts:
    return one[0] + sign * other[0], one[1] + sign * other[1], one[2] + sign * other[2]


def _shares(given: _Amounts, taken: _Amounts) -> tuple[float, float, float]:
    """What is free, from 0 to 1; 0 where nothing is given."""
    cpu, memory, pods = (
        round((total - used) / total, 4) if total else 0.0 for total, used in zip(given, taken, strict=True)
    )
    return cpu, memory, pods
