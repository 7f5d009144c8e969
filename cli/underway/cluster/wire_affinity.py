"""Affinity and topology spread on the wire: which nodes a pod wants, and which neighbours."""

from __future__ import annotations

import msgspec

from underway.cluster.podspec import NodeTerm, PodTerm, Spread
from underway.cluster.wire_metadata import Wire, WireExpression, WireSelector, requirement
from underway.units import Selector


class WireNodeTerm(Wire):
    match_expressions: list[WireExpression] | None = None
    match_fields: list[WireExpression] | None = None


class WireNodeSelector(Wire):
    node_selector_terms: list[WireNodeTerm] | None = None

    def decoded(self) -> tuple[NodeTerm, ...]:
        """A term without a condition matches no node, as the API says."""
        return tuple(
            NodeTerm(
                Selector(tuple(map(requirement, term.match_expressions or ()))),
                Selector(tuple(map(requirement, term.match_fields or ()))),
            )
            for term in self.node_selector_terms or ()
            if term.match_expressions or term.match_fields
        )


class WirePodTerm(Wire):
    label_selector: WireSelector | None = None
    topology_key: str | None = None
    namespaces: list[str] | None = None
    namespace_selector: WireSelector | None = None

    def decoded(self, weight: int = 0) -> PodTerm:
        everywhere = self.namespace_selector is not None
        return PodTerm(
            selector=self.label_selector.decoded() if self.label_selector else None,
            topology_key=self.topology_key or "",
            namespaces=None if everywhere else tuple(self.namespaces or ()),
            weight=weight,
        )


class WireWeightedPodTerm(Wire):
    weight: int | None = None
    pod_affinity_term: WirePodTerm | None = None


class WireNodeAffinity(Wire):
    required: WireNodeSelector | None = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
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
    )
