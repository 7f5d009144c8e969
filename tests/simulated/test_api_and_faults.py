from __future__ import annotations

from datetime import timedelta

import pytest
from scenes import advance, cordon, evict, node, pods, run, service, settled, workload

from underway.cluster.actions import (
    DeleteLease,
    PatchNode,
    PatchPod,
    PutLease,
)
from underway.cluster.model import Ref
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import AnswersLost, NodeLost, Refusals

NODES = (node("a"), node("b"), node("c"))


def test_patches_keep_to_their_preconditions() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 1))
        (pod,) = pods(cluster)
        stale = PatchPod(pod.ref, pod.uid, "", labels={"x": "1"}, resource_version="1")
        assert (await cluster.perform(stale)).status == "conflict"
        assert (await cluster.perform(PatchPod(pod.ref, "other", "", labels={"x": "1"}))).status == "gone"
        assert (await cluster.perform(PatchPod(pod.ref, pod.uid, "", labels={"x": "1"}))).status == "done"
        patched = cluster.state().pods[pod.ref]
        assert patched.labels["x"] == "1"
        assert int(patched.resource_version) > int(pod.resource_version)
        found = cluster.state().nodes["a"]
        assert (await cluster.perform(PatchNode(found.ref, found.uid, "0", ""))).status == "conflict"

    run(story())


def test_a_lease_is_held_by_one_until_it_runs_out() -> None:
    ref = Ref("lease", "default", "underway-r1")

    async def story() -> None:
        cluster = settled(*NODES)
        assert (await cluster.perform(PutLease(ref, "r1", "one", 15, ""))).status == "done"
        assert (await cluster.perform(PutLease(ref, "r1", "two", 15, ""))).status == "conflict"
        assert (await cluster.perform(PutLease(ref, "r1", "one", 15, ""))).status == "done"
        await advance(cluster, 20)
        assert (await cluster.perform(PutLease(ref, "r1", "two", 15, ""))).status == "done"
        assert (await cluster.perform(DeleteLease(ref, ""))).status == "done"
        assert not cluster.state().leases

    run(story())


def test_a_lost_node_stops_answering_at_once_and_is_known_to_be_lost_later() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 3), service("web"))
        cluster.bring([NodeLost("a")])
        requests = cluster.traffic.start(Ref("service", "shop", "web"), 10, timedelta(milliseconds=20))
        await advance(cluster, 40)
        assert cluster.state().nodes["a"].ready
        await advance(cluster, 20)
        assert not cluster.state().nodes["a"].ready
        cluster.traffic.look()
        assert 100 < requests.lost < 250, "a third of 50 s, until the node counts as lost"
        await advance(cluster, 310)
        assert sorted(pod.node for pod in pods(cluster) if pod.ready) in (["b", "b", "c"], ["b", "c", "c"])

    run(story())


@pytest.mark.parametrize("status", ["conflict", "blocked", "failed"])
def test_every_second_write_can_be_refused(status: str) -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 1), faults=[Refusals(2, status)])  # type: ignore[arg-type]
        (pod,) = pods(cluster)
        outcomes = [
            (await cluster.perform(PatchPod(pod.ref, pod.uid, "", annotations={"underway.dev/n": str(n)}))).status
            for n in range(4)
        ]
        assert outcomes == ["done", status, "done", status]
        assert cluster.state().pods[pod.ref].annotations == {"underway.dev/n": "2"}

    run(story())


def test_a_write_whose_answer_is_lost_has_happened() -> None:
    async def story() -> None:
        cluster = settled(*NODES, faults=[AnswersLost(1)])
        assert (await cordon(cluster, "a")).status == "unknown"
        assert cluster.state().nodes["a"].unschedulable

    run(story())


def test_the_api_answers_until_its_fault_begins() -> None:
    async def story() -> None:
        later = timedelta(seconds=20)
        cluster = settled(*NODES, faults=[Refusals(1, after=later), AnswersLost(1, after=later)])
        assert (await cordon(cluster, "a")).status == "done"
        await advance(cluster, 20)
        assert (await cordon(cluster, "b")).status == "failed"

    run(story())


def test_a_simulation_leaves_the_given_state_alone() -> None:
    before = settled(*NODES, workload("deployment", "web", 3)).state()
    objects = list(before.objects())
    cluster = SimulatedCluster(before)
    run(evict(cluster, pods(cluster)[0]))
    run(advance(cluster, 10))
    assert list(before.objects()) == objects
