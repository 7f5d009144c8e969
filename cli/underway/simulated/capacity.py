"""What the scheduler knows of the nodes: `Room` over the live state, kept current as pods come and go."""

from __future__ import annotations

from underway.cluster.eligibility import tolerates
from underway.cluster.model import Node, Pod
from underway.cluster.podspec import PodSpec
from underway.cluster.room import Room
from underway.simulated.world import World

_DEFAULT_CPU = 100
_DEFAULT_MEMORY = 200 * 1024 * 1024
"""What a pod without a request counts for in scoring."""


class Capacity(Room):
    """A node's figures are counted again when it, or a pod on it, has changed."""

    def __init__(self, world: World) -> None:
        super().__init__(world.state)
        self._world = world
        self._scored: dict[str, tuple[int, int]] = {}
        self.changes: list[str] = []
        """The nodes of which figures are others now, one after another."""
        world.watch(Pod, self._pod_changed, only_changes=True)
        world.watch(Node, self._node_changed, only_changes=True)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old and new and (old.node, old.finished) == (new.node, new.finished):
            return
        for pod in (old, new):
            if pod is not None and pod.node:
                self.forget(pod.node)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        node = new or old
        if node is not None:
            self.forget(node.name)

    def forget(self, node: str) -> None:
        super().forget(node)
        self._usage.pop(node, None)
        self._scored.pop(node, None)
        self.changes.append(node)

    def disliked(self, spec: PodSpec, node: Node) -> int:
        """How many of the node's taints ask pods to stay away if they can."""
        return sum(
            taint.effect == "PreferNoSchedule" and not tolerates(spec.tolerations, taint) for taint in node.taints
        )

    def score(self, spec: PodSpec, node: Node) -> int:
        """NodeResourcesFit (LeastAllocated) and NodeResourcesBalancedAllocation together: 0 to 200."""
        return self._least_allocated(spec, node) + self._balanced(spec, node)

    def _least_allocated(self, spec: PodSpec, node: Node) -> int:
        own, used = _scored(spec), self._scored_requests(node.name)
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

    def _scored_requests(self, node: str) -> tuple[int, int]:
        found = self._scored.get(node)
        if found is None:
            amounts = [_scored(pod.spec) for pod in self._world.state.pods_on(node) if not pod.finished]
            found = self._scored[node] = (sum(cpu for cpu, _ in amounts), sum(memory for _, memory in amounts))
        return found


def _scored(spec: PodSpec) -> tuple[int, int]:
    requests = spec.requests
    return requests.get("cpu") or _DEFAULT_CPU, requests.get("memory") or _DEFAULT_MEMORY
