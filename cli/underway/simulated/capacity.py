"""What the scheduler knows of the nodes: `Room` over the live state, kept current as pods come and go."""

from __future__ import annotations

from collections import Counter

from underway.cluster.eligibility import tolerates
from underway.cluster.model import Node, Pod
from underway.cluster.podspec import PodSpec
from underway.cluster.room import Room, Usage
from underway.simulated.world import World

_DEFAULT_CPU = 100
_DEFAULT_MEMORY = 200 * 1024 * 1024
"""What a pod without a request counts for in scoring."""


class Capacity(Room):
    """What is taken of the nodes is counted once, and then as pods come and go."""

    def __init__(self, world: World) -> None:
        super().__init__(world.state)
        self._scored: dict[str, tuple[int, int]] = {}
        """By node, the cpu and memory that scoring takes its pods to need."""
        self.changes: list[str] = []
        """The nodes of which figures are others now, one after another."""
        for pod in world.state.pods.values():
            self._account(pod, 1)
        world.watch(Pod, self._pod_changed, only_changes=True)
        world.watch(Node, self._node_changed, only_changes=True)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old and new and (old.node, old.finished) == (new.node, new.finished):
            return
        for pod, sign in ((old, -1), (new, 1)):
            if pod is not None and pod.node:
                self._account(pod, sign)
                self.forget(pod.node)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        node = new or old
        if node is not None:
            self.forget(node.name)

    def forget(self, node: str) -> None:
        super().forget(node)
        self.changes.append(node)

    def usage(self, node: str) -> Usage:
        found = self._usage.get(node)
        if found is None:
            found = self._usage[node] = Usage({}, Counter())
        return found

    def _account(self, pod: Pod, sign: int) -> None:
        if not pod.node or pod.finished:
            return
        self.usage(pod.node).count(pod, sign)
        cpu, memory = _scored(pod.spec)
        before = self._scored.get(pod.node, (0, 0))
        self._scored[pod.node] = before[0] + sign * cpu, before[1] + sign * memory

    def disliked(self, spec: PodSpec, node: Node) -> int:
        """How many of the node's taints ask pods to stay away if they can."""
        return sum(
            taint.effect == "PreferNoSchedule" and not tolerates(spec.tolerations, taint) for taint in node.taints
        )

    def score(self, spec: PodSpec, node: Node) -> int:
        """NodeResourcesFit (LeastAllocated) and NodeResourcesBalancedAllocation together: 0 to 200."""
        return self._least_allocated(spec, node) + self._balanced(spec, node)

    def _least_allocated(self, spec: PodSpec, node: Node) -> int:
        own, used = _scored(spec), self._scored.get(node.name, (0, 0))
        scores = [
            max(total - used[place] - own[place], 0) * 100 // total
            for place, resource in enumerate(("cpu", "memory"))
            if (total := node.allocatable.get(resource, 0))
        ]
        return sum(scores) // len(scores) if scores else 0

    def _balanced(self, spec: PodSpec, node: Node) -> int:
        """The nearer the used shares of cpu and memory, the better; a pod that requests nothing has no say."""
        requests = spec.requests
        if not requests.get("cpu") and not requests.get("memory"):
            return 0
        used = self.usage(node.name).requests
        shares = [
            min((used.get(resource, 0) + requests.get(resource, 0)) / total, 1)
            for resource in ("cpu", "memory")
            if (total := node.allocatable.get(resource, 0))
        ]
        return int((1 - (max(shares) - min(shares)) / 2) * 100) if shares else 0


def _scored(spec: PodSpec) -> tuple[int, int]:
    requests = spec.requests
    return requests.get("cpu") or _DEFAULT_CPU, requests.get("memory") or _DEFAULT_MEMORY
