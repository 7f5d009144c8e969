"""Affinity, spread and tolerations, as the API writes them."""

from __future__ import annotations

from typing import Any

import pytest
from wire_pods import spec_of

from underway.cluster.podspec import NodeTerm, PodTerm, Spread, Toleration
from underway.units import Requirement, Selector, equality_selector


def test_affinity() -> None:
    required, preferred = (f"{how}DuringSchedulingIgnoredDuringExecution" for how in ("required", "preferred"))
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "zone"}
    found = spec_of(
        affinity={
            "nodeAffinity": {
                required: {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "cpus", "operator": "Gt", "values": ["4"]}]},
                        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["worker"]}]},
                        {},
                    ]
                },
                preferred: [
                    {"weight": 5, "preference": {"matchExpressions": [{"key": "ssd", "operator": "Exists"}]}},
                    {"weight": 7, "preference": {}},
                ],
            },
            "podAffinity": {required: [term | {"namespaces": ["a"]}]},
            "podAntiAffinity": {
                required: [term, term | {"namespaceSelector": {}}],
                preferred: [{"weight": 9, "podAffinityTerm": term}],
            },
        }
    )
    web = equality_selector([("app", "web")])
    assert found.node_terms == (
        NodeTerm(Selector((Requirement("cpus", "Gt", ("4",)),))),
        NodeTerm(Selector(), Selector((Requirement("metadata.name", "In", ("worker",)),))),
    )
    # a preference for nothing in particular is none
    assert found.preferred_nodes == (NodeTerm(Selector((Requirement("ssd", "Exists"),)), weight=5),)
    assert found.affinity == (PodTerm(web, "zone", ("a",)),)
    assert found.anti_affinity == (PodTerm(web, "zone", ()), PodTerm(web, "zone", None))
    assert found.preferred_anti_affinity == (PodTerm(web, "zone", (), 9),)
    assert found.preferred_affinity == ()


@pytest.mark.parametrize(
    ("parts", "namespaces"),
    [
        ({"namespaces": ["a"]}, ("a",)),
        ({"namespaces": ["a"], "namespaceSelector": {}}, None),
        ({"namespaceSelector": {"matchLabels": {"team": "x"}}}, None),
        ({"namespaces": ["a"], "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}, ("a", "b")),
    ],
)
def test_the_namespaces_of_a_term(parts: dict[str, Any], namespaces: tuple[str, ...] | None) -> None:
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    term = {"labelSelector": {}, "topologyKey": "zone"} | parts
    (found,) = spec_of(affinity={"podAffinity": {required: [term]}}).affinity
    assert found.namespaces == namespaces


def test_spread_and_tolerations() -> None:
    constraint = {"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule", "minDomains": 3}
    soft = {"topologyKey": "host", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    found = spec_of(
        topologySpreadConstraints=[constraint, soft],
        tolerations=[{"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoSchedule"}],
    )
    assert found.spread == (Spread("zone", 2, True, None, (), 3), Spread("host", 1, False, Selector()))
    told = constraint | {"nodeAffinityPolicy": "Ignore", "nodeTaintsPolicy": "Honor"}
    (other,) = spec_of(topologySpreadConstraints=[told]).spread
    assert (other.heeds_affinity, other.heeds_taints) == (False, True)
    assert found.tolerations == (Toleration("", "Exists"), Toleration("a", "Equal", "b", "NoSchedule"))
