"""Which nodes a pod may be on at all: taints and tolerations, node selectors and node affinity."""

from __future__ import annotations

from collections.abc import Iterable

from underway.cluster.model import Node, Pod
from underway.cluster.podspec import NodeTerm, PodSpec, Taint, Toleration

UNSCHEDULABLE = Taint("node.kubernetes.io/unschedulable", "NoSchedule")
NOT_READY = Taint("node.kubernetes.io/not-ready", "NoSchedule")
"""A node gets it by not being Ready, which itself keeps no pod away."""


def tolerates(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    return any(_tolerates(toleration, taint) for toleration in tolerations)


def tolerates_cordon(pod: Pod) -> bool:
    """Whether the pod may be scheduled on a cordoned node."""
    return tolerates(pod.spec.tolerations, UNSCHEDULABLE)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.value == taint.value


def repelling(spec: PodSpec, node: Node) -> Taint | None:
    """The first of the node's taints that keeps the pod off it. A cordon is one, though it may be told only as such."""
    for taint in node.taints:
        if taint.effect != "PreferNoSchedule" and not tolerates(spec.tolerations, taint):
            return taint
    return UNSCHEDULABLE if node.unschedulable and not tolerates(spec.tolerations, UNSCHEDULABLE) else None


def expendable(pod: Pod) -> bool:
    """A placeholder: with a negative priority it makes way (by preemption) for any pod that has none given."""
    return pod.spec.priority < 0


def selects_node(terms: Iterable[NodeTerm], node: Node) -> bool:
    """Whether a required node affinity, or a volume's, admits the node: one of its terms has to match."""
    return any(_matches(term, node) for term in terms)


def wish(spec: PodSpec, node: Node) -> int:
    """The weight of the pod's preferred node affinity for the node."""
    return sum(term.weight for term in spec.preferred_nodes if _matches(term, node))


def _matches(term: NodeTerm, node: Node) -> bool:
    return term.labels.matches(node.labels) and term.names.matches({"metadata.name": node.name})


def admits(spec: PodSpec, node: Node) -> bool:
    """Whether the pod's node selector and required node affinity admit the node."""
    if not spec.node_selector.items() <= node.labels.items():
        return False
    return spec.node_terms is None or selects_node(spec.node_terms, node)
