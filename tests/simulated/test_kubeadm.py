"""The nodes that a kind config makes, with what its patches tell kubeadm."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from scenes import KIND, written

from underway.cluster.podspec import Taint
from underway.errors import UsageError
from underway.simulated.load import load, simulate


@pytest.mark.parametrize("nodes", ["nodes: []", "nodes:", "name: kind"])
def test_a_kind_config_without_nodes_is_one_control_plane_that_takes_pods(tmp_path: Path, nodes: str) -> None:
    text = f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{nodes}\n"
    (node,) = simulate(load(written(tmp_path, kind=text))).state().nodes.values()
    assert (node.name, node.taints) == ("kind-control-plane", ())


def test_nodes_of_manifests_have_been_ready_for_long(tmp_path: Path) -> None:
    node = "\napiVersion: v1\nkind: Node\nmetadata: {name: a}\n"
    cluster = simulate(load(written(tmp_path, kind=KIND, node=node)))
    since = [found.ready_since for found in cluster.state().nodes.values()]
    assert len(since) == 4
    assert all(moment and cluster.now() - moment > timedelta(hours=1) for moment in since)


PATCHED = """
    kind: Cluster
    apiVersion: kind.x-k8s.io/v1alpha4
    name: k
    kubeadmConfigPatches:
    - |
      kind: ClusterConfiguration
      apiServer: {extraArgs: {v: "5"}}
    nodes:
    - role: control-plane
      kubeadmConfigPatches:
      - |
        kind: InitConfiguration
        nodeRegistration: {taints: []}
    - role: worker
      labels: {tier: front}
      kubeadmConfigPatches:
      - |
        kind: JoinConfiguration
        nodeRegistration:
          kubeletExtraArgs: {register-with-taints: "dedicated=db:NoSchedule,slow:PreferNoSchedule", max-pods: 5, v: 4}
    - role: worker
      labels: {tier: front}
      kubeadmConfigPatches:
      - |
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: JoinConfiguration
        nodeRegistration:
          taints: [{key: dedicated, value: db, effect: NoExecute}]
          kubeletExtraArgs: [{name: node-labels, value: "pool=db,fast="}]
        ---
        kind: KubeletConfiguration
        maxPods: 7
        registerWithTaints: [{key: new, effect: NoSchedule}]
        systemReserved: {cpu: "1"}
      - |
        kind: InitConfiguration
        nodeRegistration: {taints: [{key: of-another, effect: NoSchedule}]}
"""


def test_the_patches_of_a_kind_config_make_its_nodes_as_kubeadm_would(tmp_path: Path) -> None:
    cluster = simulate(load(written(tmp_path, kind=PATCHED)))
    first, second, third = cluster.state().nodes.values()
    assert first.taints == ()
    assert second.taints == (Taint("dedicated", "NoSchedule", "db"), Taint("slow", "PreferNoSchedule"))
    assert (second.labels["tier"], second.allocatable["pods"]) == ("front", 5)
    assert third.taints == (Taint("dedicated", "NoExecute", "db"), Taint("new", "NoSchedule"))
    assert third.allocatable["pods"] == 7
    assert third.labels.items() >= {"pool": "db", "fast": ""}.items()
    assert "tier" not in third.labels, "kind hands its labels over as node-labels, which the patch replaces"
    (note,) = [found for found in cluster.assumptions if "patches" in found]
    assert "ClusterConfiguration.apiServer, JoinConfiguration.nodeRegistration.kubeletExtraArgs.v" in note
    assert "KubeletConfiguration.systemReserved" in note


@pytest.mark.parametrize(
    ("node", "told"),
    [
        ("{role: worker, replicas: 3}", "unknown field `replicas` - at `$.nodes[0]`"),
        ("{kubeadmConfigPatches: ['a: [']}", "a kubeadm patch is no YAML"),
        ("{kubeadmConfigPatches: ['maxPods: 3']}", "a kubeadm patch has no `kind`"),
        ("{kubeadmConfigPatches: ['{kind: KubeletConfiguration, maxPods: many}']}", "`maxPods` is `many`"),
        (
            "{kubeadmConfigPatches: ['{kind: InitConfiguration, nodeRegistration: {taints: [{key: a}]}}']}",
            "a taint has a key and an effect",
        ),
    ],
)
def test_what_kind_does_not_take_is_told(tmp_path: Path, node: str, told: str) -> None:
    text = f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{node}]\n"
    with pytest.raises(UsageError, match=re.escape(told)):
        load(written(tmp_path, kind=text))
