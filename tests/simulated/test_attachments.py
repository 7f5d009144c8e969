"""Disks are on one node at a time."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from scenes import advance, cordon, evict, node, pods, run, settled, workload

from underway.cluster.actions import RollTemplate
from underway.cluster.model import Claim, Template, Volume
from underway.cluster.podspec import PodSpec
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import EXIT
from underway.units import Share

DISK = Volume("volume", "pv", attachable=True)
CLAIM = Claim("claim", "shop", "data", ("ReadWriteOnce",), "pv")
SPEC = PodSpec(claims=("data",), images=("web:1",))


def one_replica(volume: Volume = DISK, claim: Claim = CLAIM, **fields: Any) -> SimulatedCluster:
    template = Template({"app": "web"}, SPEC, "first", {"web": "web:1"})
    web = workload("deployment", "web", 1, template=template, **fields)
    return settled(node("a"), node("b"), volume, claim, web)


def test_a_replacement_elsewhere_starts_when_the_disk_is_released() -> None:
    async def story() -> None:
        cluster = one_replica(annotations={EXIT: "20s"})
        (old,) = pods(cluster)
        await cordon(cluster, old.node)
        await evict(cluster, old)
        await advance(cluster, 19)
        assert [(pod.node == old.node, pod.phase) for pod in pods(cluster) if pod.uid != old.uid] == [
            (False, "Pending")
        ]
        await advance(cluster, 6)
        assert [(pod.node == old.node, pod.ready) for pod in pods(cluster)] == [(False, True)]

    run(story())


@pytest.mark.parametrize(
    ("volume", "claim", "stuck"),
    [
        (DISK, CLAIM, True),
        (replace(DISK, attachable=False), CLAIM, False),
        (DISK, replace(CLAIM, modes=("ReadWriteMany",)), False),
    ],
)
def test_a_rolling_update_that_surges_onto_another_node_waits_for_its_own_disk_for_ever(
    volume: Volume, claim: Claim, *, stuck: bool
) -> None:
    async def story() -> None:
        cluster = one_replica(volume, claim, max_surge=Share(1), max_unavailable=Share(0))
        (old,) = pods(cluster)
        (web,) = (found for found in cluster.state().workloads.values() if found.kind == "deployment")
        await cordon(cluster, old.node)
        await cluster.perform(RollTemplate(web.ref, web.uid, web.generation, "roll", images={"web": "web:2"}))
        await advance(cluster, 60)
        assert (old.uid in {pod.uid for pod in pods(cluster)}) == stuck
        assert len(pods(cluster)) == (2 if stuck else 1)

    run(story())


def test_a_volume_for_one_pod_keeps_the_next_one_unscheduled() -> None:
    async def story() -> None:
        cluster = one_replica(claim=replace(CLAIM, modes=("ReadWriteOncePod",)), annotations={EXIT: "20s"})
        (old,) = pods(cluster)
        await evict(cluster, old)
        await advance(cluster, 19)
        (new,) = (pod for pod in pods(cluster) if pod.uid != old.uid)
        assert "2 node has pod using PersistentVolumeClaim with the same name" in new.waiting
        await advance(cluster, 10)
        assert [(pod.uid, pod.ready) for pod in pods(cluster)] == [(new.uid, True)]

    run(story())
