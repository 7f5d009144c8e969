"""Pods whose controllers are not looked at."""

from __future__ import annotations

from typing import Any

from scenes import advance, budget, cordon, evict, node, pods, run

from underway.cluster.model import Owner, Pod
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.units import Share

NODES = (node("a"), node("b"), node("c"), node("d"))


def broker(number: int, **fields: Any) -> Pod:
    return Pod(
        **{
            "uid": f"kafka-{number}",
            "namespace": "shop",
            "name": f"kafka-{number}",
            "node": "abc"[number],
            "labels": {"app": "web"},
            "owner": Owner("StrimziPodSet", "kafka", "k"),
            "phase": "Running",
            "ready": True,
        }
        | fields
    )


def test_an_operator_makes_its_pod_again_so_that_the_next_one_may_go() -> None:
    async def story() -> None:
        rule = budget("web", max_unavailable=Share(1), expected_pods=3)
        cluster = SimulatedCluster(ClusterState([*NODES, rule, *map(broker, range(3))]))
        await advance(cluster, 1)
        await cordon(cluster, "a")
        first, second, _ = pods(cluster)
        assert (await evict(cluster, first)).status == "done"
        assert (await evict(cluster, second)).status == "blocked"
        await advance(cluster, 10)
        again = pods(cluster)[0]
        assert (again.name, again.node, again.ready, again.uid != first.uid) == (first.name, "d", True, True)
        assert (await evict(cluster, second)).status == "done"
        assert "StrimziPodSet shop/kafka: makes its pods again under their names" in cluster.assumptions

    run(story())


def test_what_runs_to_completion_is_not_begun_again() -> None:
    async def story() -> None:
        once = broker(0, owner=Owner("Workflow", "nightly", "w"), spec=PodSpec(restart_policy="Never"))
        cluster = SimulatedCluster(ClusterState([*NODES, once]))
        await evict(cluster, once)
        await advance(cluster, 60)
        assert pods(cluster) == []

    run(story())
