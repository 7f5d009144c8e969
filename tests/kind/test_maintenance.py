"""The main job on the real cluster: nothing lost, no budget broken, everything as before."""

from __future__ import annotations

from typing import Any

from kubernetes_cluster import items, kubectl, snapshot, until_settled, workers
from load_generator import Load
from underway_cli import MAINTAIN, underway
from watcher import Watcher


def test_the_shipped_playbook_maintains_every_worker_and_loses_nothing(shop: dict[str, Any]) -> None:
    with Watcher() as watcher, Load("web", "cart") as load:
        ended = underway("run", MAINTAIN, "--yes", "-o", "json")
    assert ended.status == 0, ended.stderr
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    assert watcher.states > 50
    receipt = ended.receipt
    assert receipt["type"] == "receipt"
    assert receipt["outcome"] == "done"
    assert sorted(receipt["nodes"]) == sorted(workers())
    assert receipt["podsMoved"] == receipt["handedOff"] + receipt["evicted"]
    assert receipt["handedOff"] >= 4
    assert receipt["evicted"] >= 3
    assert [probe["lost"] for probe in receipt["probes"]] == [0, 0]
    assert receipt["restored"] is True
    assert receipt["leftChanged"] == []
    until_settled(60)
    assert snapshot() == shop


def test_a_drained_node_is_empty_and_cordoned_until_it_is_uncordoned(shop: dict[str, Any]) -> None:
    name = workers()[0]
    with Load("web", "cart") as load:
        ended = underway("drain", name)
        assert ended.status == 0, ended.stderr
        left = kubectl("-n", "shop", "get", "pods", "--field-selector", f"spec.nodeName={name}", "-o", "name").split()
        assert all("agent" in pod for pod in left), left
        assert "SchedulingDisabled" in kubectl("get", "node", name)
        nothing_to_restore = underway("restore")
        assert nothing_to_restore.status == 0
        assert f"underway uncordon {name}" in nothing_to_restore.stderr
        given_back = underway("uncordon", name)
    assert given_back.status == 0, given_back.stderr
    assert load.lost == 0, load.counted
    until_settled(60)
    assert snapshot() == shop


def test_someone_elses_cordon_stays(shop: dict[str, Any]) -> None:  # noqa: ARG001 - it is put right afterwards
    name = workers()[0]
    kubectl("cordon", name)
    ended = underway("run", MAINTAIN, "--yes", "-q")
    assert ended.status == 0, ended.stderr
    assert "SchedulingDisabled" in kubectl("get", "node", name)
    assert all("SchedulingDisabled" not in kubectl("get", "node", other) for other in workers()[1:])


def test_a_failing_guard_puts_everything_back(shop: dict[str, Any], tmp_path: Any) -> None:
    playbook = tmp_path / "guarded.yaml"
    playbook.write_text(
        """
apiVersion: underway.dev/v1alpha1
kind: Playbook
metadata: {name: guarded}
spec:
  guards:
  - {name: db is whole, service: {name: shop/db, minReady: 3}}
  steps:
  - nodes: {select: {labels: '!node-role.kubernetes.io/control-plane'}, drain: {strategy: auto}}
"""
    )
    with Load("web", "cart") as load:
        ended = underway("run", str(playbook), "--yes", "-o", "json")
    assert ended.status == 5, ended.stderr
    assert ended.receipt["outcome"] == "failed"
    assert "db is whole" in ended.receipt["reason"]
    assert load.lost == 0, load.counted
    until_settled(60)
    assert snapshot() == shop


def test_a_guard_that_does_not_hold_at_first_refuses(shop: dict[str, Any], tmp_path: Any) -> None:
    playbook = tmp_path / "closed.yaml"
    playbook.write_text(
        """
apiVersion: underway.dev/v1alpha1
kind: Playbook
metadata: {name: closed}
spec:
  guards:
  - {name: closed door, http: {url: 'http://127.0.0.1:9/'}}
  steps:
  - nodes: {select: {labels: '!node-role.kubernetes.io/control-plane'}}
"""
    )
    ended = underway("run", str(playbook), "--yes")
    assert ended.status == 4, ended.stderr
    assert "closed door" in ended.stderr
    assert snapshot() == shop


def test_without_a_terminal_run_refuses_and_never_hangs(shop: dict[str, Any]) -> None:
    ended = underway("run", MAINTAIN, timeout=10)
    assert ended.status == 4
    assert "--yes" in ended.stderr
    assert snapshot() == shop


def test_a_drain_that_times_out_is_put_back(shop: dict[str, Any]) -> None:
    pod = items("-n", "shop", "pods", "-l", "app=cart")[0]
    # the replacement takes 5 s to warm up
    with Load("cart") as load:
        ended = underway("drain", pod["spec"]["nodeName"], "--timeout", "2s", "-o", "json")
    assert ended.status == 5, ended.stderr
    assert ended.receipt["outcome"] == "timedOut"
    assert load.lost == 0, load.counted
    until_settled(60)
    assert snapshot() == shop
    assert items("-n", "shop", "pods", "-l", "app=cart")[0]["metadata"]["uid"] == pod["metadata"]["uid"]
