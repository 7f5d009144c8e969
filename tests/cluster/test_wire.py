"""Decoding: what the API says, what it leaves out, and what it may say one day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from underway.cluster.model import Budget, Claim, EndpointSlice, Lease, NetworkPolicy, Node, Ref, Service, Volume
from underway.cluster.objects import Object
from underway.cluster.podspec import NodeTerm, Taint
from underway.cluster.wire import RESOURCES, WatchEvent, decode_event, decode_list, decode_object, from_mapping
from underway.units import Requirement, Selector, Share, equality_selector


def decoded(kind: str, **parts: Any) -> Object:
    return decode_object(kind, msgspec.json.encode(parts))


META = {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7"}
APP = {"matchLabels": {"app": "web"}}
WEB = equality_selector([("app", "web")])


@pytest.mark.parametrize("kind", RESOURCES)
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"metadata": None, "spec": None, "status": None, "endpoints": None},
        {"metadata": {}, "spec": {}, "status": {}, "endpoints": []},
        {
            "metadata": dict.fromkeys(("name", "labels", "annotations", "ownerReferences", "generation")),
            "spec": dict.fromkeys(
                ("selector", "template", "taints", "containers", "volumes", "accessModes", "ingress", "nodeAffinity")
            ),
            "status": dict.fromkeys(("conditions", "allocatable", "containerStatuses", "disruptedPods")),
        },
    ],
    ids=["nothing", "nulls", "empty", "nulls inside"],
)
def test_what_is_left_out_is_no_error(kind: str, parts: dict[str, Any]) -> None:
    found = decoded(kind, **parts)
    assert found.ref.kind == kind
    assert found.uid == ""


@pytest.mark.parametrize(("kind", "resource"), RESOURCES.items())
def test_a_manifest_finds_its_kind(kind: str, resource: Any) -> None:
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    found = from_mapping({"apiVersion": version, "kind": resource.api_kind, "metadata": {"name": "x"}})
    assert found is not None
    assert found.ref == Ref(kind, "default" if resource.namespaced else "", "x")


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"apiVersion": "v1", "kind": "ConfigMap"},
        {"apiVersion": "example.com/v1", "kind": "Deployment"},
        {"apiVersion": "apps/v1", "kind": "Pod"},
    ],
)
def test_other_kinds_are_none_of_ours(source: dict[str, Any]) -> None:
    assert from_mapping(source) is None


def test_a_wrong_type_in_a_manifest_is_an_error_with_its_path() -> None:
    with pytest.raises(ValueError, match=r"\$.spec.replicas"):
        from_mapping({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": "many"}})


def test_a_page_knows_its_version_and_how_to_go_on() -> None:
    data = b'{"metadata":{"resourceVersion":"12","continue":"abc"},"items":[{"metadata":{"name":"a"}}]}'
    page = decode_list("node", data)
    assert ([item.ref.name for item in page.items], page.resource_version, page.continue_token) == (["a"], "12", "abc")
    assert decode_list("node", b'{"items":null}') == ([], "", "")


def test_events() -> None:
    line = b'{"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"9"}}}'
    event = decode_event("node", line)
    assert (event.type, event.object and event.object.ref.name, event.resource_version) == ("DELETED", "a", "9")
    line = b'{"type":"BOOKMARK","object":{"kind":"Node","metadata":{"resourceVersion":"9","annotations":{}}}}'
    assert decode_event("node", line) == WatchEvent("BOOKMARK", None, "9")
    line = b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old","reason":"Expired"}}'
    assert decode_event("node", line) == WatchEvent("ERROR", None, "", 410, "too old")
    assert decode_event("node", b'{"type":"NOVELTY","object":{}}') == WatchEvent("NOVELTY")
    assert decode_event("node", b'{"type":"ADDED"}') == WatchEvent("ADDED")


@pytest.mark.parametrize("line", [b"", b"<html>", b'{"type":"ADDED","object":{"meta'])
def test_what_is_no_event_raises_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any message will do
        decode_event("node", line)


def test_a_node() -> None:
    found = decoded(
        "node",
        metadata={
            "name": "worker",
            "labels": {"zone": "a"},
            "annotations": {"underway.dev/run": "r", "csi.volume.kubernetes.io/nodeid": "long"},
        },
        spec={
            "unschedulable": True,
            "taints": [
                {"key": "a", "effect": "NoSchedule", "timeAdded": None},
                {"key": "b", "value": "x", "effect": "NoExecute"},
                {"key": "c", "effect": "Novelty"},
            ],
        },
        status={
            "allocatable": {"cpu": "3920m", "memory": "8Gi", "pods": "110", "example.com/gpu": "1"},
            "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T04:00:00Z"},
                {"type": "DiskPressure", "status": "False"},
            ],
            "nodeInfo": {"kubeletVersion": "v1.34.4"},
        },
    )
    assert isinstance(found, Node)
    assert found.annotations == {"underway.dev/run": "r"}
    assert found.taints == (Taint("a", "NoSchedule"), Taint("b", "NoExecute", "x"))
    assert found.allocatable == {"cpu": 3920, "memory": 8 * 1024**3, "pods": 110, "example.com/gpu": 1}
    assert (found.unschedulable, found.ready, found.kubelet_version) == (True, True, "v1.34.4")
    assert found.ready_since == datetime(2026, 11, 23, 4, tzinfo=UTC)
    assert found.conditions == {"Ready": "True", "DiskPressure": "False"}


def test_a_node_whose_ready_is_unknown_is_not_ready() -> None:
    found = decoded("node", status={"conditions": [{"type": "Ready", "status": "Unknown"}]})
    assert isinstance(found, Node)
    assert (found.ready, found.ready_since, found.conditions) == (False, None, {"Ready": "Unknown"})


def test_a_budget() -> None:
    found = decoded(
        "poddisruptionbudget",
        metadata=META | {"generation": 3},
        spec={"selector": APP, "minAvailable": "50%", "unhealthyPodEvictionPolicy": "AlwaysAllow"},
        status={
            "observedGeneration": 2,
            "disruptionsAllowed": 1,
            "currentHealthy": 3,
            "desiredHealthy": 2,
            "expectedPods": 4,
            "disruptedPods": {"web-1": "2026-11-23T04:00:00Z"},
        },
    )
    assert found == Budget(
        uid="u1",
        namespace="shop",
        name="web",
        selector=WEB,
        min_available=Share(50, percent=True),
        always_allow_unhealthy=True,
        generation=3,
        observed_generation=2,
        disruptions_allowed=1,
        current_healthy=3,
        desired_healthy=2,
        expected_pods=4,
        disrupted_pods=frozenset({"web-1"}),
        resource_version="7",
    )


def test_an_empty_selector_of_a_budget_selects_everything_and_none_selects_nothing() -> None:
    everything, nothing = (
        decoded("poddisruptionbudget", spec={"selector": selector, "maxUnavailable": 0}) for selector in ({}, None)
    )
    assert isinstance(everything, Budget)
    assert isinstance(nothing, Budget)
    assert (everything.selector, nothing.selector) == (Selector(), None)
    assert everything.max_unavailable == Share(0)


def test_an_unknown_operator_selects_nothing() -> None:
    expression = {"key": "app", "operator": "Resembles", "values": ["web"]}
    found = decoded("poddisruptionbudget", spec={"selector": {"matchExpressions": [expression]}})
    assert isinstance(found, Budget)
    assert found.selector is not None
    assert not found.selector.matches({"app": "web"})


def test_a_service() -> None:
    spec = {"selector": {"app": "web"}, "clusterIP": "None", "publishNotReadyAddresses": True}
    found = decoded("service", metadata=META, spec=spec)
    assert found == Service("u1", "shop", "web", {"app": "web"}, True, True, "7")


def test_an_endpoint_is_ready_unless_it_says_otherwise() -> None:
    endpoints = [
        {"targetRef": {"uid": "a"}, "addresses": ["10.0.0.1"]},
        {"targetRef": {"uid": "b"}, "conditions": {"ready": None}},
        {"targetRef": {"uid": "c"}, "conditions": {"ready": False}},
        {"targetRef": {"uid": "d"}, "conditions": {"ready": False, "serving": True, "terminating": True}},
        {"addresses": ["10.0.0.9"], "conditions": {"ready": True}},
    ]
    metadata = META | {"labels": {"kubernetes.io/service-name": "web"}}
    found = decoded("endpointslice", metadata=metadata, endpoints=endpoints)
    assert found == EndpointSlice("u1", "shop", "web", "web", frozenset({"a", "b", "10.0.0.9"}), frozenset({"d"}), "7")


def test_a_network_policy() -> None:
    rules = {
        "podSelector": APP,
        "ingress": [{"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]}, {"ports": []}],
        "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "db"}}, "namespaceSelector": {}}]}],
    }
    found = decoded("networkpolicy", metadata=META, spec=rules)
    assert found == NetworkPolicy("u1", "shop", "web", WEB, (Selector(), equality_selector([("app", "db")])), "7")


def test_claims_and_volumes() -> None:
    claim = decoded(
        "persistentvolumeclaim", metadata=META, spec={"accessModes": ["ReadWriteOnce"], "volumeName": "pv-1"}
    )
    assert claim == Claim("u1", "shop", "web", ("ReadWriteOnce",), "pv-1", "7")
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["worker"]}
    terms = [{"matchExpressions": [expression]}, {}]
    volume = decoded(
        "persistentvolume", metadata={"name": "pv-1"}, spec={"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}
    )
    only = NodeTerm(Selector((Requirement("kubernetes.io/hostname", "In", ("worker",)),)))
    assert volume == Volume("", "pv-1", (only,))
    assert decoded("persistentvolume", metadata={"name": "pv-1"}) == Volume("", "pv-1", None)
    disk, files = ({"csi": {"driver": f"{kind}.csi.aws.com"}} for kind in ("ebs", "efs"))
    assert decoded("persistentvolume", metadata={"name": "pv-1"}, spec=disk) == Volume(
        "", "pv-1", None, attachable=True
    )
    assert decoded("persistentvolume", metadata={"name": "pv-1"}, spec=files) == Volume("", "pv-1", None)


def test_a_lease() -> None:
    found = decoded(
        "lease",
        metadata=META | {"labels": {"underway.dev/run": "run-1"}, "annotations": {"underway.dev/playbook": "p"}},
        spec={"holderIdentity": "me", "renewTime": "2026-11-23T04:00:00.250000Z", "leaseDurationSeconds": 30},
    )
    renewed = datetime(2026, 11, 23, 4, 0, 0, 250000, tzinfo=UTC)
    assert found == Lease("u1", "shop", "web", "run-1", "me", renewed, 30, {"underway.dev/playbook": "p"}, "7")
