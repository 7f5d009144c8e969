from __future__ import annotations

from datetime import timedelta

import pytest
from scenes import advance, cordon, evict, node, pods, run, service, settled, workload

from underway.cluster.actions import (
    CreateJob,
    DeleteJob,
    DeleteLease,
    PatchNode,
    PatchPod,
    PutLease,
)
from underway.cluster.model import Pod, PodSpec, Ref, Taint
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import AnswersLost, NodeLost, NoRoom, Refusals
from underway.simulated.settings import Settings

NODES = (node("a"), node("b"), node("c"))


def _reasons(pod: Pod) -> set[str]:
    return set(pod.waiting.removeprefix("0/3 nodes are available: ").split(", "))


def test_a_stateful_set_starts_one_after_another() -> None:
    cluster = settled(*NODES, workload("statefulset", "db", 3))
    first, second, third = pods(cluster, "db")
    assert [first.name, second.name, third.name] == ["db-0", "db-1", "db-2"]
    assert first.ready_since is not None
    assert second.ready_since is not None
    assert second.created is not None
    assert third.created is not None
    assert first.ready_since <= second.created
    assert second.ready_since <= third.created


def test_a_parallel_stateful_set_starts_all_at_once() -> None:
    settings = Settings(parallel_statefulsets=frozenset({"shop/db"}))
    cluster = settled(*NODES, workload("statefulset", "db", 3), settings=settings)
    assert len({pod.created for pod in pods(cluster, "db")}) == 1


def test_a_stateful_set_pod_comes_back_under_its_name_when_the_old_one_is_gone() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("statefulset", "db", 3))
        old = pods(cluster, "db")[1]
        await evict(cluster, old)
        await advance(cluster, 0.2)
        assert cluster.state().pods[old.ref].uid == old.uid
        await advance(cluster, 6)
        new = cluster.state().pods[old.ref]
        assert new.uid != old.uid
        assert new.ready

    run(story())


def test_a_daemon_set_runs_on_every_node_it_tolerates_cordoned_or_not() -> None:
    async def story() -> None:
        tainted = node("d", taints=(Taint("dedicated", "NoSchedule", "gpu"),))
        cluster = settled(*NODES, tainted, workload("daemonset", "agent"))
        assert [pod.node for pod in sorted(pods(cluster, "agent"), key=lambda pod: pod.node)] == ["a", "b", "c"]
        await cordon(cluster, "a")
        await advance(cluster, 5)
        assert cluster.state().nodes["a"].taints == (Taint("node.kubernetes.io/unschedulable", "NoSchedule"),)
        assert len(pods(cluster, "agent")) == 3
        (daemons,) = cluster.state().workloads.values()
        assert (daemons.replicas, daemons.ready) == (3, 3)
        (evicted,) = (pod for pod in pods(cluster, "agent") if pod.node == "a")
        await evict(cluster, evicted)
        await advance(cluster, 6)
        assert sorted(pod.node for pod in pods(cluster, "agent")) == ["a", "b", "c"]

    run(story())


def test_a_pod_that_fits_nowhere_says_why_and_is_tried_again_when_there_is_room() -> None:
    async def story() -> None:
        spec = PodSpec(requests={"cpu": 3000})
        cluster = settled(*NODES, workload("deployment", "web", 3, spec))
        await cordon(cluster, "a")
        await evict(cluster, next(pod for pod in pods(cluster) if pod.node == "a"))
        await advance(cluster, 3)
        (waiting,) = (pod for pod in pods(cluster) if not pod.node)
        assert _reasons(waiting) == {"1 node(s) were unschedulable", "2 Insufficient cpu"}
        open_again = cluster.state().nodes["a"]
        await cluster.perform(
            PatchNode(open_again.ref, open_again.uid, open_again.resource_version, "", unschedulable=False)
        )
        await advance(cluster, 5)
        assert all(pod.ready and not pod.waiting for pod in pods(cluster))

    run(story())


def test_replacements_prefer_nodes_without_a_prefer_no_schedule_taint() -> None:
    avoid = (Taint("underway.dev/later", "PreferNoSchedule"),)
    cluster = settled(node("a", taints=avoid), node("b", taints=avoid), node("c"), workload("deployment", "web", 1))
    assert [pod.node for pod in pods(cluster)] == ["c"]


def test_a_job_runs_on_its_node_to_completion_and_goes_with_its_pods() -> None:
    ref = Ref("job", "default", "maintain-a")
    pod_spec = {
        "nodeName": "a",
        "hostPID": True,
        "restartPolicy": "Never",
        "containers": [{"name": "m", "image": "i", "command": ["sh", "-c", "install-kubelet v1.34.4"]}],
    }
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": {"underway.dev/run": "r1"}},
        "spec": {"template": {"metadata": {"labels": {"app": "maintain"}}, "spec": pod_spec}},
    }

    async def story() -> None:
        cluster = settled(*NODES)
        create = CreateJob(ref, "run a Job", manifest)
        assert (await cluster.perform(create)).status == "done"
        assert (await cluster.perform(create)).status == "done", "creating it twice is harmless"
        await advance(cluster, 1)
        assert [pod.node for pod in pods(cluster, "maintain")] == ["a"]
        assert not cluster.state().workloads[ref].complete
        await advance(cluster, 10)
        job = cluster.state().workloads[ref]
        assert job.complete
        assert cluster.state().nodes["a"].kubelet_version == "v1.34.4"
        await cluster.perform(DeleteJob(ref, job.uid, "delete the Job"))
        await advance(cluster, 1)
        assert ref not in cluster.state().workloads
        assert pods(cluster, "maintain") == []

    run(story())


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


def test_with_no_room_left_a_replacement_waits() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 3))
        cluster.bring([NoRoom()])
        await advance(cluster, 0.1)
        await cordon(cluster, "a")
        await evict(cluster, next(pod for pod in pods(cluster) if pod.node == "a"))
        await advance(cluster, 5)
        (waiting,) = (pod for pod in pods(cluster) if not pod.node)
        assert _reasons(waiting) == {"1 node(s) were unschedulable", "2 Insufficient cpu"}

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


def test_a_simulation_leaves_the_given_state_alone() -> None:
    before = settled(*NODES, workload("deployment", "web", 3)).state()
    objects = list(before.objects())
    cluster = SimulatedCluster(before)
    run(evict(cluster, pods(cluster)[0]))
    run(advance(cluster, 10))
    assert list(before.objects()) == objects


def test_pods_take_as_long_as_their_siblings_took() -> None:
    async def story() -> None:
        slow = Settings(start_up=timedelta(seconds=4), warm_up=timedelta(seconds=9))
        known = settled(*NODES, workload("deployment", "web", 3), settings=slow)
        copy = SimulatedCluster(known.state(), settings=Settings(start=known.now()))
        assert copy.settle()
        await evict(copy, pods(copy)[0])
        await advance(copy, 20)
        newest = max((pod for pod in pods(copy) if pod.ready_since), key=lambda pod: pod.ready_since or copy.now())
        assert newest.ready_since is not None
        assert newest.started is not None
        assert newest.scheduled is not None
        assert newest.ready_since - newest.started == timedelta(seconds=9)
        assert newest.started - newest.scheduled == timedelta(seconds=4)
        assert not any("to become Ready" in assumption for assumption in copy.assumptions)

    run(story())


def test_an_evicted_job_pod_has_failed_and_another_is_made_after_a_while() -> None:
    async def story() -> None:
        spec = PodSpec(restart_policy="Never")
        cluster = settled(*NODES, workload("job", "import", 1, spec))
        (pod,) = pods(cluster, "import")
        await evict(cluster, pod)
        await advance(cluster, 5)
        (job,) = cluster.state().workloads.values()
        assert (job.failed, job.current) == (1, 0)
        assert pods(cluster, "import") == []
        await advance(cluster, 10)
        (again,) = pods(cluster, "import")
        assert again.phase == "Running"

    run(story())
