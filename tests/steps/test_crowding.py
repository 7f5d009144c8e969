"""A pod in the way of its own replacement: found beforehand, at its turn, and told where it has come to that."""

from __future__ import annotations

from typing import Any

import pytest
from states import NOW, detached, node, nodes_step, pod, replicaset

from underway.cluster.model import Node, Pod
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec, PodTerm
from underway.cluster.state import ClusterState
from underway.steps.handoff import Await, Ledger, next_move
from underway.steps.treatment import Treatment, treatment, treatment_now
from underway.units import equality_selector

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def at(name: str, zone: str, **fields: Any) -> Node:
    return node(name, labels={HOST: name, ZONE: zone}, **fields)


A, B, C = at("a", "y"), at("b", "y"), at("c", "z")
FULL = at("c", "z", allocatable={"cpu": 10, "pods": 110})


def apart(key: str = ZONE) -> PodSpec:
    term = PodTerm(equality_selector([("app", "web")]), key, ("shop",))
    return PodSpec(requests={"cpu": 100}, anti_affinity=(term,))


WEB = pod("web", "a", spec=apart())
OTHER = pod("other", "c", spec=apart())
ALONE = "its replacement has no place while it stands (kept apart by topology.kubernetes.io/zone)"


def judged(*objects: Object, now: bool = False, strategy: str = "auto") -> Treatment:
    state = ClusterState([WEB, replicaset(), *objects])
    return (treatment_now if now else treatment)(WEB, nodes_step(drain={"strategy": strategy}).drain, state)


def test_it_is_evicted_where_its_zone_has_the_only_place() -> None:
    found = judged(A, B, C, OTHER)
    assert (found.verdict, found.reason) == ("evict", f"evicted: {ALONE}")
    assert judged(A, B, C).verdict == "handoff"


def test_nodes_that_no_pod_of_its_kind_may_be_on_are_no_place() -> None:
    assert judged(A, B, at("c", "z", unschedulable=True)).verdict == "evict"
    assert judged(A, B, at("c", "z", ready=False)).verdict == "evict"


def test_where_there_is_no_place_even_without_it_it_is_not_the_cause() -> None:
    assert judged(A, C, OTHER).verdict == "handoff"
    waiting = judged(A, C, OTHER, now=True)
    assert (waiting.verdict, waiting.reason) == ("wait", "there is no place for its replacement")


def test_a_place_that_is_taken_by_others_counts_at_its_turn_and_not_before() -> None:
    assert judged(A, B, FULL).verdict == "handoff"
    assert judged(A, B, FULL, now=True).verdict == "evict"
    assert judged(A, B, FULL, now=True, strategy="handoff").verdict == "blocked"
    assert judged(A, B, C, now=True).verdict == "handoff"


def test_a_domain_of_one_node_keeps_nothing_from_another() -> None:
    found = pod("web", "a", spec=apart(HOST))
    state = ClusterState([found, A, B, replicaset()])
    assert treatment(found, nodes_step().drain, state).verdict == "handoff"


@pytest.mark.parametrize(("third", "said"), [(FULL, True), (at("c", "z", unschedulable=True), True), (None, False)])
def test_a_detached_pod_that_keeps_its_replacement_out_is_named_as_the_cause(third: Node | None, said: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    old = detached("web", "a", spec=apart())
    new = pod("new", "", spec=apart(), ready=False, phase="Pending", waiting="0/3 nodes are available")
    nodes: list[Node | Pod] = [at("a", "y", unschedulable=True), *([B, third] if third else [])]
    state = ClusterState([old, new, *nodes, replicaset(1)])
    move = next_move(old, state, Ledger(), left_traffic=None, now=NOW)
    assert isinstance(move, Await)
    cause = f"{ALONE}: " if said else ""
    assert move.reason == f"replacement new is not Ready: {cause}0/3 nodes are available"
