"""How a workload's replicas are spread over the nodes that may have them, and which of them would best move where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from underway.cluster.admission import expected_spec
from underway.cluster.eligibility import admits, repelling
from underway.cluster.model import Node, Pod, Workload
from underway.cluster.podspec import PodSpec
from underway.cluster.room import Room
from underway.cluster.state import ClusterState


@dataclass(frozen=True)
class Move:
    """A pod of a node that has too many, and how many the emptiest of the nodes has that it could go to."""

    pod: Pod
    fewest: int


@dataclass(frozen=True)
class Stuck:
    """They are uneven, and none can move: how many of them why, as the scheduler, or whoever was asked, says it."""

    obstacles: Mapping[str, int]

    def __str__(self) -> str:
        return ", ".join(f"{count} {reason}" for reason, count in sorted(self.obstacles.items()))


def replicas(found: Workload, state: ClusterState) -> list[Pod]:
    """Its pods, but for those that are leaving."""
    owners = (found.uid, *(owned.uid for owned in state.workloads_of(found.uid)))
    return [pod for uid in owners for pod in state.pods_of(uid) if pod.deleting is None and not pod.finished]


def spread(found: Workload, state: ClusterState) -> dict[str, int]:
    """How many replicas each node has that could have one: schedulable, Ready, and admitting them."""
    spec = expected_spec(found, state)
    counts = {node.name: 0 for node in state.nodes.values() if spec is not None and _may_have(node, spec)}
    for pod in replicas(found, state):
        if pod.node in counts:
            counts[pod.node] += 1
    return counts


def _may_have(node: Node, spec: PodSpec) -> bool:
    return not node.unschedulable and node.ready and admits(spec, node) and repelling(spec, node) is None


def skew(counts: Mapping[str, int]) -> int:
    return max(counts.values(), default=0) - min(counts.values(), default=0)


def least_moves(counts: Mapping[str, int], max_skew: int) -> int:
    """How many replicas have to move at least, if every node had room."""
    left, moves = sorted(counts.values()), 0
    while left and left[-1] - left[0] > max_skew:
        left[0], left[-1] = left[0] + 1, left[-1] - 1
        left.sort()
        moves += 1
    return moves


def next_move(
    found: Workload, state: ClusterState, max_skew: int, obstacle: Callable[[Pod], str | None]
) -> Move | Stuck | None:
    """The next replica to move, from the fullest node that has one to spare; None if they are even.

    `obstacle`: why a pod may not be moved at all.
    """
    counts = spread(found, state)
    if skew(counts) <= max_skew:
        return None
    room, obstacles = Room(state), Counter[str]()
    here: dict[str, list[Pod]] = {}
    for pod in sorted(replicas(found, state), key=lambda pod: pod.name):
        here.setdefault(pod.node, []).append(pod)
    for full in sorted(counts, key=lambda name: (-counts[name], name)):
        short = [name for name in counts if counts[full] - counts[name] > max_skew]
        for pod in here.get(full, ()) if short else ():
            reason = obstacle(pod)
            if reason is not None:
                obstacles[reason] += 1
                continue
            fewest = _fewest(pod, short, counts, state, room, obstacles)
            if fewest is not None:
                return Move(pod, fewest)
    return Stuck(obstacles)


def _fewest(
    pod: Pod, short: list[str], counts: Mapping[str, int], state: ClusterState, room: Room, obstacles: Counter[str]
) -> int | None:
    """How many the emptiest of these nodes has that the pod could go to."""
    search = room.search(pod)
    for name in sorted(short, key=lambda name: (counts[name], name)):
        reason = search.obstacle(state.nodes[name])
        if reason is None:
            return counts[name]
        obstacles[reason] += 1
    return None
