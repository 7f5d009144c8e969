"""A DaemonSet to another version on the real cluster: node by node, or by its own rolling update."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from in_place import pods, rollout, versions
from kubernetes_cluster import NAMESPACE, get, kubectl, snapshot, until_settled
from watcher import Watcher

_GENERATION = "deprecated.daemonset.template.generation"
_LABELS = {"app": "courier"}


@pytest.fixture
def courier(shop: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A DaemonSet of strategy OnDelete, of whose three pods two have to be healthy."""
    del shop
    container = {
        "name": "courier",
        "image": "underway/shop:1",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-warmup", "1s"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
    }
    daemonset = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "courier", "namespace": NAMESPACE},
        "spec": {
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": {"containers": [container]}},
        },
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "courier", "namespace": NAMESPACE},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": _LABELS}},
    }
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": [daemonset, budget]})
    kubectl("apply", "-f", "-", stdin=made)
    try:
        kubectl("-n", NAMESPACE, "wait", "pods", "-l", "app=courier", "--for=create", "--timeout=60s")
        kubectl("-n", NAMESPACE, "wait", "pods", "-l", "app=courier", "--for=condition=Ready", "--timeout=60s")
        until_settled(60)
        yield get("-n", NAMESPACE, "daemonset", "courier")
    finally:
        kubectl("delete", "-f", "-", "--cascade=foreground", stdin=made)


def test_one_of_on_delete_is_replaced_node_by_node(courier: dict[str, Any]) -> None:
    with Watcher() as watcher:
        ended = rollout("daemonset", "courier", "2")
    assert ended.status == 0, (ended.stdout, ended.stderr)
    assert watcher.violations == []
    assert versions("courier") == ["2", "2", "2"]
    assert ended.receipt["evicted"] == 3
    now = get("-n", NAMESPACE, "daemonset", "courier")
    assert now["spec"]["updateStrategy"] == courier["spec"]["updateStrategy"]
    assert not [key for key in now["metadata"]["annotations"] if key.startswith("underway.dev/")]


def test_a_bad_version_ends_at_its_first_node_and_is_undone(courier: dict[str, Any]) -> None:
    before = pods("courier")
    with Watcher() as watcher:
        ended = rollout("daemonset", "courier", "crash")
    assert ended.status == 5, (ended.stdout, ended.stderr)
    assert "CrashLoopBackOff" in ended.receipt["reason"]
    assert watcher.violations == []
    assert versions("courier") == ["1", "1", "1"]
    assert len(before.items() & pods("courier").items()) == 2
    assert _without_number(get("-n", NAMESPACE, "daemonset", "courier")) == _without_number(courier)


def test_its_own_rolling_update_is_watched_and_undone(shop: dict[str, Any]) -> None:
    before = pods("agent")
    ended = rollout("daemonset", "agent", "does-not-exist")
    assert ended.status == 5, (ended.stdout, ended.stderr)
    assert "ImagePullBackOff" in ended.receipt["reason"]
    assert versions("agent") == ["1", "1", "1"]
    assert len(before.items() & pods("agent").items()) == 2
    until_settled(60)
    now = snapshot()
    for found in (now, shop):
        found["workloads"]["DaemonSet/agent"]["annotations"].pop(_GENERATION)
    assert now["workloads"] == shop["workloads"]


def _without_number(found: dict[str, Any]) -> Any:
    annotations = {key: value for key, value in found["metadata"]["annotations"].items() if key != _GENERATION}
    return found["spec"], annotations, found["metadata"].get("labels")
