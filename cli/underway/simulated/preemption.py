"""Preemption: which pods of lower priority the scheduler deletes to make room for one that fits nowhere.

As its DefaultPreemption: of the nodes where the pod would fit without them, the one where the fewest budgets are
violated, then where the least important pods go; and of these no more than have to. Budgets are minded, not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from underway.cluster.model import Node, Pod
from underway.cluster.room import Room, unfit
from underway.cluster.state import ClusterState

_ENOUGH = 100
"""So many candidates are enough to choose from, or a tenth of the nodes."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Preemption:
    node: str
    victims: tuple[Pod, ...]
    """The most important one first."""
    violations: int
    """How many of them go against a budget."""

    def cost(self) -> tuple[float, ...]:
        """The less, the better (pickOneNodeForPreemption): a younger pod is the smaller loss."""
        first = self.victims[0].spec.priority
        oldest = min(_since(pod) for pod in self.victims if pod.spec.priority == first)
        total = sum(pod.spec.priority + 2**31 for pod in self.victims)
        return self.violations, first, total, len(self.victims), -oldest.timestamp()


def preemption(pod: Pod, state: ClusterState) -> Preemption | None:
    """What would make room for the pod; None if nothing would."""
    room, found = Room(state), list[Preemption]()
    for node in state.nodes.values():
        one = _on(node, pod, room, state) if unfit(pod.spec, node) is None else None
        if one is not None:
            found.append(one)
            if len(found) >= max(_ENOUGH, len(state.nodes) // 10):
                break
    return min(found, key=Preemption.cost, default=None)


def _on(node: Node, pod: Pod, room: Room, state: ClusterState) -> Preemption | None:
    """Without any of the less important pods first; then with as many of them as leave the pod its place, those first
    that a budget keeps.
    """
    lower = [one for one in state.pods_on(node.name) if one.spec.priority < pod.spec.priority and not one.finished]
    if not lower:
        return None
    for one in lower:
        room.remove(one)
    victims: list[Pod] = []
    kept, others = _against_budgets(sorted(lower, key=_importance), state)
    if room.obstacle(pod, node) is None:
        for one in (*kept, *others):
            room.add(one, node.name)
            if room.obstacle(pod, node) is not None:
                room.remove(one)
                victims.append(one)
        for one in victims:
            room.add(one, node.name)
    else:
        for one in lower:
            room.add(one, node.name)
    if not victims:
        return None
    return Preemption(node.name, tuple(sorted(victims, key=_importance)), sum(one in kept for one in victims))


def _against_budgets(pods: Iterable[Pod], state: ClusterState) -> tuple[Sequence[Pod], Sequence[Pod]]:
    """Those whose end a budget does not allow, the ones before them being gone; and the others."""
    allowed: dict[str, int] = {}
    against, free = list[Pod](), list[Pod]()
    for pod in pods:
        violates = False
        for budget in state.budgets_of(pod):
            if pod.name not in budget.disrupted_pods:
                allowed[budget.uid] = allowed.get(budget.uid, budget.disruptions_allowed) - 1
                violates = violates or allowed[budget.uid] < 0
        (against if violates else free).append(pod)
    return against, free


def _importance(pod: Pod) -> tuple[int, datetime]:
    return -pod.spec.priority, _since(pod)


def _since(pod: Pod) -> datetime:
    return pod.started or pod.created or _LONG_AGO
