"""Neighbors: required pod affinity, anti-affinity and topology spread, as the scheduler's filters decide them.

Kubernetes' rule for anti-affinity works both ways: a pod stays away from those it names, and from those that name it.
"""

from __future__ import annotations

from collections.abc import Iterator

from underway.cluster.eligibility import admits
from underway.cluster.model import Node, Pod, Ref
from underway.cluster.podspec import PodTerm, Spread
from underway.cluster.state import ClusterState
from underway.units import Requirement, Selector


class Neighbors:
    """Who runs where, with the pods that are added and removed in thought."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._added: dict[Ref, tuple[Pod, str]] = {}
        self._removed: set[str] = set()
        self._averse: dict[Ref, tuple[Pod, str]] | None = None

    def add(self, pod: Pod, node: str) -> None:
        self._added[pod.ref] = (pod, node)
        if self._averse is not None and pod.spec.anti_affinity:
            self._averse[pod.ref] = (pod, node)

    def remove(self, pod: Pod) -> None:
        self._added.pop(pod.ref, None)
        self._removed.add(pod.uid)
        if self._averse is not None:
            self._averse.pop(pod.ref, None)

    def obstacle(self, pod: Pod, node: Node) -> str | None:
        for term in pod.spec.anti_affinity:
            if self._domain_has(pod, term, node):
                return "node(s) didn't match pod anti-affinity rules"
        if self._unwelcome(pod, node):
            return "node(s) didn't satisfy existing pods anti-affinity rules"
        for term in pod.spec.affinity:
            if not self._domain_has(pod, term, node) and not self._first_of_its_kind(pod, term, node):
                return "node(s) didn't match pod affinity rules"
        for constraint in pod.spec.spread:
            if constraint.hard and self.skew(pod, constraint, node) > constraint.max_skew:
                return "node(s) didn't match pod topology spread constraints"
        return None

    def skew(self, pod: Pod, constraint: Spread, node: Node) -> int:
        """How far the node's domain would be above the emptiest one with the pod on it. A node without the topology
        key breaks every constraint.
        """
        domain = node.labels.get(constraint.topology_key)
        if domain is None:
            return constraint.max_skew + 1
        counts = self.domain_counts(pod, constraint)
        counts.setdefault(domain, 0)
        fewest = 0 if len(counts) < constraint.min_domains else min(counts.values())
        own = 1 if _spread_selector(pod, constraint).matches(pod.labels) else 0
        return counts[domain] + own - fewest

    def domain_counts(self, pod: Pod, constraint: Spread) -> dict[str, int]:
        """How many pods the constraint counts in each domain. Nodes that the pod's own node affinity excludes are no
        domain (nodeAffinityPolicy: Honor); taints do not matter (nodeTaintsPolicy: Ignore).
        """
        counts: dict[str, int] = {}
        for node in self._state.nodes.values():
            domain = node.labels.get(constraint.topology_key)
            if domain is not None and admits(pod.spec, node):
                counts.setdefault(domain, 0)
        selector = _spread_selector(pod, constraint)
        for other, where in self._running(pod.namespace):
            domain = self._domain(where, constraint.topology_key)
            if domain in counts and other.deleting is None and selector.matches(other.labels):
                counts[domain] += 1
        return counts

    def matching(self, pod: Pod, term: PodTerm) -> Iterator[tuple[Pod, str]]:
        """The running pods that a term of `pod` names, with their nodes."""
        if term.selector is None:
            return
        namespaces = term.namespaces if term.namespaces is not None else (None,)
        for namespace in namespaces or (pod.namespace,):
            for other, where in self._running(namespace):
                if other.uid != pod.uid and term.selector.matches(other.labels):
                    yield other, where

    def _running(self, namespace: str | None) -> Iterator[tuple[Pod, str]]:
        pods = self._state.pods.values() if namespace is None else self._state.pods_in(namespace)
        for other in pods:
            if other.node and not other.finished and other.uid not in self._removed and other.ref not in self._added:
                yield other, other.node
        for other, where in self._added.values():
            if namespace is None or other.namespace == namespace:
                yield other, where

    def _domain(self, node_name: str, key: str) -> str | None:
        node = self._state.nodes.get(node_name)
        return node.labels.get(key) if node else None

    def _domain_has(self, pod: Pod, term: PodTerm, node: Node) -> bool:
        domain = node.labels.get(term.topology_key)
        if domain is None:
            return False
        return any(self._domain(where, term.topology_key) == domain for _, where in self.matching(pod, term))

    def _first_of_its_kind(self, pod: Pod, term: PodTerm, node: Node) -> bool:
        """A pod that its own affinity names may start anywhere while there is no other that it names."""
        return (
            term.topology_key in node.labels
            and term.selector is not None
            and term.selector.matches(pod.labels)
            and next(self.matching(pod, term), None) is None
        )

    def _unwelcome(self, pod: Pod, node: Node) -> bool:
        if self._averse is None:
            self._averse = {
                other.ref: (other, where) for other, where in self._running(None) if other.spec.anti_affinity
            }
        for other, where in self._averse.values():
            if other.uid == pod.uid:
                continue
            for term in other.spec.anti_affinity:
                namespaces = (other.namespace,) if term.namespaces == () else term.namespaces
                if (
                    term.selector is not None
                    and (namespaces is None or pod.namespace in namespaces)
                    and term.selector.matches(pod.labels)
                    and (domain := node.labels.get(term.topology_key)) is not None
                    and self._domain(where, term.topology_key) == domain
                ):
                    return True
        return False


def _spread_selector(pod: Pod, constraint: Spread) -> Selector:
    keys = tuple(Requirement(key, "In", (pod.labels[key],)) for key in constraint.match_label_keys if key in pod.labels)
    own = constraint.selector.requirements if constraint.selector else ()
    return Selector(own + keys)
