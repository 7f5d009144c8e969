"""Affinity and topology spread on the wire: which nodes a pod wants, and which neighbours."""

from __future__ import annotations

import msgspec

from underway.cluster.podspec import NodeTerm, PodTerm, Spread
from underway.cluster.wire_metadata import Wire, WireExpression, WireSelector, requirement
from underway.units import Selector

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every namespace has of itself."""


class WireNodeTerm(Wire):
    match_expressions: list[WireExpression] | None = None
    match_fields: list[WireExpression] | None = None

    def decoded(self, weight: int = 0) -> NodeTerm:
        labels, names = map(requirement, self.match_expressions or ()), map(requirement, self.match_fields or ())
        return NodeTerm(Selector(tuple(labels)), Selector(tuple(names)), weight)


class WireNodeSelector(Wire):
    node_selector_terms: list[WireNodeTerm] | None = None

    def decoded(self) -> tuple[NodeTerm, ...]:
        """A term without a condition matches no node, as the API says."""
        return tuple(
            term.decoded() for term in self.node_selector_terms or () if term.match_expressions or term.match_fields
        )


class WirePodTerm(Wire):
    label_selector: WireSelector | None = None
    topology_key: str | None = None
    namespaces: list[str] | None = None
    namespace_selector: WireSelector | None = None
    match_label_keys: list[str] | None = None
    mismatch_label_keys: list[str] | None = None

    def decoded(self, weight: int = 0) -> PodTerm:
        return PodTerm(
            selector=self.label_selector.decoded() if self.label_selector else None,
            topology_key=self.topology_key or "",
            namespaces=self._where(),
            weight=weight,
            match_keys=tuple(self.match_label_keys or ()),
            mismatch_keys=tuple(self.mismatch_label_keys or ()),
        )

    def _where(self) -> tuple[str, ...] | None:
        """The namespaces by name, as far as they are told so. By their other labels, which are not known, all of them
        may be meant.
        """
        named = tuple(self.namespaces or ())
        if self.namespace_selector is None:
            return named
        for found in self.namespace_selector.decoded().requirements:
            if found.key == _NAMESPACE_NAME and found.operator == "In":
                return (*named, *found.values)
        return None


class WireWeightedPodTerm(Wire):
    weight: int | None = None
    pod_affinity_term: WirePodTerm | None = None


class WirePreferredNodes(Wire):
    weight: int | None = None
    preference: WireNodeTerm | None = None


class WireNodeAffinity(Wire):
    required: WireNodeSelector | None = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
    )
    preferred: list[WirePreferredNodes] | None = msgspec.field(
        name="preferredDuringSchedulingIgnoredDuringExecution", default=None
    )

    def wishes(self) -> tuple[NodeTerm, ...]:
        """A preference without a condition, or without weight, is none."""
        return tuple(
            one.preference.decoded(one.weight)
            for one in self.preferred or ()
            if one.weight and one.preference and (one.preference.match_expressions or one.preference.match_fields)
        )


class WirePodAffinity(Wire):
    required: list[WirePodTerm] | None = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
    )
    preferred: list[WireWeightedPodTerm] | None = msgspec.field(
        name="preferredDuringSchedulingIgnoredDuringExecution", default=None
    )


class WireAffinity(Wire):
    node_affinity: WireNodeAffinity | None = None
    pod_affinity: WirePodAffinity | None = None
    pod_anti_affinity: WirePodAffinity | None = None


class WireSpread(Wire):
    topology_key: str | None = None
    max_skew: int | None = None
    when_unsatisfiable: str | None = None
    label_selector: WireSelector | None = None
    match_label_keys: list[str] | None = None
    min_domains: int | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None


def required(found: WirePodAffinity | None) -> tuple[PodTerm, ...]:
    return tuple(term.decoded() for term in found.required or ()) if found else ()


def preferred(found: WirePodAffinity | None) -> tuple[PodTerm, ...]:
    weighted = found.preferred or () if found else ()
    return tuple(one.pod_affinity_term.decoded(one.weight or 0) for one in weighted if one.pod_affinity_term)


def spread(found: WireSpread) -> Spread:
    return Spread(
        topology_key=found.topology_key or "",
        max_skew=found.max_skew or 1,
        hard=found.when_unsatisfiable != "ScheduleAnyway",
        selector=found.label_selector.decoded() if found.label_selector else None,
        match_label_keys=tuple(found.match_label_keys or ()),
        min_domains=found.min_domains or 1,
        heeds_affinity=found.node_affinity_policy != "Ignore",
        heeds_taints=found.node_taints_policy == "Honor",
    )
