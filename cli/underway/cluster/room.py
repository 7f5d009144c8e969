"""Room: where a pod can run. The scheduler's predicates over the cluster's model, in the scheduler's own words.

`Room` keeps what each node has left while pods are placed and taken away in thought; the simulated scheduler and the
search for blockers ask the same questions of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import msgspec

from underway.cluster.affinity import Neighbors
from underway.cluster.eligibility import (
    NOT_READY,
    UNSCHEDULABLE,
    admits,
    repelling,
    selects_node,
    tolerates,
)
from underway.cluster.model import Claim, Node, Pod
from underway.cluster.podspec import PodSpec, Resources
from underway.cluster.state import ClusterState

_CORDONED = "node(s) were unschedulable"


class Usage(msgspec.Struct):
    """What runs on a node takes: requests in the model's units, host ports, and the number of pods."""

    requests: dict[str, int]
    ports: Counter[tuple[str, str, int]]
    pods: int = 0

    def count(self, pod: Pod, sign: int) -> None:
        self.pods += sign
        requests = self.requests
        for resource, amount in pod.spec.requests.items():
            requests[resource] = requests.get(resource, 0) + sign * amount
        for port in pod.spec.host_ports:
            self.ports[port] += sign


class Room:
    """What every node has left. Pods are added and removed in thought; the state underneath stays as it is."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._usage: dict[str, Usage] = {}
        self._shapes: dict[object, int] = {}
        self._known: dict[str, dict[int, str | None]] = {}
        """By node and shape, what `look` has said."""
        self.neighbors = Neighbors(state)

    def usage(self, node: str) -> Usage:
        found = self._usage.get(node)
        if found is None:
            found = self._usage[node] = Usage({}, Counter())
            for pod in self._state.pods_on(node):
                if not pod.finished:
                    found.count(pod, 1)
        return found

    def add(self, pod: Pod, node: str) -> None:
        self.usage(node).count(pod, 1)
        self.forget(node)
        self.neighbors.add(pod, node)

    def remove(self, pod: Pod) -> None:
        """Take a pod away from its node; it must be one that the state or `add` put there."""
        self.usage(pod.node).count(pod, -1)
        self.forget(pod.node)
        self.neighbors.remove(pod)

    def without_placeholders(self) -> Room:
        """This room, where pods of negative priority take none: what comes preempts them."""
        for pod in self._state.pods.values():
            if pod.spec.priority < 0 and pod.node and not pod.finished:
                self.remove(pod)
        return self

    def uses(self, claim: Claim, pod: Pod) -> bool:
        """Whether a pod beside this one has the claim: of a ReadWriteOncePod volume there may be no other."""
        others = (other for other in self._state.pods_in(claim.namespace) if claim.name in other.spec.claims)
        return any(other.node and not other.finished and other.uid != pod.uid for other in others)

    def search(self, pod: Pod, *, closed: Collection[str] = ()) -> Search:
        """Look for a node for the pod; `closed` nodes count as cordoned."""
        return Search(self, self._state, pod, closed)

    def obstacle(self, pod: Pod, node: Node, *, closed: Collection[str] = ()) -> str | None:
        """Why the pod cannot be bound to the node, as the scheduler says it; None if it can."""
        return self.search(pod, closed=closed).obstacle(node)

    def look(self, spec: PodSpec, shape: int, node: Node) -> str | None:
        """What of the node itself, and of what is taken of it, is in the way of any pod of this shape."""
        known = self._known.get(node.name)
        if known is None:
            known = self._known[node.name] = {}
        if shape not in known:
            known[shape] = self.rules_out(spec, node)
        return known[shape]

    def rules_out(self, spec: PodSpec, node: Node) -> str | None:
        """As `look`, worked out anew."""
        return unfit(spec, node) or self._shortage(spec, node)

    def shape(self, spec: PodSpec) -> int:
        """A number for all pods that want the same of a node."""
        requests, wanted = tuple(spec.requests.items()), tuple(spec.node_selector.items())
        key = (requests, wanted, spec.tolerations, spec.node_terms, spec.preferred_nodes, spec.host_ports)
        return self._shapes.setdefault(key, len(self._shapes))

    def forget(self, node: str) -> None:
        """The node, or what is on it, has changed."""
        self._known.pop(node, None)

    def _shortage(self, spec: PodSpec, node: Node) -> str | None:
        used = self.usage(node.name)
        if used.pods + 1 > node.allocatable.get("pods", 110):
            return "Too many pods"
        if spec.host_ports and any(_taken(port, used.ports) for port in spec.host_ports):
            return "node(s) didn't have free ports for the requested pod ports"
        for resource, amount in spec.requests.items():
            if amount and used.requests.get(resource, 0) + amount > node.allocatable.get(resource, 0):
                return f"Insufficient {resource}"
        return None

    def place(
        self, pod: Pod, *, closed: Collection[str] = (), preferred: Collection[str] = (), emptiest: bool = False
    ) -> str | Mapping[str, int]:
        """Find the pod a node (one of `preferred` if possible, then the fullest that fits) and put it there.
        `emptiest`: the emptiest instead.

        Returns the node's name, or why not: how many nodes stand in the way for each reason.
        """
        obstacles: Counter[str] = Counter()
        search = self.search(pod, closed=closed)
        best: tuple[bool, float, str] | None = None
        for node in self._state.nodes.values():
            obstacle = search.obstacle(node)
            if obstacle is not None:
                obstacles[obstacle] += 1
                continue
            free = self.free_share(node)
            candidate = (node.name not in preferred, -free if emptiest else free, node.name)
            best = candidate if best is None else min(best, candidate)
        if best is None:
            return obstacles
        self.add(pod, best[2])
        return best[2]

    def first_fit(self, pod: Pod, nodes: Iterable[str], *, closed: Collection[str] = ()) -> str | None:
        """Put the pod on the first of these nodes that it fits on. Returns its name."""
        search = self.search(pod, closed=closed)
        for name in nodes:
            node = self._state.nodes.get(name)
            if node is not None and search.obstacle(node) is None:
                self.add(pod, name)
                return name
        return None

    def free_share(self, node: Node) -> float:
        """The smallest free share, 0 to 1, of the node's cpu and memory."""
        used = self.usage(node.name).requests
        return min(
            (1 - used.get(resource, 0) / total for resource in ("cpu", "memory") if (total := _amount(node, resource))),
            default=0.0,
        )


class Search:
    """Where one pod may go: what is the same for every node is worked out once."""

    def __init__(self, room: Room, state: ClusterState, pod: Pod, closed: Collection[str]) -> None:
        self._room = room
        self._spec = pod.spec
        self._shape = room.shape(pod.spec)
        self._closed = closed
        self._neighborhood = room.neighbors.around(pod, self._closed)
        claims = [claim for name in pod.spec.claims if (claim := state.claim(pod.namespace, name))]
        self._in_use = any("ReadWriteOncePod" in claim.modes and room.uses(claim, pod) for claim in claims)
        volumes = (state.volumes.get(claim.volume) for claim in claims)
        self._volumes = [found.node_terms for found in volumes if found and found.node_terms is not None]

    @property
    def alone(self) -> bool:
        """Neither other pods nor volumes matter to the pod."""
        return self._neighborhood is None and not self._volumes and not self._in_use

    def obstacle(self, node: Node) -> str | None:
        if node.name in self._closed:
            return _CORDONED
        return self._room.look(self._spec, self._shape, node) or self.around(node)

    def unfit(self, node: Node) -> str | None:
        """As `obstacle`, whatever the pods on the node take of it."""
        if node.name in self._closed:
            return _CORDONED
        return self.around(node) or unfit(self._spec, node)

    def around(self, node: Node) -> str | None:
        """What of the pod's volumes, or of other pods, is in the way."""
        if self._in_use:
            return "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
        if any(not selects_node(terms, node) for terms in self._volumes):
            return "node(s) had volume node affinity conflict"
        return self._neighborhood.obstacle(node) if self._neighborhood else None


def unfit(spec: PodSpec, node: Node) -> str | None:
    """What of the node itself keeps every pod like this away, whatever runs there."""
    if node.unschedulable and not tolerates(spec.tolerations, UNSCHEDULABLE):
        return _CORDONED
    if not node.ready and not tolerates(spec.tolerations, NOT_READY):
        return "node(s) were not ready"
    taint = repelling(spec, node)
    if taint is not None:
        return f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}"
    if not admits(spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    return None


def unschedulable_message(obstacles: Mapping[str, int]) -> str:
    """The scheduler's sentence: `0/4 nodes are available: 1 Insufficient cpu, 3 node(s) were unschedulable`."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(obstacles.items()))
    return f"0/{sum(obstacles.values())} nodes are available: {reasons or 'there is none'}"


def _amount(node: Node, resource: str) -> int:
    return node.allocatable.get(resource, 0)


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
