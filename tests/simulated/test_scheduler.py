from __future__ import annotations

from scenes import advance, cordon, evict, node, pods, run, settled, workload

from underway.cluster.actions import (
    PatchNode,
)
from underway.cluster.model import Claim, Pod, Volume
from underway.cluster.podspec import NodeTerm, PodSpec, PodTerm, Spread, Taint
from underway.simulated.faults import NoRoom
from underway.units import equality_selector

NODES = (node("a"), node("b"), node("c"))


def _reasons(pod: Pod) -> set[str]:
    return set(pod.waiting.removeprefix("0/3 nodes are available: ").split(", "))


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


def test_pods_that_must_not_share_a_node_do_not_and_the_last_one_waits() -> None:
    apart = PodTerm(equality_selector([("app", "web")]), "kubernetes.io/hostname", ())
    cluster = settled(*NODES, workload("deployment", "web", 4, PodSpec(anti_affinity=(apart,))))
    assert sorted(pod.node for pod in pods(cluster)) == ["", "a", "b", "c"]
    (waiting,) = (pod for pod in pods(cluster) if not pod.node)
    assert waiting.waiting == "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules"


def test_a_hard_spread_keeps_zones_even() -> None:
    zoned = [node(name, labels={"zone": name[0]}) for name in ("x1", "x2", "x3", "y1")]
    spread = Spread("zone", 1, hard=True, selector=equality_selector([("app", "web")]))
    cluster = settled(*zoned, workload("deployment", "web", 6, PodSpec(spread=(spread,))))
    assert sorted(pod.node[0] for pod in pods(cluster)) == ["x"] * 3 + ["y"] * 3


def test_a_pod_follows_its_volume_and_its_host_port() -> None:
    there = NodeTerm(equality_selector([("kubernetes.io/hostname", "b")]))
    spec = PodSpec(claims=("data",), host_ports=(("TCP", "", 80),))
    cluster = settled(
        *NODES,
        Claim("claim", "shop", "data", ("ReadWriteOnce",), "pv"),
        Volume("volume", "pv", (there,)),
        workload("deployment", "web", 2, spec),
    )
    assert sorted(pod.node for pod in pods(cluster)) == ["", "b"]
    (waiting,) = (pod for pod in pods(cluster) if not pod.node)
    assert _reasons(waiting) == {
        "1 node(s) didn't have free ports for the requested pod ports",
        "2 node(s) had volume node affinity conflict",
    }


def test_a_preferred_node_affinity_outweighs_an_emptier_node() -> None:
    fast = NodeTerm(equality_selector([("disk", "fast")]), weight=100)
    some = NodeTerm(equality_selector([("zone", "1")]), weight=10)
    nodes = (
        node("a", labels={"zone": "1"}),
        node("b", labels={"disk": "fast"}, allocatable={"cpu": 1000, "memory": 2 * 1024**3, "pods": 110}),
        node("c"),
    )
    cluster = settled(*nodes, workload("deployment", "web", 1, PodSpec(preferred_nodes=(fast, some))))
    assert [pod.node for pod in pods(cluster)] == ["b"]


def test_a_gated_pod_is_not_scheduled() -> None:
    gated = Pod("gated", "shop", "gated", labels={"app": "web"}, spec=PodSpec(gated=True))
    cluster = settled(*NODES, gated)
    run(advance(cluster, 60))
    (pod,) = pods(cluster)
    assert (pod.node, pod.waiting) == ("", "Scheduling is blocked due to non-empty scheduling gates")
