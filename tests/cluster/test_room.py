"""Where a pod can run and why not, in the scheduler's words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from underway.cluster.model import Claim, Node, Pod, Volume
from underway.cluster.podspec import NodeTerm, PodSpec, PodTerm, Spread, Taint, Toleration
from underway.cluster.room import Room, larger_first, unschedulable_message
from underway.cluster.state import ClusterState
from underway.units import Requirement, Selector, equality_selector

GIB = 1024**3
HOSTNAME = "kubernetes.io/hostname"


def node(name: str, **fields: Any) -> Node:
    base: dict[str, Any] = {
        "uid": name,
        "name": name,
        "labels": {HOSTNAME: name, "zone": "1"},
        "allocatable": {"cpu": 2000, "memory": 4 * GIB, "pods": 10},
        "ready": True,
    }
    return Node(**base | fields)


def pod(name: str, where: str = "", labels: dict[str, str] | None = None, **spec: Any) -> Pod:
    return Pod(uid=name, namespace="shop", name=name, node=where, labels=labels or {"app": "web"}, spec=PodSpec(**spec))


APART = PodTerm(equality_selector([("app", "web")]), HOSTNAME, ("shop",))
LOCAL = Volume(uid="v", name="v", node_terms=(NodeTerm(equality_selector([(HOSTNAME, "b")])),))


@pytest.mark.parametrize(
    ("wanted", "fields", "said"),
    [
        ({}, {}, None),
        ({"requests": {"cpu": 2000}}, {}, None),
        ({"requests": {"cpu": 2001}}, {}, "Insufficient cpu"),
        ({"requests": {"memory": 5 * GIB}}, {}, "Insufficient memory"),
        ({"requests": {"nvidia.com/gpu": 1}}, {}, "Insufficient nvidia.com/gpu"),
        ({}, {"allocatable": {"pods": 0}}, "Too many pods"),
        ({}, {"unschedulable": True}, "node(s) were unschedulable"),
        ({}, {"ready": False}, "node(s) were not ready"),
        ({"tolerations": (Toleration(operator="Exists"),)}, {"ready": False}, None),
        ({}, {"taints": (Taint("gpu", "NoSchedule", "yes"),)}, "node(s) had untolerated taint {gpu: yes}"),
        ({}, {"taints": (Taint("gpu", "PreferNoSchedule"),)}, None),
        ({"tolerations": (Toleration("gpu", "Exists"),)}, {"taints": (Taint("gpu", "NoSchedule", "yes"),)}, None),
        ({"tolerations": (Toleration("gpu", "Equal", "no"),)}, {"taints": (Taint("gpu", "NoExecute", "yes"),)}, "gpu"),
        ({"tolerations": (Toleration(operator="Exists"),)}, {"unschedulable": True}, None),
        ({"node_selector": {"zone": "2"}}, {}, "node(s) didn't match Pod's node affinity/selector"),
        ({"node_terms": (NodeTerm(equality_selector([("zone", "2")])),)}, {}, "affinity/selector"),
        (
            {
                "node_terms": (
                    NodeTerm(equality_selector([("zone", "2")])),
                    NodeTerm(equality_selector([("zone", "1")])),
                )
            },
            {},
            None,
        ),
        ({"claims": ("data",)}, {}, "node(s) had volume node affinity conflict"),
    ],
)
def test_what_keeps_a_pod_from_a_node(wanted: Any, fields: Any, said: str | None) -> None:
    claim = Claim(uid="c", namespace="shop", name="data", volume="v", modes=("ReadWriteOnce",))
    room = Room(ClusterState([node("a", **fields), LOCAL, claim]))
    found = room.obstacle(pod("x", **wanted), node("a", **fields))
    assert found == said if said is None else said in (found or "")


def test_what_runs_there_takes_its_part_and_what_has_finished_does_not() -> None:
    busy = pod("busy", "a", requests={"cpu": 1500})
    wanted = pod("x", requests={"cpu": 1000})
    assert Room(ClusterState([node("a"), busy])).obstacle(wanted, node("a")) == "Insufficient cpu"
    over = Pod(uid="over", namespace="shop", name="over", node="a", phase="Succeeded", spec=busy.spec)
    assert Room(ClusterState([node("a"), over])).obstacle(wanted, node("a")) is None


def test_host_ports_clash_by_protocol_address_and_number() -> None:
    held = pod("held", "a", host_ports=(("TCP", "", 80),))
    room = Room(ClusterState([node("a"), held]))
    clash = "node(s) didn't have free ports for the requested pod ports"
    assert room.obstacle(pod("x", host_ports=(("TCP", "10.0.0.1", 80),)), node("a")) == clash
    assert room.obstacle(pod("x", host_ports=(("UDP", "", 80),)), node("a")) is None
    assert room.obstacle(pod("x", host_ports=(("TCP", "", 81),)), node("a")) is None


def test_anti_affinity_keeps_away_both_ways() -> None:
    shy = pod("shy", "a", anti_affinity=(APART,))
    room = Room(ClusterState([node("a"), node("b"), shy]))
    said = room.obstacle(pod("x", anti_affinity=(APART,)), node("a"))
    assert said == "node(s) didn't match pod anti-affinity rules"
    # one that does not mind is minded by the one that is there
    assert "anti-affinity" in (room.obstacle(pod("y"), node("a")) or "")
    assert room.obstacle(pod("y"), node("b")) is None


SPREAD = Spread("zone", 1, hard=True, selector=equality_selector([("app", "web")]))


@pytest.mark.parametrize(
    ("spread", "closed", "node_a", "said"),
    [
        (SPREAD, (), {"unschedulable": True}, False),
        (SPREAD, ("a",), {}, False),
        # a zone of which all nodes are cordoned is no zone, where the constraint says so
        (replace(SPREAD, heeds_taints=True), (), {"unschedulable": True}, True),
        (replace(SPREAD, heeds_taints=True), ("a",), {}, True),
        # and one that the pod may not be in is one, where the constraint says so
        (SPREAD, (), {"labels": {"zone": "1", "disk": "slow"}}, True),
        (replace(SPREAD, heeds_affinity=False), (), {"labels": {"zone": "1", "disk": "slow"}}, False),
        # a constraint that selects no pods never is in the way
        (replace(SPREAD, selector=None), (), {"unschedulable": True}, True),
    ],
)
def test_which_nodes_count_for_a_spread(spread: Spread, closed: Any, node_a: Any, said: bool) -> None:  # noqa: FBT001
    nodes = [node("a", **{"labels": {"zone": "1"}} | node_a), node("b", labels={"zone": "2"})]
    room = Room(ClusterState([*nodes, pod("there", "b")]))
    fast = NodeTerm(Selector((Requirement("disk", "NotIn", ("slow",)),)))
    wanted = pod("x", spread=(spread,), node_terms=(fast,))
    assert (room.obstacle(wanted, nodes[1], closed=closed) is None) == said


def test_a_node_without_the_label_of_one_constraint_counts_for_none() -> None:
    second = Spread("rack", 1, hard=True, selector=SPREAD.selector)
    nodes = [node("a"), node("b", labels={"zone": "2", "rack": "2"})]
    room = Room(ClusterState([*nodes, pod("there", "b")]))
    assert room.obstacle(pod("x", spread=(SPREAD, second)), nodes[1]) is None


def test_placing_takes_room_and_removing_gives_it_back() -> None:
    room = Room(ClusterState([node("a"), node("b")]))
    half = [pod(name, requests={"cpu": 1100}) for name in "xyz"]
    assert {room.place(half[0]), room.place(half[1])} == {"a", "b"}
    refused = room.place(half[2])
    assert refused == {"Insufficient cpu": 2}
    room.remove(Pod(uid="x", namespace="shop", name="x", node="a", labels={"app": "web"}, spec=half[0].spec))
    assert room.place(half[2]) == "a"


def test_closed_nodes_are_not_used_and_preferred_ones_first() -> None:
    room = Room(ClusterState([node("a"), node("b"), node("c")]))
    assert room.place(pod("x"), closed={"a"}, preferred={"c"}) == "c"
    assert room.place(pod("y"), closed={"a", "b", "c"}) == {"node(s) were unschedulable": 3}


def test_the_sentence_is_the_schedulers() -> None:
    assert unschedulable_message({"node(s) were unschedulable": 1, "Insufficient cpu": 3}) == (
        "0/4 nodes are available: 3 Insufficient cpu, 1 node(s) were unschedulable"
    )
    assert unschedulable_message({}) == "0/0 nodes are available: there is none"


def test_the_largest_is_placed_first() -> None:
    small, wide = pod("small", requests={"cpu": 100}), pod("wide", requests={"memory": 3 * GIB})
    assert larger_first([small, wide], {"cpu": 2000, "memory": 4 * GIB}) == [wide, small]
