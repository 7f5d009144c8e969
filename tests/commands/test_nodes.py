"""Playbooks of the verb `nodes`, rehearsed from the command line on small clusters that are not in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from invoke import underway


def _node(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": spec,
        "status": {
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _web(replicas: int) -> dict[str, Any]:
    container = {"name": "web", "image": "web:1", "resources": {"requests": {"cpu": "100m"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }


def _rehearse(folder: Path, step: dict[str, Any], *objects: dict[str, Any]) -> dict[str, Any]:
    playbook, cluster = folder / "playbook.yaml", folder / "cluster.yaml"
    playbook.write_text(
        json.dumps(
            {
                "apiVersion": "underway.dev/v1alpha1",
                "kind": "Playbook",
                "metadata": {"name": "x"},
                "spec": {"steps": [{"nodes": step}]},
            }
        )
    )
    cluster.write_text("\n---\n".join(json.dumps(found) for found in objects))
    ended = underway("rehearse", str(playbook), "--cluster", str(cluster), "-o", "json")
    receipt: dict[str, Any] = json.loads(ended.out.splitlines()[-1])
    assert receipt["type"] == "receipt"
    return receipt


def test_nodes_that_somebody_has_cordoned_hold_nobody_up_and_stay_cordoned(tmp_path: Path) -> None:
    step = {"select": {"names": ["a", "b", "c"]}, "maxUnavailable": 1, "order": "name"}
    nodes = (_node("a"), _node("b", unschedulable=True), _node("c", unschedulable=True), _node("d"))
    receipt = _rehearse(tmp_path, step, *nodes, _web(3))
    assert receipt["outcome"] == "done"
    assert sorted(receipt["nodes"]) == ["a", "b", "c"]


def test_no_node_selected_is_refused(tmp_path: Path) -> None:
    receipt = _rehearse(tmp_path, {"select": {"labels": "pool=none"}}, _node("a"))
    assert receipt["outcome"] == "refused"


def test_a_node_that_is_not_there_is_refused(tmp_path: Path) -> None:
    receipt = _rehearse(tmp_path, {"select": {"names": ["a", "nowhere"]}}, _node("a"), _node("b"))
    assert receipt["outcome"] == "refused"
    assert "node/nowhere" in json.dumps(receipt)


@pytest.mark.parametrize("rule", [{"minAvailable": 1}, {"maxUnavailable": 0}, {"minAvailable": "100%"}])
def test_a_lone_replica_without_a_service_is_handed_off_within_its_budget(tmp_path: Path, rule: dict[str, Any]) -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": rule | {"selector": selector},
    }
    receipt = _rehearse(tmp_path, {"select": {"names": ["a", "b"]}}, _node("a"), _node("b"), _web(1), budget)
    assert receipt["outcome"] == "done", receipt["reason"]
    assert receipt["handedOff"] >= 1
