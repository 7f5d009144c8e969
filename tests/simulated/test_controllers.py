from __future__ import annotations

from datetime import timedelta

import msgspec
from scenes import advance, cordon, evict, node, pods, run, settled, workload

from underway.cluster.actions import (
    RollTemplate,
)
from underway.cluster.model import Claim, Pod, Template, Volume
from underway.cluster.podspec import NodeTerm, PodSpec, Taint
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import EXIT, Settings
from underway.units import Requirement, Selector

NODES = (node("a"), node("b"), node("c"))


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
    cluster = settled(*NODES, workload("statefulset", "db", 3, parallel=True))
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


def test_a_stateful_set_may_begin_at_another_number() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("statefulset", "db", 2, first_ordinal=5))
        assert [pod.name for pod in pods(cluster, "db")] == ["db-5", "db-6"]
        await evict(cluster, pods(cluster, "db")[0])
        await advance(cluster, 20)
        assert [(pod.name, pod.ready) for pod in pods(cluster, "db")] == [("db-5", True), ("db-6", True)]

    run(story())


def test_a_members_volumes_say_where_it_may_run() -> None:
    """As its volumeClaimTemplates name them; those that nobody has given yet are taken to do anywhere."""
    here = NodeTerm(labels=Selector(), names=Selector((Requirement("metadata.name", "In", ("c",)),)))
    volume = Volume(uid="pv", name="pv", node_terms=(here,))
    claim = Claim(uid="pvc", namespace="shop", name="data-db-0", modes=("ReadWriteOnce",), volume="pv")
    cluster = settled(*NODES, volume, claim, workload("statefulset", "db", 2, claim_templates=("data",)))
    first, second = pods(cluster, "db")
    assert (first.node, first.spec.claims) == ("c", ("data-db-0",))
    assert second.spec.claims == ("data-db-1",)
    assert "statefulset/shop/db: its volumes can be used on every node" in cluster.assumptions


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


def test_an_evicted_pod_of_a_forgiving_job_does_not_count_and_is_replaced_when_it_has_ended() -> None:
    async def story() -> None:
        spec = PodSpec(restart_policy="Never")
        job = workload("job", "import", 1, spec, forgiving=True, backoff_limit=0, annotations={EXIT: "8s"})
        cluster = settled(*NODES, job)
        (pod,) = pods(cluster, "import")
        await evict(cluster, pod)
        await advance(cluster, 5)
        assert [one.uid for one in pods(cluster, "import")] == [pod.uid]
        await advance(cluster, 10)
        (again,) = pods(cluster, "import")
        assert again.phase == "Running"
        (found,) = cluster.state().workloads.values()
        assert (found.failed, found.failure) == (0, "")

    run(story())


def test_a_deployment_goes_on_with_the_replica_set_of_its_template() -> None:
    first = workload("deployment", "web", 2)
    state = settled(*NODES, first).state()
    (made,) = (found for found in state.workloads.values() if found.kind == "replicaset")
    old = msgspec.structs.replace(
        made, uid="old", name="web-old", replicas=0, template=Template({}, PodSpec(), "other"), annotations={}
    )
    copy = SimulatedCluster(ClusterState([*state.objects(), old]))
    assert copy.settle()
    assert {found.name: found.replicas for found in copy.state().workloads.values()} == {
        "web": 2,
        made.name: 2,
        "web-old": 0,
    }


def test_recreate_stops_the_old_pods_first_and_starts_the_new_ones_when_they_are_gone() -> None:
    async def story() -> None:
        template = Template({"app": "web"}, PodSpec(images=("web:1",)), "first", {"web": "web:1"})
        cluster = settled(*NODES, workload("deployment", "web", 2, template=template, strategy="Recreate"))
        together: set[tuple[str, ...]] = set()

        def look(_: Pod | None, __: Pod | None) -> None:
            running = {image for pod in pods(cluster) if not pod.finished for image in pod.spec.images}
            together.add(tuple(sorted(running)))

        cluster.watch(Pod, look)
        (web,) = (found for found in cluster.state().workloads.values() if found.kind == "deployment")
        await cluster.perform(RollTemplate(web.ref, web.uid, web.generation, "roll", images={"web": "web:2"}))
        await advance(cluster, 20)
        assert [(pod.ready, pod.spec.images) for pod in pods(cluster)] == [(True, ("web:2",))] * 2
        assert together == {("web:1",), (), ("web:2",)}

    run(story())


def test_recreate_does_not_wait_for_pods_that_have_finished() -> None:
    async def story() -> None:
        web = workload("deployment", "web", 2, strategy="Recreate")
        cluster = settled(*NODES, web)
        state = cluster.state()
        first, second = pods(cluster)
        over = msgspec.structs.replace(first, phase="Failed", ready=False)
        new = Template({"app": "web"}, PodSpec(requests={"cpu": 200}), "second")
        (old,) = (found for found in state.workloads.values() if found.kind == "deployment")
        changed = msgspec.structs.replace(old, template=new, generation=2)
        copy = SimulatedCluster(ClusterState([*state.objects(), over, changed]), settings=Settings(seed="another"))
        await advance(copy, 30)
        assert second.uid not in {pod.uid for pod in pods(copy)}
        assert [pod.spec.requests["cpu"] for pod in pods(copy) if pod.ready] == [200, 200]

    run(story())


def test_a_pod_whose_image_cannot_be_pulled_stays_as_it_is() -> None:
    labels = {"app": "web"}
    stuck = Pod("stuck", "shop", "web-stuck", "a", labels, waiting="ImagePullBackOff: no such image")
    crashing = Pod("crash", "shop", "web-crash", "a", labels, phase="Running", waiting="CrashLoopBackOff")
    cluster = SimulatedCluster(ClusterState([*NODES, stuck, crashing]))
    run(advance(cluster, 60))
    assert [(pod.phase, pod.ready) for pod in pods(cluster)] == [("Running", False), ("Pending", False)]


def test_a_member_that_has_failed_is_made_again_though_its_condition_says_ready() -> None:
    async def story() -> None:
        made = settled(node("a"), workload("statefulset", "db", 3))
        failed = msgspec.structs.replace(pods(made, "db")[1], phase="Failed")
        others = [found for found in made.state().objects() if found.ref != failed.ref]
        cluster = SimulatedCluster(ClusterState([*others, failed]))
        await advance(cluster, 60)
        assert [(found.phase, found.ready) for found in pods(cluster, "db")] == [("Running", True)] * 3

    run(story())
