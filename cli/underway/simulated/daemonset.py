"""The DaemonSet controller: one pod on every node that its template admits, cordoned or not. One key a node, so that
a change costs what changed. A rolling update replaces maxUnavailable pods at a time, those that are not Ready at once;
or with maxSurge makes so many new ones first, each beside the old one, which goes when the new one is available.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import msgspec

from underway.cluster.eligibility import admits, tolerates
from underway.cluster.model import Node, Pod, Ref, Template, Workload
from underway.cluster.podspec import NodeTerm, PodSpec, Toleration
from underway.simulated.pods import available, available_in, create_pod, delete_pod, is_active, owner_of
from underway.simulated.world import WorkQueue, World
from underway.units import Requirement, Selector, Share

_TOLERATIONS = (
    Toleration("node.kubernetes.io/not-ready", "Exists", effect="NoExecute"),
    Toleration("node.kubernetes.io/unreachable", "Exists", effect="NoExecute"),
    Toleration("node.kubernetes.io/disk-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/memory-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/pid-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/unschedulable", "Exists", effect="NoSchedule"),
)

GENERATION = "pod-template-generation"
_REVISION = "controller-revision-hash"
_FIRST = "1"
_ONE = Share(1)


class DaemonSets:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[tuple[Ref, str]](world, self._sync_node, world.settings.controller_delay)
        self._counts = WorkQueue[Ref](world, self._sync_status, world.settings.controller_delay)
        self._wanted_on: dict[Ref, set[str]] = {}
        """The DaemonSets, and the nodes that each wants a pod on."""
        self._revisions: dict[tuple[str, str], str] = {}
        """The revisions of each DaemonSet (by its UID) by the hash of their template."""
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
            if old is not None:
                self._learn(old)
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
        if new and new.owner is None and old and old.labels != new.labels and not self._world.starting:
            for ref in self._wanted_on:
                found = self._world.get(Workload, ref) if ref.namespace == new.namespace else None
                if found is not None and found.selector and found.selector.matches(new.labels):
                    self._queue.add((ref, new.node))

    def _sync_node(self, key: tuple[Ref, str]) -> None:
        ref, name = key
        found, node = self._world.get(Workload, ref), self._world.state.nodes.get(name)
        if found is None or found.template is None or node is None:
            return
        here = self._claim(found, name)
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
            there = sorted([pod for pod in here if not pod.finished], key=lambda pod: str(pod.created or ""))
            surplus = self._surplus(found, there) if _surge(found) else there[1:]
            for pod in surplus:
                delete_pod(self._world, pod)
            if not there or (_surge(found) and not any(is_active(pod) for pod in there)):
                self._create(found, found.template, name)
        elif not _may_stay(found.template.spec, node):
            for pod in here:
                delete_pod(self._world, pod)

    def _create(self, found: Workload, template: Template, node: str) -> None:
        spec = _pinned(template.spec, node)
        template = msgspec.structs.replace(template, labels=self._labels(found), spec=spec)
        create_pod(self._world, found, self._world.new_name("pod", found.namespace, found.name), template)

    def _surplus(self, found: Workload, there: list[Pod]) -> list[Pod]:
        """Of each version one pod may stay, oldest first; and of the old one only while it is Ready and the new one not
        yet available (podsShouldBeOnNode).
        """
        active = [pod for pod in there if pod.deleting is None]
        new = [pod for pod in active if self._is_updated(pod, found)]
        old = [pod for pod in active if pod not in new]
        if new and old and (not old[0].ready or available_in(new[0], found, self._world.now) == timedelta(0)):
            return new[1:] + old
        return new[1:] + old[1:]

    def _claim(self, found: Workload, node: str) -> list[Pod]:
        """Its pods on a node, after releasing those that no longer match and adopting those that do."""
        here = []
        for pod in tuple(self._world.state.pods_on(node)):
            matches = found.selector is not None and found.selector.matches(pod.labels)
            if pod.owner is not None and pod.owner.uid == found.uid:
                if matches or not is_active(pod):
                    here.append(pod)
                else:
                    self._world.put(msgspec.structs.replace(pod, owner=None))
            elif pod.owner is None and matches and pod.namespace == found.namespace and is_active(pod):
                here.append(self._world.put(msgspec.structs.replace(pod, owner=owner_of(found))))
        return here

    def _unbound(self, found: Workload) -> list[Pod]:
        return [pod for pod in self._world.state.pods_on("") if pod.owner and pod.owner.uid == found.uid]

    def _sync_status(self, ref: Ref) -> None:
        found = self._world.get(Workload, ref)
        if found is None:
            return
        found = msgspec.structs.replace(found, update_revision=found.update_revision or _FIRST)
        pods = [pod for pod in self._world.state.pods_of(found.uid) if is_active(pod)]
        old = [pod for pod in pods if not self._is_updated(pod, found)]
        count, wait = available(pods, found, self._world.now)
        if wait is not None:
            self._counts.add(ref, wait)
        wanted = len(self._wanted_on.get(ref, ()))
        self._world.put(
            msgspec.structs.replace(
                found,
                replicas=wanted,
                current=min(len(pods), wanted),
                updated=len(pods) - len(old),
                ready=min(sum(1 for pod in pods if pod.ready), wanted),
                available=min(count, wanted),
                observed_generation=found.generation,
            )
        )
        if found.strategy != "OnDelete" and old and _surge(found):
            self._roll_beside(found, old, [pod for pod in pods if self._is_updated(pod, found)])
        elif found.strategy != "OnDelete" and old:
            self._roll(found, old, wanted - count)

    def _roll(self, found: Workload, old: list[Pod], unavailable: int) -> None:
        """Those that are not available cost nothing; of the others so many as maxUnavailable leaves (update.go)."""
        limit = max(1, (found.max_unavailable or _ONE).of(found.replicas, round_up=True))
        now = self._world.now
        standing = [pod for pod in old if available_in(pod, found, now) == timedelta(0)]
        for pod in old:
            if pod not in standing:
                delete_pod(self._world, pod)
        for pod in standing[: max(0, limit - unavailable)]:
            delete_pod(self._world, pod)

    def _roll_beside(self, found: Workload, old: list[Pod], new: list[Pod]) -> None:
        """New pods beside all that are not available, and beside so many others as maxSurge leaves."""
        now = self._world.now
        begun = {_target(pod): available_in(pod, found, now) for pod in new}
        for pod in new:
            self._queue.add((found.ref, _target(pod)), begun[_target(pod)])
        left = _surge(found) - sum(1 for pod in old if begun.get(_target(pod), timedelta(0)) != timedelta(0))
        for pod in old:
            name = _target(pod)
            if name in begun or found.template is None or name not in self._wanted_on[found.ref]:
                continue
            stands = available_in(pod, found, now) == timedelta(0)
            if not stands or left > 0:
                left -= stands
                self._create(found, found.template, name)

    def _learn(self, found: Workload) -> None:
        """The revision of a template, as the pods say that were made of it."""
        for pod in self._world.state.pods_of(found.uid):
            if found.template is not None and _REVISION in pod.labels and _generation(pod) == _number(found):
                self._revisions[found.uid, found.template.hash] = pod.labels[_REVISION]
                return

    def _revision_of(self, found: Workload) -> str:
        digest = found.template.hash if found.template is not None else ""
        return self._revisions.setdefault((found.uid, digest), sha256(digest.encode()).hexdigest()[:10])

    def _labels(self, found: Workload) -> dict[str, str]:
        labels = found.template.labels if found.template is not None else {}
        return {**labels, GENERATION: _number(found), _REVISION: self._revision_of(found)}

    def _is_updated(self, pod: Pod, found: Workload) -> bool:
        """By the template's number or by its revision (daemon/util, IsPodUpdated)."""
        return _generation(pod) == _number(found) or pod.labels.get(_REVISION) == self._revision_of(found)


def _surge(found: Workload) -> int:
    """How many nodes may have a second pod during a rolling update."""
    return found.max_surge.of(found.replicas, round_up=True) if found.max_surge is not None else 0


def _number(found: Workload) -> str:
    return found.update_revision or _FIRST


def _generation(pod: Pod) -> str:
    return pod.labels.get(GENERATION, _FIRST)


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
