"""What the scheduler knows of the nodes: `Room` over the live state, kept current as pods come and go."""

from __future__ import annotations

from collections.abc import Mapping

from underway.cluster.eligibility import tolerates
from underway.cluster.model import Node, Pod
from underway.cluster.podspec import PodSpec
from underway.cluster.room import Room, Usage
from underway.simulated.world import World

_DEFAULT_CPU = 100
_DEFAULT_MEMORY = 200 * 1024 * 1024
"""What a pod without a request counts for in scoring."""


class Capacity(Room):
    """What is taken of a node is counted once, when it is asked for, and then as pods come and go."""

    def __init__(self, world: World) -> None:
        super().__init__(world.state)
        self._scored: dict[str, tuple[int, int]] = {}
        """By node, the cpu and memory that scoring takes its pods to need."""
        self.changes: list[str] = []
        """The nodes of which figures are others now, one after another."""
        world.watch(Pod, self._pod_changed, only_changes=True)
        world.watch(Node, self._node_changed, only_changes=True)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old and new and old.node == new.node and (old.phase == new.phase or old.finished == new.finished):
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
            found = super().usage(node)
            cpu = memory = 0
            for pod in self._state.pods_on(node):
                if not pod.finished:
                    requests = pod.spec.requests
                    cpu += requests.get("cpu") or _DEFAULT_CPU
                    memory += requests.get("memory") or _DEFAULT_MEMORY
            self._scored[node] = cpu, memory
        return found

    def _account(self, pod: Pod, sign: int) -> None:
        used = self._usage.get(pod.node)
        if used is None or pod.finished:
            return
        used.count(pod, sign)
        cpu, memory = _scored(pod.spec)
        before = self._scored[pod.node]
        self._scored[pod.node] = before[0] + sign * cpu, before[1] + sign * memory

    def disliked(self, spec: PodSpec, node: Node) -> int:
        """How many of the node's taints ask pods to stay away if they can."""
        if not node.taints:
            return 0
        return len(
            [
                taint
                for taint in node.taints
                if taint.effect == "PreferNoSchedule" and not tolerates(spec.tolerations, taint)
            ]
        )

    def score(self, spec: PodSpec, node: Node) -> int:
        """NodeResourcesFit (LeastAllocated) and NodeResourcesBalancedAllocation together: 0 to 200."""
        used = self.usage(node.name).requests
        cpu, memory = node.allocatable.get("cpu", 0), node.allocatable.get("memory", 0)
        return self._least_allocated(spec, node.name, cpu, memory) + _balanced(spec.requests, used, cpu, memory)

    def _least_allocated(self, spec: PodSpec, node: str, cpu: int, memory: int) -> int:
        own, used = _scored(spec), self._scored[node]
        total = max(cpu - used[0] - own[0], 0) * 100 // cpu if cpu else 0
        total += max(memory - used[1] - own[1], 0) * 100 // memory if memory else 0
        return total // 2 if cpu and memory else total


def _balanced(requests: Mapping[str, int], used: Mapping[str, int], cpu: int, memory: int) -> int:
    """The nearer the used shares of cpu and memory, the better; a pod that requests nothing has no say."""
    own_cpu, own_memory = requests.get("cpu", 0), requests.get("memory", 0)
    if not own_cpu and not own_memory:
        return 0
    if not cpu or not memory:
        return 100 if cpu or memory else 0
    cpu_share = min((used.get("cpu", 0) + own_cpu) / cpu, 1)
    memory_share = min((used.get("memory", 0) + own_memory) / memory, 1)
    return int((1 - abs(cpu_share - memory_share) / 2) * 100)


def _scored(spec: PodSpec) -> tuple[int, int]:
    requests = spec.requests
    return requests.get("cpu") or _DEFAULT_CPU, requests.get("memory") or _DEFAULT_MEMORY
