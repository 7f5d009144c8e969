"""What the controllers of StatefulSets and DaemonSets make of a new template."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from scenes import advance, evict, node, pods, run, settled, workload

from underway.cluster.actions import PatchWorkload, RestoreTemplate, RollTemplate
from underway.cluster.model import Pod, Template, Workload
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.units import Share

NODES = (node("a"), node("b"), node("c"))
REVISION = "controller-revision-hash"
TEMPLATE = {"images": {"db": "db:1"}, "hash": "first"}


def of_version_1(kind: str, **fields: Any) -> Workload:
    template = Template({"app": "db"}, PodSpec(images=("db:1",)), **TEMPLATE)
    return workload(kind, "db", 3, template=template, **fields)


def now(cluster: SimulatedCluster) -> Workload:
    (found,) = cluster.state().workloads.values()
    return found


async def roll(cluster: SimulatedCluster, image: str = "db:2", **fields: Any) -> None:
    found = now(cluster)
    action = RollTemplate(found.ref, found.uid, found.generation, "roll", images={"db": image}, **fields)
    assert (await cluster.perform(action)).status == "done"


async def restore(cluster: SimulatedCluster, **fields: Any) -> None:
    found = now(cluster)
    assert (await cluster.perform(RestoreTemplate(found.ref, found.uid, "restore", **fields))).status == "done"


def images(cluster: SimulatedCluster) -> list[str]:
    return [pod.spec.images[0].rpartition(":")[2] for pod in pods(cluster, "db")]


def bad(cluster: SimulatedCluster, image: str) -> None:
    cluster.kubelets.never_ready = lambda pod: image in pod.spec.images


def test_the_highest_member_is_replaced_first_and_the_next_when_it_is_ready() -> None:
    async def story() -> None:
        cluster = settled(*NODES, of_version_1("statefulset"))
        away: list[int] = []

        def look(_: Pod | None, __: Pod | None) -> None:
            away.append(3 - sum(pod.ready and pod.deleting is None for pod in pods(cluster, "db")))

        cluster.watch(Pod, look)
        await roll(cluster)
        await advance(cluster, 4)
        assert images(cluster) == ["1", "1", "2"]
        await advance(cluster, 20)
        assert images(cluster) == ["2", "2", "2"]
        assert max(away) == 1
        assert now(cluster).updated == 3
        assert now(cluster).current_revision == now(cluster).update_revision

    run(story())


def test_members_below_the_partition_stay_and_are_made_again_of_the_current_revision() -> None:
    async def story() -> None:
        cluster = settled(*NODES, of_version_1("statefulset"))
        await roll(cluster, partition=2)
        await advance(cluster, 20)
        assert images(cluster) == ["1", "1", "2"]
        found = now(cluster)
        assert found.current_revision != found.update_revision
        assert [pod.labels[REVISION] for pod in pods(cluster, "db")] == [
            found.current_revision,
            found.current_revision,
            found.update_revision,
        ]
        await evict(cluster, pods(cluster, "db")[0])
        await evict(cluster, pods(cluster, "db")[2])
        await advance(cluster, 20)
        assert images(cluster) == ["1", "1", "2"]
        await cluster.perform(PatchWorkload(found.ref, found.uid, "lower", partition=0))
        await advance(cluster, 20)
        assert images(cluster) == ["2", "2", "2"]

    run(story())


@pytest.mark.parametrize("parallel", [False, True])
def test_a_broken_member_of_an_old_revision_is_stuck_unless_members_are_independent(*, parallel: bool) -> None:
    async def story() -> None:
        cluster = settled(*NODES, of_version_1("statefulset", parallel=parallel))
        bad(cluster, "db:2")
        await roll(cluster)
        await advance(cluster, 20)
        assert images(cluster) == ["1", "1", "2"]
        await restore(cluster)
        await advance(cluster, 20)
        assert images(cluster) == (["1", "1", "1"] if parallel else ["1", "1", "2"])
        if not parallel:
            await evict(cluster, pods(cluster, "db")[2])
            await advance(cluster, 20)
            assert images(cluster) == ["1", "1", "1"]
        assert now(cluster).ready == 3

    run(story())


def test_a_template_that_was_there_before_is_the_same_revision_again() -> None:
    async def story() -> None:
        cluster = settled(*NODES, of_version_1("statefulset"))
        before = now(cluster).update_revision
        await roll(cluster)
        await advance(cluster, 20)
        assert now(cluster).update_revision != before
        await restore(cluster)
        await advance(cluster, 20)
        assert now(cluster).update_revision == before

    run(story())


def test_the_revision_that_a_real_cluster_tells_is_the_one_that_the_pods_have() -> None:
    async def story() -> None:
        made = settled(*NODES, of_version_1("statefulset"))
        named = [
            msgspec.structs.replace(found, labels={**found.labels, REVISION: "db-real"}) for found in pods(made, "db")
        ]
        own = msgspec.structs.replace(now(made), update_revision="db-real", current_revision="db-real")
        cluster = SimulatedCluster(ClusterState([*made.state().nodes.values(), own, *named]), at_rest=True)
        await roll(cluster)
        await advance(cluster, 20)
        await restore(cluster)
        await advance(cluster, 20)
        assert {pod.labels[REVISION] for pod in pods(cluster, "db")} == {"db-real"}

    run(story())


@pytest.mark.parametrize("kind", ["statefulset", "daemonset"])
def test_on_delete_nothing_is_replaced_until_it_is_deleted(kind: str) -> None:
    async def story() -> None:
        cluster = settled(*NODES, of_version_1(kind, strategy="OnDelete"))
        await roll(cluster)
        await advance(cluster, 20)
        assert images(cluster) == ["1", "1", "1"]
        await evict(cluster, pods(cluster, "db")[1])
        await advance(cluster, 20)
        assert sorted(images(cluster)) == ["1", "1", "2"]
        assert now(cluster).updated == 1

    run(story())


@pytest.mark.parametrize("most", [1, 2])
def test_a_daemon_set_rolls_as_many_pods_at_once_as_may_be_unavailable(most: int) -> None:
    async def story() -> None:
        cluster = settled(*NODES, of_version_1("daemonset", max_unavailable=Share(most)))
        away: list[int] = []
        cluster.watch(
            Pod, lambda *_: away.append(3 - sum(pod.ready and pod.deleting is None for pod in pods(cluster, "db")))
        )
        await roll(cluster)
        await advance(cluster, 30)
        assert images(cluster) == ["2", "2", "2"]
        assert max(away) == most
        assert {pod.labels["pod-template-generation"] for pod in pods(cluster, "db")} == {"2"}

    run(story())


def test_a_daemon_set_that_surges_has_a_new_pod_on_a_node_before_the_old_one_goes() -> None:
    async def story() -> None:
        fields = {"max_surge": Share(1), "max_unavailable": Share(0)}
        cluster = settled(*NODES, of_version_1("daemonset", **fields))
        ready, beside = [3], [0]

        def look(_: Pod | None, __: Pod | None) -> None:
            here = [pod for pod in pods(cluster, "db") if pod.deleting is None]
            ready.append(len({pod.node for pod in here if pod.ready}))
            beside.append(len(here) - 3)

        cluster.watch(Pod, look)
        await roll(cluster)
        await advance(cluster, 60)
        assert images(cluster) == ["2"] * 3
        assert {pod.node for pod in pods(cluster, "db")} == {"a", "b", "c"}
        assert (min(ready), max(beside)) == (3, 1)
        assert now(cluster).available == now(cluster).updated == 3

    run(story())


def test_a_daemon_set_that_surges_stops_at_its_first_bad_pod() -> None:
    async def story() -> None:
        cluster = settled(*NODES, of_version_1("daemonset", max_surge=Share(1), max_unavailable=Share(0)))
        bad(cluster, "db:2")
        await roll(cluster)
        await advance(cluster, 60)
        assert sorted(images(cluster)) == ["1", "1", "1", "2"]
        assert sum(pod.ready for pod in pods(cluster, "db")) == 3

    run(story())


def test_a_daemon_set_stops_at_its_first_bad_pod_and_goes_back_with_its_template() -> None:
    async def story() -> None:
        cluster = settled(*NODES, of_version_1("daemonset"))
        bad(cluster, "db:2")
        await roll(cluster)
        await advance(cluster, 60)
        assert sorted(images(cluster)) == ["1", "1", "2"]
        await restore(cluster)
        await advance(cluster, 20)
        assert images(cluster) == ["1", "1", "1"]
        assert (now(cluster).updated, now(cluster).ready, now(cluster).update_revision) == (3, 3, "3")
        # those that stayed were never replaced: they are of the same revision
        assert sorted(pod.labels["pod-template-generation"] for pod in pods(cluster, "db")) == ["1", "1", "3"]
        assert len({pod.labels[REVISION] for pod in pods(cluster, "db")}) == 1

    run(story())


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset"])
def test_the_next_pod_is_replaced_when_the_one_before_has_been_ready_for_min_ready_seconds(kind: str) -> None:
    async def story() -> None:
        fields = {"max_surge": Share(0), "max_unavailable": Share(1)} if kind != "statefulset" else {}
        cluster = settled(*NODES, of_version_1(kind, min_ready_seconds=30, **fields))
        await advance(cluster, 60)
        ready: list[datetime] = []

        def look(old: Pod | None, new: Pod | None) -> None:
            if new and new.ready and not (old and old.ready):
                ready.append(cluster.now())

        cluster.watch(Pod, look)
        (found,) = (found for found in cluster.state().workloads.values() if found.kind == kind)
        assert found.available == 3
        action = RollTemplate(found.ref, found.uid, found.generation, "roll", images={"db": "db:2"})
        await cluster.perform(action)
        await advance(cluster, 200)
        assert images(cluster) == ["2"] * 3
        assert [(after - before).total_seconds() > 30 for before, after in pairwise(ready)] == [True, True]

    run(story())
