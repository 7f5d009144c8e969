"""Neighbors: required pod affinity, anti-affinity and topology spread, as the scheduler's filters decide them.

Kubernetes' rule for anti-affinity works both ways: a pod stays away from those it names, and from those that name it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from underway.cluster.eligibility import admits, repelling
from underway.cluster.indexes import names
from underway.cluster.model import Node, Pod, Ref
from underway.cluster.podspec import PodTerm, Spread
from underway.cluster.state import ClusterState
from underway.units import Requirement, Selector

_APART = "node(s) didn't match pod anti-affinity rules"
_UNWELCOME = "node(s) didn't satisfy existing pods anti-affinity rules"


@dataclass(frozen=True)
class Neighborhood:
    """What the pods that run ask of the nodes for one pod: worked out once, asked of every node."""

    away: tuple[tuple[str, frozenset[str], str], ...] = ()
    """Topology key, the domains that are out of the question, and the scheduler's words for it."""
    beside: tuple[tuple[str, frozenset[str] | None], ...] = ()
    """Topology key and the domains of which the node must be in one; None: in any."""
    spread: tuple[tuple[str, dict[str, int], int], ...] = ()
    """Topology key, how many pods each domain has, and how many it may have without the pod."""

    def obstacle(self, node: Node) -> str | None:
        for key, domains, words in self.away:
            if node.labels.get(key) in domains:
                return words
        for key, wanted in self.beside:
            domain = node.labels.get(key)
            if domain is None or (wanted is not None and domain not in wanted):
                return "node(s) didn't match pod affinity rules"
        for key, counts, most in self.spread:
            domain = node.labels.get(key)
            if domain is None or counts.get(domain, 0) > most:
                return "node(s) didn't match pod topology spread constraints"
        return None


@dataclass(frozen=True)
class _Eligible:
    """The nodes that count for a constraint: by name, the domain of each; and the domains, with 0 for each."""

    key: Hashable
    """Of the constraints and pods for which they are the same."""
    domains: Mapping[str, str]
    none: Mapping[str, int]
    domain_of: Callable[[Pod], str | None]
    """The domain in which the constraint counts a pod."""


class Neighbors:
    """Who runs where, with the pods that are added and removed in thought."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._added: dict[str, dict[Ref, tuple[Pod, str]]] = {}
        """By namespace."""
        self._added_averse: dict[Ref, tuple[Pod, str]] = {}
        """Those of them with anti-affinity."""
        self._removed: set[str] = set()

    def add(self, pod: Pod, node: str) -> None:
        self._added.setdefault(pod.namespace, {})[pod.ref] = (pod, node)
        if pod.spec.anti_affinity:
            self._added_averse[pod.ref] = (pod, node)

    def remove(self, pod: Pod) -> None:
        self._added.get(pod.namespace, {}).pop(pod.ref, None)
        self._added_averse.pop(pod.ref, None)
        self._removed.add(pod.uid)

    def around(self, pod: Pod, closed: Collection[str] = ()) -> Neighborhood | None:
        """None if no other pod matters to this one. `closed` nodes count as cordoned."""
        spec = pod.spec
        away = [(term.topology_key, self._domains_of(pod, term), _APART) for term in spec.anti_affinity]
        away += [
            (term.topology_key, frozenset({domain}), _UNWELCOME)
            for other, where, term in self._averse(pod)
            if other.uid != pod.uid and (domain := self._domain(where, term.topology_key)) is not None
        ]
        beside = [(term.topology_key, self._domains_beside(pod, term)) for term in spec.affinity]
        spread = [self._spread(pod, constraint, closed) for constraint in spec.spread if constraint.hard]
        if not away and not beside and not spread:
            return None
        return Neighborhood(tuple(away), tuple(beside), tuple(spread))

    def matching(self, pod: Pod, term: PodTerm) -> Iterator[tuple[Pod, str]]:
        """The running pods that a term of `pod` names, with their nodes."""
        if term.selector is None:
            return
        for namespace in self._state.namespaces() if term.namespaces is None else term.namespaces or (pod.namespace,):
            for other, where in self._selected(namespace, term.selector):
                if other.uid != pod.uid:
                    yield other, where

    def domain_counts(self, pod: Pod, constraint: Spread, closed: Collection[str] = ()) -> dict[str, int]:
        """How many pods the constraint counts in each domain. Nodes that are none of its domains, and the pods on them,
        do not count. `closed` nodes count as cordoned.
        """
        eligible = self._eligible(pod, constraint)
        if not (closed and constraint.heeds_taints):
            return {**eligible.none, **self._count(pod, constraint, eligible)}
        domains = {name: domain for name, domain in eligible.domains.items() if name not in closed}
        return {**dict.fromkeys(domains.values(), 0), **self._count_anew(pod, constraint, domains)}

    def taken_domains(self, pod: Pod, constraint: Spread, *, topology_keys: tuple[str, ...]) -> Mapping[str, int]:
        """As `domain_counts`, without the domains that have none; nodes need have these topology keys only."""
        return self._count(pod, constraint, self._eligible(pod, constraint, topology_keys))

    def _count(self, pod: Pod, constraint: Spread, eligible: _Eligible) -> Mapping[str, int]:
        selector = _spread_selector(pod, constraint)
        if selector is None:
            return {}
        if self._removed or pod.namespace in self._added:
            return self._count_anew(pod, constraint, eligible.domains)
        found = self._state.selection(pod.namespace, selector).sorted_by(eligible.domain_of, key=eligible.key)
        return {domain: len(pods) for domain, pods in found.items() if domain is not None}

    def _count_anew(self, pod: Pod, constraint: Spread, domains: Mapping[str, str]) -> Mapping[str, int]:
        selector = _spread_selector(pod, constraint)
        found = self._selected(pod.namespace, selector) if selector is not None else ()
        return Counter(domains[where] for other, where in found if where in domains and other.deleting is None)

    def _eligible(self, pod: Pod, constraint: Spread, topology_keys: tuple[str, ...] | None = None) -> _Eligible:
        """The nodes that count for the constraint: those that have the topology keys, without further notice of all
        constraints of this kind, and that its policies admit.
        """
        spec = pod.spec
        if topology_keys is None:
            topology_keys = tuple(one.topology_key for one in spec.spread if one.hard == constraint.hard)
        wanted = tuple(spec.node_selector.items()), spec.node_terms
        key = (
            constraint.topology_key,
            topology_keys,
            wanted if constraint.heeds_affinity else None,
            spec.tolerations if constraint.heeds_taints else None,
        )
        version = self._state.barriers if constraint.heeds_taints else self._state.topology
        remembered = self._state.derived.of_nodes
        known, found = remembered.get(key, (-1, None))
        if known != version or not isinstance(found, _Eligible):
            domains = {
                node.name: node.labels[constraint.topology_key]
                for node in self._state.nodes.values()
                if node.labels.keys() >= set(topology_keys)
                and (not constraint.heeds_affinity or admits(spec, node))
                and (not constraint.heeds_taints or repelling(spec, node) is None)
            }
            found = _Eligible(key, domains, dict.fromkeys(domains.values(), 0), partial(_domain_of, domains))
            remembered[key] = version, found
        return found

    def _selected(self, namespace: str, selector: Selector) -> Iterator[tuple[Pod, str]]:
        added, removed = self._added.get(namespace, {}), self._removed
        for other in self._state.selection(namespace, selector).pods:
            if other.node and not other.finished and other.uid not in removed and (not added or other.ref not in added):
                yield other, other.node
        for other, where in added.values():
            if selector.matches(other.labels):
                yield other, where

    def _averse(self, pod: Pod) -> Iterator[tuple[Pod, str, PodTerm]]:
        """The running pods whose anti-affinity names this one."""
        for other, term in self._state.averse_to(pod):
            added = other.ref in self._added_averse
            if other.node and not other.finished and other.uid not in self._removed and not added:
                yield other, other.node, term
        for other, where in self._added_averse.values():
            for term in other.spec.anti_affinity:
                if names(other, term, pod):
                    yield other, where, term

    def _domain(self, node_name: str, key: str) -> str | None:
        node = self._state.nodes.get(node_name)
        return node.labels.get(key) if node else None

    def _domains_of(self, pod: Pod, term: PodTerm) -> frozenset[str]:
        """The domains in which a pod runs that the term names."""
        found = (self._domain(where, term.topology_key) for _, where in self.matching(pod, term))
        return frozenset(domain for domain in found if domain is not None)

    def _domains_beside(self, pod: Pod, term: PodTerm) -> frozenset[str] | None:
        """A pod that its own affinity names may start anywhere while there is no other that it names."""
        names_itself = term.selector is not None and term.selector.matches(pod.labels)
        if names_itself and next(self.matching(pod, term), None) is None:
            return None
        return self._domains_of(pod, term)

    def _spread(self, pod: Pod, constraint: Spread, closed: Collection[str]) -> tuple[str, dict[str, int], int]:
        """With the pod, no domain may be further above the emptiest one than maxSkew."""
        counts = self.domain_counts(pod, constraint, closed)
        fewest = 0 if len(counts) < constraint.min_domains else min(counts.values(), default=0)
        selector = _spread_selector(pod, constraint)
        own = 1 if selector is not None and selector.matches(pod.labels) else 0
        return constraint.topology_key, counts, constraint.max_skew + fewest - own


def _domain_of(domains: Mapping[str, str], pod: Pod) -> str | None:
    return domains.get(pod.node) if pod.node and pod.deleting is None and not pod.finished else None


def keeps_apart(pod: Pod) -> frozenset[str]:
    """The topology keys by which the pod keeps others like itself away: required anti-affinity and hard spread."""
    apart = {term.topology_key for term in pod.spec.anti_affinity if names(pod, term, pod)}
    spread = (each for each in pod.spec.spread if each.hard and _counts_itself(pod, each))
    return frozenset(apart.union(each.topology_key for each in spread))


def _counts_itself(pod: Pod, constraint: Spread) -> bool:
    selector = _spread_selector(pod, constraint)
    return selector is not None and selector.matches(pod.labels)


def _spread_selector(pod: Pod, constraint: Spread) -> Selector | None:
    """None, as of a constraint without a selector, selects nothing."""
    if constraint.selector is None or not constraint.match_label_keys:
        return constraint.selector
    keys = tuple(Requirement(key, "In", (pod.labels[key],)) for key in constraint.match_label_keys if key in pod.labels)
    return Selector(constraint.selector.requirements + keys)
