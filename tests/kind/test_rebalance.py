"""`rebalance` on the real cluster: replicas that sit on few nodes are spread again, and no request is lost."""

from __future__ import annotations

from typing import Any

from kubernetes_cluster import snapshot, until_settled, workers
from load_generator import Load
from underway_cli import underway
from verbs import nodes_of, run
from watcher import Watcher

_REBALANCE = {"rebalance": {"workload": "deployment/shop/web"}}


def spread() -> int:
    """By how many the workers differ."""
    counts = [nodes_of("web").get(name, 0) for name in workers()]
    return max(counts) - min(counts)


def test_after_a_drain_the_replicas_are_spread_again(shop: dict[str, Any]) -> None:
    with Watcher() as watcher, Load("web", "cart") as load:
        drained = underway("drain", *workers()[1:], "--max-unavailable", "2", "--settle", "3s", "-q")
        assert drained.status == 0, drained.stderr
        underway("uncordon", *workers()[1:])
        assert spread() == 3
        ended = run(_REBALANCE)
    assert ended.status == 0, (ended.stdout, ended.stderr)
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    until_settled(60)
    assert spread() <= 1
    assert ended.receipt["handedOff"] == ended.receipt["podsMoved"]
    assert snapshot()["nodes"] == shop["nodes"]
    again = run(_REBALANCE)
    assert (again.status, again.receipt["podsMoved"]) == (0, 0)


def test_after_every_worker_was_drained_the_same_run_spreads_them(shop: dict[str, Any]) -> None:
    drain = {"nodes": {"select": {"names": workers()}, "drain": {"settle": "3s"}}}
    with Watcher() as watcher, Load("web", "cart") as load:
        ended = run(drain, _REBALANCE)
    assert ended.status == 0, (ended.stdout, ended.stderr)
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    until_settled(60)
    assert spread() <= 1
    assert snapshot()["nodes"] == shop["nodes"]
