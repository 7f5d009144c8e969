"""The workers' kubelets are upgraded for real, under load; and what becomes of a node whose upgrade goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubelets import NEW, OLD, install, reason_not_staged, versions
from kubernetes_cluster import get, snapshot, until, until_settled, workers
from load_generator import Load
from underway_cli import UPGRADE, underway
from watcher import Watcher

JOB = """
apiVersion: underway.dev/v1alpha1
kind: Playbook
metadata: {name: one-node}
spec:
  steps:
  - nodes:
      select: {names: [NODE]}
      maintain:
        job:
          image: registry.k8s.io/kube-proxy:v1.34.4
          privileged: true
          hostPID: true
          command: [nsenter, -t, "1", -m, -u, -i, -n, -p, --, COMMAND]
          timeout: 20s
"""


@pytest.fixture
def kubelets(shop: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The shop, on workers with the old kubelet before and after."""
    if reason := reason_not_staged():
        pytest.skip(reason)
    install(OLD)
    yield shop
    install(OLD)


def unschedulable(node: str) -> bool:
    return bool(get("node", node)["spec"].get("unschedulable", False))


def test_the_workers_are_upgraded_and_nothing_is_lost(kubelets: dict[str, Any]) -> None:
    planned = json.loads(underway("plan", UPGRADE, "-o", "json").stdout)
    with Watcher() as watcher, Load("web", "cart") as load:
        ended = underway("run", UPGRADE, "--yes", "-o", "json")
    assert ended.status == 0, ended.stderr
    assert set(versions().values()) == {NEW}
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    receipt = ended.receipt
    assert [probe["lost"] for probe in receipt["probes"]] == [0, 0]
    assert receipt["podsMoved"] <= 2 * planned["leastMoves"]
    assert {node["reason"] for node in receipt["nodeDetails"]} == {f"kubelet was {OLD}, is {NEW}"}
    until_settled(60)
    assert snapshot() == kubelets


def test_an_upgrade_that_fails_leaves_its_node_unharmed_and_says_why(kubelets: dict[str, Any]) -> None:
    with Load("web", "cart") as load:
        ended = underway("run", UPGRADE, "--yes", "-o", "json", "--set", "version=v1.35.9")
    assert ended.status == 5, ended.stderr
    assert "no kubelet v1.35.9 lies ready on" in ended.receipt["reason"]
    assert set(versions().values()) == {OLD}
    assert load.lost == 0, load.counted
    until_settled(60)
    assert snapshot() == kubelets


def test_a_node_that_does_not_come_back_stays_cordoned_until_it_does(kubelets: dict[str, Any], tmp_path: Path) -> None:
    name = workers()[0]
    playbook = tmp_path / "one-node.yaml"
    playbook.write_text(JOB.replace("NODE", name).replace("COMMAND", "systemctl, stop, kubelet"))
    with Load("web", "cart") as load:
        ended = underway("run", str(playbook), "--yes", "-o", "json")
    assert ended.status == 6, ended.stderr
    receipt = ended.receipt
    assert receipt["leftChanged"] == [f"node/{name}"]
    assert "did not end within 20s, and the node is not Ready" in receipt["reason"]
    assert "stays cordoned" in receipt["reason"]
    assert unschedulable(name)
    assert load.lost == 0, load.counted
    install(OLD)
    restored = underway("restore", receipt["run"])
    assert restored.status == 0, restored.stderr
    until_settled(60)
    # the node controller takes its own taints away in its own time
    until(lambda: snapshot() == kubelets, 30, f"{name} is as before")
