from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

from scenes import advance, at_least, cordon, evict, label, node, pods, run, service, settled, workload

from underway.cluster.model import Pod
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.surplus import in_order_of_deletion

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def shop() -> SimulatedCluster:
    return settled(
        node("a"), node("b"), node("c"), workload("deployment", "web", 3), service("web"), at_least("web", 2)
    )


def test_a_deployment_gets_a_replica_set_and_its_pods_become_ready_on_different_nodes() -> None:
    cluster = shop()
    assert [pod.ready for pod in pods(cluster)] == [True] * 3
    assert {pod.node for pod in pods(cluster)} == {"a", "b", "c"}
    assert all(a.uid != b.uid for a, b in combinations(pods(cluster), 2))


def test_a_pod_without_the_template_hash_is_released_and_replaced_at_once_and_goes_on_serving() -> None:
    async def story() -> None:
        cluster = shop()
        detached = pods(cluster)[0]
        assert (await label(cluster, detached, pod_template_hash=None)).status == "done"
        await advance(cluster, 0.2)
        old = cluster.state().pods[detached.ref]
        assert old.owner is None
        assert old.ready
        assert len(pods(cluster)) == 4
        await advance(cluster, 5)
        (endpoints,) = cluster.state().slices(next(cluster.state().services()))
        assert endpoints.ready == {pod.uid for pod in pods(cluster)}
        assert len(endpoints.ready) == 4

    run(story())


def test_a_pod_that_gets_its_label_back_is_adopted_and_the_surplus_unready_one_goes() -> None:
    async def story() -> None:
        cluster = shop()
        before = {pod.uid for pod in pods(cluster)}
        detached = pods(cluster)[0]
        digest = detached.labels["pod-template-hash"]
        await label(cluster, detached, pod_template_hash=None)
        await advance(cluster, 1)
        await label(cluster, detached, pod_template_hash=digest)
        await advance(cluster, 5)
        assert {pod.uid for pod in pods(cluster)} == before
        assert all(pod.owner is not None for pod in pods(cluster))

    run(story())


def test_a_replacement_keeps_off_a_cordoned_node() -> None:
    async def story() -> None:
        cluster = shop()
        moved = pods(cluster)[0]
        await cordon(cluster, moved.node)
        assert (await evict(cluster, moved)).status == "done"
        await advance(cluster, 6)
        assert len(pods(cluster)) == 3
        assert moved.node not in {pod.node for pod in pods(cluster)}

    run(story())


def test_the_surplus_goes_in_the_order_of_the_real_controller() -> None:
    def pod(name: str, **fields: object) -> Pod:
        values = {
            "uid": name,
            "namespace": "shop",
            "name": name,
            "node": "a",
            "phase": "Running",
            "ready": True,
            "ready_since": NOW - timedelta(hours=1),
            "created": NOW - timedelta(hours=1),
        }
        return Pod(**(values | fields))  # type: ignore[arg-type]

    cheap = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
    expected = [
        pod("unassigned", node="", phase="Pending", ready=False),
        pod("pending", phase="Pending", ready=False),
        pod("not-ready", ready=False, ready_since=None),
        pod("cheap", annotations=cheap),
        pod("crowded-1"),
        pod("crowded-2"),
        pod("young", node="b", ready_since=NOW - timedelta(minutes=1)),
        pod("restarted", node="c", restarts=3),
        pod("late", node="d", created=NOW - timedelta(minutes=1)),
        pod("old", node="e"),
    ]
    given = sorted(expected, key=lambda one: one.name)
    assert [one.name for one in in_order_of_deletion(given, given, NOW)] == [one.name for one in expected]


def test_a_failed_pod_is_replaced_and_does_not_count() -> None:
    failed = Pod("dead", "shop", "web-dead", "a", {"app": "web"}, phase="Failed", created=NOW)
    cluster = settled(node("a"), workload("replicaset", "web", 2), failed)
    assert sorted(pod.phase for pod in pods(cluster)) == ["Failed", "Running", "Running"]


def test_a_name_that_is_taken_is_not_given_again() -> None:
    (alone,) = pods(settled(node("a"), workload("replicaset", "web", 1)), "web")
    taken = Pod(uid="taken", namespace="shop", name=alone.name, node="a", phase="Running", ready=True)
    cluster = settled(node("a"), workload("replicaset", "web", 1), taken)
    (made,) = pods(cluster, "web")
    assert made.name != alone.name
    assert cluster.state().pods[taken.ref].uid == "taken"
