"""How replicas are spread, and which of them would best move where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from states import node, owned, pod, replicaset

from underway.cluster.model import Claim, Pod, Template, Volume, Workload
from underway.cluster.podspec import NodeTerm, PodSpec, Taint
from underway.cluster.state import ClusterState
from underway.steps.spreading import Move, Stuck, least_moves, next_move, replicas, spread
from underway.units import equality_selector

SPEC = PodSpec(requests={"cpu": 100})
SOMEBODYS = Taint("dedicated", "NoSchedule")


def web(**fields: Any) -> Workload:
    """The ReplicaSet that the pods of `states` belong to, with a template."""
    template = Template(labels={"app": "web"}, spec=SPEC)
    return replicaset(3, template=template, **fields)


def pods(*where: str, **fields: Any) -> list[Pod]:
    return [pod(f"web-{number}", name, spec=SPEC, **fields) for number, name in enumerate(where)]


def found(state: ClusterState, max_skew: int = 1, why: str | None = None) -> Move | Stuck | None:
    return next_move(web(), state, max_skew, lambda _: why)


def test_the_first_pod_of_the_fullest_node_moves() -> None:
    state = ClusterState([web(), node("a"), node("b"), node("c"), *pods("b", "a", "a", "a")])
    move = found(state)
    assert isinstance(move, Move)
    assert (move.pod.name, move.fewest) == ("web-1", 0)


def test_none_moves_where_they_differ_by_no_more_than_allowed() -> None:
    state = ClusterState([web(), node("a"), node("b"), *pods("a", "a", "a", "b")])
    assert found(state, max_skew=2) is None
    assert isinstance(found(state, max_skew=1), Move)
    assert found(ClusterState([web(), node("a"), *pods("a", "a", "a")])) is None


@pytest.mark.parametrize(
    "closed",
    [{"unschedulable": True}, {"ready": False}, {"taints": (SOMEBODYS,)}],
)
def test_a_node_that_takes_none_is_not_short_of_them(closed: dict[str, Any]) -> None:
    state = ClusterState([web(), node("a"), node("b", **closed), *pods("a", "a", "a")])
    assert spread(web(), state) == {"a": 3}
    assert found(state) is None


def test_a_node_that_is_to_be_left_alone_counts_all_the_same() -> None:
    pending = Taint("underway.dev/pending", "PreferNoSchedule", "run-1")
    state = ClusterState([web(), node("a"), node("b", taints=(pending,)), *pods("a", "a")])
    assert spread(web(), state) == {"a": 2, "b": 0}


def test_a_full_node_is_passed_over_and_it_is_said_where_all_are_full() -> None:
    full = {"allocatable": {"cpu": 50, "pods": 110}}
    some = ClusterState([web(), node("a"), node("b", **full), node("c"), *pods("a", "a", "a", "c")])
    move = found(some)
    assert isinstance(move, Move)
    assert move.fewest == 1
    none = ClusterState([web(), node("a"), node("b", **full), *pods("a", "a")])
    assert str(found(none)) == "2 Insufficient cpu"


def test_a_pod_that_may_not_move_is_passed_over_for_another() -> None:
    state = ClusterState([web(), node("a"), node("b"), *pods("a", "a", "a")])
    move = next_move(web(), state, 1, lambda pod: "is wanted here" if pod.name == "web-0" else None)
    assert isinstance(move, Move)
    assert move.pod.name == "web-1"
    assert str(found(state, why="is wanted here")) == "3 is wanted here"


def test_a_volume_keeps_its_pod_in_its_zone() -> None:
    """db-0's volume is of zone y, where its node is; db-1's is anywhere."""
    zone_y = NodeTerm(equality_selector([("zone", "y")]))
    volumes = [
        Claim(uid="c0", namespace="shop", name="data-0", volume="v0", modes=("ReadWriteOnce",)),
        Volume(uid="v0", name="v0", node_terms=(zone_y,)),
        Claim(uid="c1", namespace="shop", name="data-1", volume="v1", modes=("ReadWriteOnce",)),
        Volume(uid="v1", name="v1"),
    ]
    nodes = [node("a", labels={"zone": "y"}), node("b", labels={"zone": "z"})]
    bound = [
        msgspec.structs.replace(member, spec=msgspec.structs.replace(SPEC, claims=(f"data-{number}",)))
        for number, member in enumerate(pods("a", "a"))
    ]
    move = found(ClusterState([web(), *nodes, *volumes, *bound]))
    assert isinstance(move, Move)
    assert move.pod.name == "web-1"
    only = found(ClusterState([web(), *nodes, *volumes, bound[0], pod("web-9", "a", spec=bound[0].spec)]))
    assert str(only) == "2 node(s) had volume node affinity conflict"


def test_the_pods_of_a_deployment_are_those_of_its_replica_sets() -> None:
    deployment = Workload(kind="deployment", uid="d", namespace="shop", name="web", replicas=2)
    old = web(owner=owned(deployment, "Deployment"))
    leaving = pod("web-9", "a", deleting=None, phase="Failed")
    state = ClusterState([deployment, old, node("a"), *pods("a", "a"), leaving])
    assert [each.name for each in replicas(deployment, state)] == ["web-0", "web-1"]


@pytest.mark.parametrize(
    ("counts", "skew", "moves"),
    [((3, 0, 0), 1, 2), ((3, 0, 0), 2, 1), ((1, 1, 1), 1, 0), ((6, 0), 1, 3), ((), 1, 0), ((5, 5, 0), 1, 3)],
)
def test_how_many_have_to_move_at_least(counts: tuple[int, ...], skew: int, moves: int) -> None:
    assert least_moves({str(number): count for number, count in enumerate(counts)}, skew) == moves
