"""Pods of higher priority take the place of others."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import advance, at_least, node, pods, run, settled, workload

from underway.cluster.model import Pod
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import Settings

FULL = {"cpu": 1900}
NODES = (node("a"), node("b"))


def urgent(**fields: Any) -> Pod:
    return Pod("0a1b2c3d-urgent", "shop", "urgent", labels={"app": "urgent"}, spec=PodSpec(requests=FULL, **fields))


def beside(new: Pod, *objects: Any) -> SimulatedCluster:
    """A cluster of two nodes that four pods fill, and then the new one."""
    given = settled(*NODES, *objects).state()
    return SimulatedCluster(ClusterState([*given.objects(), new]), settings=Settings(seed="another"))


def test_a_pod_of_lower_priority_makes_room_and_no_more_than_one() -> None:
    async def story() -> None:
        filler = workload("deployment", "filler", 4, PodSpec(requests=FULL, priority=-10))
        cluster = beside(urgent(), filler)
        before = {pod.uid for pod in pods(cluster, "filler")}
        await advance(cluster, 30)
        (found,) = pods(cluster, "urgent")
        assert found.ready
        after = pods(cluster, "filler")
        assert len({pod.uid for pod in after} & before) == 3
        assert [pod.node for pod in after if pod.uid not in before] == [""]
        (said,) = (one for one in cluster.assumptions if "to make room" in one)
        assert "pod/shop/urgent, of higher priority" in said

    run(story())


@pytest.mark.parametrize("fields", [{"priority": -10}, {"preempts": False}])
def test_an_equal_is_not_preempted_and_who_never_preempts_does_not(fields: dict[str, Any]) -> None:
    async def story() -> None:
        filler = workload("deployment", "filler", 4, PodSpec(requests=FULL, priority=-10))
        cluster = beside(urgent(**fields), filler)
        await advance(cluster, 30)
        assert [pod.node for pod in pods(cluster, "urgent")] == [""]
        assert all(pod.ready for pod in pods(cluster, "filler"))

    run(story())


def test_pods_that_a_budget_keeps_are_spared_if_others_will_do() -> None:
    async def story() -> None:
        kept = workload("deployment", "kept", 2, PodSpec(requests=FULL, priority=-10))
        other = workload("deployment", "other", 2, PodSpec(requests=FULL, priority=-10))
        cluster = beside(urgent(), kept, other, at_least("kept", 2))
        await advance(cluster, 30)
        assert [pod.ready for pod in pods(cluster, "urgent")] == [True]
        assert [pod.ready for pod in pods(cluster, "kept")] == [True, True]
        assert sorted(pod.ready for pod in pods(cluster, "other")) == [False, True]

    run(story())
