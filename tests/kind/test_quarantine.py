"""`quarantine` on the real cluster: a replica out of traffic, running, its place filled; or back where it was."""

from __future__ import annotations

from typing import Any

from kubernetes_cluster import NAMESPACE, get, items, kubectl, snapshot, until, until_settled
from load_generator import Load
from underway_cli import underway
from verbs import endpoints, run
from watcher import Watcher


def one_of(app: str) -> Any:
    return items("-n", NAMESPACE, "pods", "-l", f"app={app}")[0]


def test_it_is_out_of_traffic_and_runs_until_its_time_is_over_and_its_place_is_filled(shop: dict[str, Any]) -> None:
    bad = one_of("web")["metadata"]["name"]
    try:
        with Watcher() as watcher, Load("web", "cart") as load:
            ended = run({"name": "the slow one", "quarantine": {"pod": f"{NAMESPACE}/{bad}", "keep": "1s"}})
        assert ended.status == 0, (ended.stdout, ended.stderr)
        assert load.lost == 0, load.counted
        assert watcher.violations == []
        pod = get("-n", NAMESPACE, "pod", bad)
        assert pod["status"]["phase"] == "Running"
        assert "deletionTimestamp" not in pod["metadata"]
        assert "ownerReferences" not in pod["metadata"]
        assert pod["metadata"]["annotations"]["underway.dev/why"] == "the slow one"
        assert bad not in endpoints("web")
        assert len(endpoints("web")) == 3
        assert snapshot()["budgets"] == shop["budgets"]
        named = ended.receipt["run"]
        assert f"pod/{NAMESPACE}/{bad}: in quarantine since" in " ".join(underway("status", named).stdout.split())
        restored = underway("restore")
        assert restored.status == 0, restored.stderr
        assert f"{bad} evicted, its time in quarantine is over" in restored.stderr
        until(lambda: bad not in kubectl("-n", NAMESPACE, "get", "pods", "-o", "name"), 30, "it is gone")
        assert underway("status", named).status == 2
    finally:
        kubectl("-n", NAMESPACE, "delete", "pod", bad, "--wait=false", "--ignore-not-found")


def test_the_only_replica_goes_when_it_is_replaced_and_is_back_in_its_place_if_the_run_fails(
    shop: dict[str, Any],
) -> None:
    """Its controller would stop the one that has taken its place at once: that one is handed off instead."""
    before = one_of("cart")["metadata"]
    broken = {"check": {"gates": [{"service": {"name": "shop/cart", "minReady": 9}, "timeout": "1s"}]}}
    with Watcher() as watcher, Load("web", "cart") as load:
        ended = run({"quarantine": {"select": "app=cart"}}, broken)
    assert ended.status == 5, (ended.stdout, ended.stderr)
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    until_settled(60)
    (now,) = items("-n", NAMESPACE, "pods", "-l", "app=cart")
    assert now["metadata"]["uid"] == before["uid"]
    assert now["metadata"]["labels"] == before["labels"]
    assert snapshot()["budgets"] == shop["budgets"]
