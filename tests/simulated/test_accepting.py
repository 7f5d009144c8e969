"""Of what is there already a manifest may say a part only; what is new has to be whole."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import service, workload

from underway.cluster.notes import Note
from underway.cluster.objects import Object
from underway.cluster.wire import from_mapping
from underway.simulated.accepting import refusal


def of_container(**fields: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "web", **fields}]}}}


def told(kind: str, version: str, spec: dict[str, Any], old: Object | None) -> str:
    manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}
    new = from_mapping(manifest)
    assert new is not None
    group = version.rpartition("/")[0]
    note = Note(group=group, version="v1", plural=f"{kind.lower()}s", kind=kind, namespace="shop", name="web")
    return refusal(note, manifest, new, old)


@pytest.mark.parametrize(
    "spec",
    [
        {"minReadySeconds": 900},
        of_container(readinessProbe={"periodSeconds": 2}),
        of_container(readinessProbe={"httpGet": {"path": "/"}}),
        of_container(livenessProbe={"exec": {}}),
        of_container(volumeMounts=[{"name": "there", "mountPath": "/there"}]),
        of_container(resources={"requests": {"nvidia.com/gpu": 1}}),
    ],
)
def test_a_part_of_a_deployment_is_taken_only_where_it_is_there(spec: dict[str, Any]) -> None:
    assert told("Deployment", "apps/v1", spec, workload("deployment", "web")) == ""
    assert 'Deployment.apps "web" is invalid: ' in told("Deployment", "apps/v1", spec, None)


@pytest.mark.parametrize(
    "spec",
    [
        {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}},
        {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}},
    ],
)
def test_what_a_daemonset_may_have_already_is_taken(spec: dict[str, Any]) -> None:
    assert told("DaemonSet", "apps/v1", spec, workload("daemonset", "web")) == ""


@pytest.mark.parametrize(
    "spec",
    [
        {"publishNotReadyAddresses": True},
        {"ports": [{"port": 80}, {"port": 81}]},
        {"type": "ExternalName"},
        {"ports": [{"port": 80, "nodePort": 30080}]},
    ],
)
def test_a_part_of_a_service_is_taken_only_where_it_is_there(spec: dict[str, Any]) -> None:
    assert told("Service", "v1", spec, service("web")) == ""
    assert 'Service "web" is invalid: ' in told("Service", "v1", spec, None)
