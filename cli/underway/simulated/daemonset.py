"""The DaemonSet controller: one pod on every node that its template admits, cordoned or not. One key a node, so that
a change costs what changed.
"""

from __future__ import annotations

import msgspec

from underway.cluster.eligibility import admits, tolerates
from underway.cluster.model import Node, Pod, Ref, Template, Workload
from underway.cluster.podspec import NodeTerm, PodSpec, Toleration
from underway.simulated.pods import create_pod, delete_pod, is_active
from underway.simulated.world import WorkQueue, World
from underway.units import Requirement, Selector

_TOLERATIONS = (
    Toleration("node.kubernetes.io/not-ready", "Exists", effect="NoExecute"),
    Toleration("node.kubernetes.io/unreachable", "Exists", effect="NoExecute"),
    Toleration("node.kubernetes.io/disk-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/memory-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/pid-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/unschedulable", "Exists", effect="NoSchedule"),
)


class DaemonSets:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[tuple[Ref, str]](world, self._sync_node, world.settings.controller_delay)
        self._counts = WorkQueue[Ref](world, self._sync_status, world.settings.controller_delay)
        self._wanted_on: dict[Ref, set[str]] = {}
        """The DaemonSets, and the nodes that each wants a pod on."""
        world.watch(Workload, self._workload_changed)
        world.watch(Node, self._node_changed)
        world.watch(Pod, self._pod_changed)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        workload = new or old
        if workload is None or workload.kind != "daemonset":
            return
        if new is None:
            self._wanted_on.pop(workload.ref, None)
            return
        if old is None or old.template != new.template:
            spec, nodes = new.template.spec if new.template else None, self._world.state.nodes.values()
            self._wanted_on[new.ref] = {node.name for node in nodes if spec is not None and _wanted(spec, node)}
            if self._world.is_settled(new):
                return
            self._counts.add(new.ref)
            for name in self._world.state.nodes:
                self._queue.add((new.ref, name))

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        node = new or old
        same = old and new and old.labels == new.labels and old.taints == new.taints
        if node is None or same or self._world.starting:
            return
        for ref, names in self._wanted_on.items():
            if new is None and node.name in names:
                names.discard(node.name)
                self._counts.add(ref)
            self._queue.add((ref, node.name))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in () if self._world.starting else (old, new):
            if pod and pod.owner and pod.owner.kind == "DaemonSet":
                ref = Ref("daemonset", pod.namespace, pod.owner.name)
                self._queue.add((ref, _target(pod)))
                self._counts.add(ref)

    def _sync_node(self, key: tuple[Ref, str]) -> None:
        ref, name = key
        found, node = self._world.get(Workload, ref), self._world.state.nodes.get(name)
        if found is None or found.template is None or node is None:
            return
        here = [pod for pod in self._world.state.pods_on(name) if pod.owner and pod.owner.uid == found.uid]
        here += [pod for pod in self._unbound(found) if _target(pod) == name]
        for pod in here:
            if pod.finished and pod.deleting is None:
                delete_pod(self._world, pod)
        wanted = _wanted(found.template.spec, node)
        names = self._wanted_on.setdefault(ref, set())
        if wanted != (name in names):
            (names.add if wanted else names.discard)(name)
            self._counts.add(ref)
        if wanted:
            if not any(not pod.finished for pod in here):
                spec = _pinned(found.template.spec, name)
                template = Template(found.template.labels, spec, found.template.hash)
                create_pod(self._world, found, self._world.new_name("pod", found.namespace, found.name), template)
        elif not _may_stay(found.template.spec, node):
            for pod in here:
                delete_pod(self._world, pod)

    def _unbound(self, found: Workload) -> list[Pod]:
        return [pod for pod in self._world.state.pods_on("") if pod.owner and pod.owner.uid == found.uid]

    def _sync_status(self, ref: Ref) -> None:
        found = self._world.get(Workload, ref)
        if found is None:
            return
        pods = [pod for pod in self._world.state.pods_of(found.uid) if is_active(pod)]
        ready = sum(1 for pod in pods if pod.ready)
        self._world.put(
            msgspec.structs.replace(
                found,
                replicas=len(self._wanted_on.get(ref, ())),
                current=len(pods),
                updated=len(pods),
                ready=ready,
                available=ready,
                observed_generation=found.generation,
            )
        )


def _tolerations(spec: PodSpec) -> tuple[Toleration, ...]:
    network = (Toleration("node.kubernetes.io/network-unavailable", "Exists", effect="NoSchedule"),)
    return spec.tolerations + _TOLERATIONS + (network if spec.host_network else ())


def _wanted(spec: PodSpec, node: Node) -> bool:
    tolerations = _tolerations(spec)
    return admits(spec, node) and all(
        tolerates(tolerations, taint) for taint in node.taints if taint.effect != "PreferNoSchedule"
    )


def _may_stay(spec: PodSpec, node: Node) -> bool:
    """A NoSchedule taint keeps new pods away and leaves those that run."""
    tolerations = _tolerations(spec)
    return admits(spec, node) and all(
        tolerates(tolerations, taint) for taint in node.taints if taint.effect == "NoExecute"
    )


def _pinned(spec: PodSpec, node: str) -> PodSpec:
    """The scheduler binds it, held to its node by a matchFields term in every alternative of its affinity."""
    here = Selector((Requirement("metadata.name", "In", (node,)),))
    terms = tuple(NodeTerm(term.labels, here) for term in spec.node_terms or (NodeTerm(Selector()),))
    return msgspec.structs.replace(spec, node_terms=terms, tolerations=_tolerations(spec))


def _target(pod: Pod) -> str:
    """The node that a DaemonSet's pod is on, or is held to."""
    if pod.node:
        return pod.node
    for term in pod.spec.node_terms or ():
        for requirement in term.names.requirements:
            if requirement.key == "metadata.name" and requirement.values:
                return requirement.values[0]
    return ""
