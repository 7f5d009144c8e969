"""What the simulation takes pods and Jobs to need, from what the given cluster tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from scenes import advance, cordon, evict, node, pods, run, settled, workload

from underway.cluster.actions import CreateJob, PatchNode
from underway.cluster.model import Pod, Ref
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import Settings

NODES = (node("a"), node("b"))
SCHEDULED = datetime(2026, 1, 1, tzinfo=UTC)


def told(seconds: list[int]) -> SimulatedCluster:
    """A Deployment whose pods each took so long to start and as long to become Ready, as the API says."""
    state = settled(*NODES, workload("deployment", "web", len(seconds))).state()
    siblings = sorted(state.pods.values(), key=lambda pod: pod.name)
    took = {pod.uid: timedelta(seconds=number) for pod, number in zip(siblings, seconds, strict=True)}
    objects = [
        msgspec.structs.replace(
            found,
            scheduled=SCHEDULED,
            started=SCHEDULED + took[found.uid],
            ready_since=SCHEDULED + 2 * took[found.uid],
        )
        if isinstance(found, Pod)
        else found
        for found in state.objects()
    ]
    return SimulatedCluster(ClusterState(objects), settings=Settings())


async def replaced(cluster: SimulatedCluster) -> tuple[float, float]:
    """Evict a pod; the seconds that its replacement takes to start and to become Ready."""
    known = {pod.uid for pod in pods(cluster)}
    await evict(cluster, pods(cluster)[0])
    await advance(cluster, 60)
    (made,) = (pod for pod in pods(cluster) if pod.uid not in known)
    assert made.scheduled
    assert made.started
    assert made.ready_since
    return (made.started - made.scheduled).total_seconds(), (made.ready_since - made.started).total_seconds()


def test_moments_in_whole_seconds_are_averaged() -> None:
    start_up, warm_up = run(replaced(told([3, 4, 4])))
    assert (start_up, warm_up) == pytest.approx((3.667, 3.667), abs=0.001)


def test_a_pod_that_was_held_up_is_not_counted() -> None:
    assert run(replaced(told([3, 3, 40]))) == (3, 3)


def test_a_pre_stop_hook_that_sleeps_is_waited_for() -> None:
    async def story() -> None:
        spec = PodSpec(requests={"cpu": 100}, pre_stop=True, pre_stop_seconds=15)
        cluster = settled(node("a"), workload("deployment", "web", 1, spec))
        (pod,) = pods(cluster)
        await evict(cluster, pod)
        await advance(cluster, 14)
        assert cluster.kubelets.answers(pod.uid)
        await advance(cluster, 3)
        assert pod.uid not in {found.uid for found in pods(cluster)}
        assert any("preStop hook has slept for 15s" in said for said in cluster.assumptions)

    run(story())


def test_a_pod_of_which_nothing_is_known_is_not_ready_before_its_probes_begin() -> None:
    cluster = settled(node("a"), workload("deployment", "web", 1, PodSpec(probe_delay=30)))
    (pod,) = pods(cluster)
    assert pod.ready_since
    assert pod.started
    assert (pod.ready_since - pod.started).total_seconds() == 30


def test_a_pod_that_fitted_nowhere_is_bound_as_soon_as_a_node_is_free() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 1))
        for name in ("a", "b"):
            await cordon(cluster, name)
        await evict(cluster, pods(cluster)[0])
        await advance(cluster, 30)
        (waiting,) = pods(cluster)
        assert not waiting.node
        free = cluster.state().nodes["a"]
        await cluster.perform(PatchNode(free.ref, free.uid, free.resource_version, "uncordon", unschedulable=False))
        await advance(cluster, 0.2)
        assert pods(cluster)[0].node == "a"

    run(story())


@pytest.mark.parametrize(("args", "seconds"), [(["sleep", "20s"], 20), (["sleep", "20"], 20), (["work", "sleep"], 3)])
def test_a_job_that_sleeps_says_how_long_it_takes(args: list[str], seconds: int) -> None:
    ref = Ref("job", "default", "maintain-a")
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": {"underway.dev/run": "r1"}},
        "spec": {
            "template": {
                "metadata": {"labels": {"app": "maintain"}},
                "spec": {
                    "nodeName": "a",
                    "restartPolicy": "Never",
                    "containers": [{"name": "m", "image": "i", "args": args}],
                },
            }
        },
    }

    async def story() -> tuple[float, list[str]]:
        cluster = settled(*NODES)
        began = cluster.now()
        await cluster.perform(CreateJob(ref, "run a Job", manifest))
        while not cluster.state().workloads[ref].complete:
            await cluster.changed(cluster.now() + timedelta(minutes=1))
        return (cluster.now() - began).total_seconds(), list(cluster.assumptions)

    took, assumptions = run(story())
    delays = Settings()
    others = delays.start_up + delays.finish_report + delays.job_sync_period
    assert took == pytest.approx(seconds + others.total_seconds(), abs=0.1)
    assert any("its pods run for" in found for found in assumptions) is ("sleep" not in args[:1])


def test_a_job_on_the_way_is_one_of_the_cluster() -> None:
    """Its pods' own end is not known, so it is assumed to be far away."""
    cluster = settled(*NODES, workload("job", "import", 1, PodSpec(restart_policy="Never")))
    run(advance(cluster, 30))
    assert [pod.phase for pod in pods(cluster, "import")] == ["Running"]
