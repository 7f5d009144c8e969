"""Room: where a pod can run. The scheduler's predicates over the cluster's model, in the scheduler's own words.

`Room` keeps what each node has left while pods are placed and taken away in thought; the simulated scheduler and the
search for blockers ask the same questions of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import msgspec

from underway.cluster.affinity import Neighbors
from underway.cluster.eligibility import admits, selects_node, tolerates, tolerates_cordon
from underway.cluster.model import Node, Pod
from underway.cluster.podspec import PodSpec, Resources
from underway.cluster.state import ClusterState


class Usage(msgspec.Struct):
    """What runs on a node takes: requests in the model's units, host ports, and the number of pods."""

    requests: dict[str, int]
    ports: Counter[tuple[str, str, int]]
    pods: int = 0


class Room:
    """What every node has left. Pods are added and removed in thought; the state underneath stays as it is."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._usage: dict[str, Usage] = {}
        self.neighbors = Neighbors(state)

    def usage(self, node: str) -> Usage:
        found = self._usage.get(node)
        if found is None:
            found = self._usage[node] = Usage({}, Counter())
            for pod in self._state.pods_on(node):
                if not pod.finished:
                    _count(found, pod, 1)
        return found

    def add(self, pod: Pod, node: str) -> None:
        _count(self.usage(node), pod, 1)
        self.neighbors.add(pod, node)

    def remove(self, pod: Pod) -> None:
        """Take a pod away from its node; it must be one that the state or `add` put there."""
        _count(self.usage(pod.node), pod, -1)
        self.neighbors.remove(pod)

    def obstacle(self, pod: Pod, node: Node, *, closed: Collection[str] = ()) -> str | None:
        """Why the pod cannot be bound to the node, as the scheduler says it; None if it can. `closed` nodes count as
        cordoned.
        """
        spec = pod.spec
        if (node.unschedulable or node.name in closed) and not tolerates_cordon(pod):
            return "node(s) were unschedulable"
        if not node.ready:
            return "node(s) were not ready"
        for taint in node.taints:
            if taint.effect != "PreferNoSchedule" and not tolerates(spec.tolerations, taint):
                return f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}"
        if not admits(spec, node):
            return "node(s) didn't match Pod's node affinity/selector"
        return self._shortage(spec, node) or self._volume_obstacle(pod, node) or self.neighbors.obstacle(pod, node)

    def _shortage(self, spec: PodSpec, node: Node) -> str | None:
        used = self.usage(node.name)
        if used.pods + 1 > node.allocatable.get("pods", 110):
            return "Too many pods"
        if any(_taken(port, used.ports) for port in spec.host_ports):
            return "node(s) didn't have free ports for the requested pod ports"
        for resource, amount in spec.requests.items():
            if amount and used.requests.get(resource, 0) + amount > node.allocatable.get(resource, 0):
                return f"Insufficient {resource}"
        return None

    def _volume_obstacle(self, pod: Pod, node: Node) -> str | None:
        for name in pod.spec.claims:
            claim = self._state.claim(pod.namespace, name)
            volume = self._state.volumes.get(claim.volume) if claim else None
            if volume and volume.node_terms is not None and not selects_node(volume.node_terms, node):
                return "node(s) had volume node affinity conflict"
        return None

    def place(
        self, pod: Pod, *, closed: Collection[str] = (), preferred: Collection[str] = ()
    ) -> str | Mapping[str, int]:
        """Find the pod a node (one of `preferred` if possible, then the fullest that fits) and put it there.

        Returns the node's name, or why not: how many nodes stand in the way for each reason.
        """
        obstacles: Counter[str] = Counter()
        best: tuple[bool, float, str] | None = None
        for node in self._state.nodes.values():
            obstacle = self.obstacle(pod, node, closed=closed)
            if obstacle is not None:
                obstacles[obstacle] += 1
                continue
            candidate = (node.name not in preferred, self.free_share(node), node.name)
            best = candidate if best is None else min(best, candidate)
        if best is None:
            return obstacles
        self.add(pod, best[2])
        return best[2]

    def free_share(self, node: Node) -> float:
        """The smallest free share, 0 to 1, of the node's cpu and memory."""
        used = self.usage(node.name).requests
        return min(
            (1 - used.get(resource, 0) / total for resource in ("cpu", "memory") if (total := _amount(node, resource))),
            default=0.0,
        )


def unschedulable_message(obstacles: Mapping[str, int]) -> str:
    """The scheduler's sentence: `0/4 nodes are available: 1 Insufficient cpu, 3 node(s) were unschedulable`."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(obstacles.items()))
    return f"0/{sum(obstacles.values())} nodes are available: {reasons or 'there is none'}"


def _amount(node: Node, resource: str) -> int:
    return node.allocatable.get(resource, 0)


def _count(usage: Usage, pod: Pod, sign: int) -> None:
    usage.pods += sign
    for resource, amount in pod.spec.requests.items():
        usage.requests[resource] = usage.requests.get(resource, 0) + sign * amount
    for port in pod.spec.host_ports:
        usage.ports[port] += sign


def _taken(port: tuple[str, str, int], taken: Counter[tuple[str, str, int]]) -> bool:
    protocol, address, number = port
    return any(
        count > 0 and held[0] == protocol and held[2] == number and (not address or not held[1] or address == held[1])
        for held, count in taken.items()
    )


def larger_first(pods: Iterable[Pod], total: Resources) -> list[Pod]:
    """Order pods for packing: by the largest share of `total` that each takes, then by name."""

    def share(pod: Pod) -> float:
        return max((amount / total[name] for name, amount in pod.spec.requests.items() if total.get(name)), default=0)

    return sorted(pods, key=lambda pod: (-share(pod), pod.namespace, pod.name))
