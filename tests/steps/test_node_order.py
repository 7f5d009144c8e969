"""Which nodes are worked on, in what order, how many at once, and when the step has failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from states import HASH, NOW, RUN, node, nodes_step, patched, pod, replicaset

from underway.cluster.actions import PatchNode, PatchPod
from underway.cluster.model import Node
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.playbook.models import NodesStep
from underway.steps import marks
from underway.steps.head_start import give_head_start
from underway.steps.node_order import at_once, ordered, selected
from underway.steps.node_work import NodesWork, NodeWork
from underway.steps.nodes import Checked, proceed
from underway.steps.progress import Phase, StepEnd, Turn

A, B, C, D = (node(name) for name in "abcd")


def look_at(*objects: Object, minutes: int = 0) -> Turn:
    return Turn(RUN, ClusterState(objects), NOW + timedelta(minutes=minutes), {}, lambda _: None)


def taken(step: NodesStep, work: NodesWork, turn: Turn) -> StepEnd | None:
    return proceed(step, work, turn, lambda _: Checked(holds=True))


def started(nodes: Iterable[Node], unavailable: int | str) -> list[str]:
    """The nodes at work after the first turn."""
    nodes = list(nodes)
    work = NodesWork(0, "default", tuple(found.name for found in nodes))
    taken(nodes_step(maxUnavailable=unavailable), work, look_at(*nodes))
    return list(work.at_work)


# -- order -------------------------------------------------------------------------------------------------------


def test_names_that_no_node_has_are_found_wherever_the_step_gives_them() -> None:
    step = nodes_step(select={"names": ["a", "no"], "except": ["nor"]}, order=["a", "neither"])
    assert selected(step, ClusterState([A, B]))[1] == ["neither", "no", "nor"]


def test_nodes_are_selected_by_label_or_name_but_those_excepted() -> None:
    state = ClusterState([node("d", labels={"role": "worker"}), node("c", labels={"role": "worker"}), B, A])
    step = nodes_step(select={"labels": "role=worker", "names": ["a", "ghost"], "except": ["d", "phantom"]})
    found, unknown = selected(step, state)
    assert [each.name for each in found] == ["a", "c"]
    assert unknown == ["ghost", "phantom"]


def test_the_order_is_as_listed_then_by_name() -> None:
    state = ClusterState([D, C, B, A])
    assert ordered(nodes_step(order=["c", "a"]), state) == ("c", "a", "b", "d")
    assert ordered(nodes_step(order="name"), state) == ("a", "b", "c", "d")


def test_on_its_own_the_node_with_the_least_to_move_comes_first() -> None:
    pods = [pod("one", "a"), pod("two", "a"), pod("three", "b")]
    static = [pod(f"static-{number}", "c", mirror=True) for number in range(3)]
    assert ordered(nodes_step(), ClusterState([A, B, C, *pods, *static, replicaset(3)])) == ("c", "b", "a")


# -- pace --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unavailable", "count", "nodes"), [(1, 9, 1), (3, 9, 3), ("50%", 5, 2), ("10%", 5, 1), ("100%", 5, 5)]
)
def test_a_percentage_rounds_down_yet_never_below_one(unavailable: int | str, count: int, nodes: int) -> None:
    assert at_once(nodes_step(maxUnavailable=unavailable), count) == nodes


def test_no_more_than_max_unavailable_are_at_work() -> None:
    assert started([A, B, C, D], 1) == ["a"]
    assert started([A, B, C, D], "50%") == ["a", "b"]


def test_a_node_that_is_not_ready_counts_as_unavailable_and_is_not_begun_itself() -> None:
    sick = node("d", ready=False)
    assert started([A, B, C, sick], 2) == ["a"]
    assert started([A, B, C, sick], 1) == []
    assert started([A, B, node("c", ready=False), sick], 1) == []


def test_a_node_cordoned_by_somebody_else_counts_and_its_own_turn_takes_none_more() -> None:
    cordoned = node("d", unschedulable=True)
    assert started([A, B, C, cordoned], 2) == ["a", "d"]
    assert started([A, B, C, cordoned], 1) == ["d"]


def test_a_node_that_is_gone_is_a_failure_of_its_own() -> None:
    work = NodesWork(0, "default", ("ghost", "a"))
    for _ in range(2):
        taken(nodes_step(maxFailed=1), work, look_at(A))
    assert work.ended["ghost"].failure == "the node is gone"
    assert list(work.at_work) == ["a"]


# -- failures ----------------------------------------------------------------------------------------------------


def ended(failures: int, *, timed_out: bool = False, limit: int | str = 0) -> StepEnd | None:
    work = NodesWork(0, "default", ("a", "b", "c", "d"))
    for place, name in enumerate(work.order):
        phase: Phase = "restored" if place < failures else "done"
        work.end(name, NodeWork(phase, NOW, failure="no room" if place < failures else "", timed_out=timed_out))
    return taken(nodes_step(maxFailed=limit), work, look_at(A, B, C, D))


def test_the_step_fails_when_more_than_max_failed_nodes_have() -> None:
    assert ended(0) == StepEnd("done")
    assert ended(1) == StepEnd("failed", "node/a: no room")
    assert ended(1, timed_out=True) == StepEnd("timedOut", "node/a: no room")
    assert ended(1, limit=1) == StepEnd("done", "1 nodes could not be done: a")
    assert ended(2, limit=1) == StepEnd("failed", "node/b: no room")
    assert ended(2, limit="50%") == StepEnd("done", "2 nodes could not be done: a, b")
    assert ended(2, limit="49%") == StepEnd("failed", "node/b: no room")


def test_nothing_new_is_begun_once_the_step_has_failed() -> None:
    work = NodesWork(0, "default", ("a", "b"))
    work.end("a", NodeWork("failed", NOW, failure="no room"))
    turn = look_at(A, B)
    assert taken(nodes_step(), work, turn) == StepEnd("failed", "node/a: no room")
    assert not turn.actions
    assert not work.at_work


def test_nodes_that_stay_not_ready_hold_the_step_up_only_so_long() -> None:
    step, work = nodes_step(drain={"timeout": "5m"}), NodesWork(0, "default", ("a", "b"))
    sick = [node("a", ready=False), node("b", ready=False)]
    turn = look_at(*sick)
    assert taken(step, work, turn) is None
    assert {str(wait.object): wait.reason for wait in turn.waits} == {
        "node/a": "is not Ready",
        "node/b": "is not Ready",
    }
    assert taken(step, work, look_at(*sick, minutes=4)) is None
    taken(step, work, look_at(*sick, minutes=5))
    assert work.ended["a"].timed_out
    assert taken(step, work, look_at(*sick, minutes=5)) == StepEnd("timedOut", "node/b: not Ready for 5m")


# -- the announced taint -----------------------------------------------------------------------------------------


def test_nodes_whose_turn_comes_later_are_announced_once() -> None:
    step, work, turn = nodes_step(), NodesWork(0, "default", ("a", "b", "c")), look_at(A, B, C)
    taken(step, work, turn)
    assert turn.actions == [marks.cordon(A, RUN), marks.announce_node(B, RUN), marks.announce_node(C, RUN)]
    again = look_at(A, B, C)
    taken(step, work, again)
    assert again.actions == [marks.cordon(A, RUN)]


def test_a_single_node_has_nobody_to_keep_replacements_away_from() -> None:
    turn = look_at(A)
    taken(nodes_step(), NodesWork(0, "default", ("a",)), turn)
    assert [type(action) for action in turn.actions] == [PatchNode]


def test_a_node_that_another_run_has_marked_is_not_announced() -> None:
    theirs = patched(B, marks.announce_node(B, "run-0"))
    turn = look_at(A, theirs)
    taken(nodes_step(), NodesWork(0, "default", ("a", "b")), turn)
    assert turn.actions == [marks.cordon(A, RUN)]


# -- head start --------------------------------------------------------------------------------------------------

NEXT = patched(C, marks.announce_node(C, RUN))
MAINTAINED = nodes_step(maintain={"job": {"image": "x"}})


def head_start(
    *,
    phase: Phase = "verifying",
    first: Phase = "done",
    step: NodesStep | None = None,
    coming: Node = NEXT,
    done: Node = A,
    cpu: int = 100,
    begun: bool = True,
) -> list[str]:
    """Node a has ended, b is at work, c comes next: the pods that are detached early."""
    work = NodesWork(0, "default", ("a", "b", "c"), announced=True)
    work.end("a", NodeWork(first, NOW))
    work.at_work["b"] = NodeWork(phase, NOW)
    if phase == "draining" and begun:
        leaving = pod("leaving", "b")
        work.at_work["b"].staying[leaving.uid] = leaving
    moving = pod("moving", "c", spec=PodSpec(requests={"cpu": cpu}))
    turn = look_at(done, node("b", unschedulable=True), coming, moving, replicaset(1))
    give_head_start(step or nodes_step(), work, turn)
    assert all(isinstance(action, PatchPod) and HASH in action.labels for action in turn.actions)
    return [action.object.name for action in turn.actions if isinstance(action, PatchPod)]


def test_the_next_nodes_pods_are_handed_off_while_a_node_is_verified() -> None:
    assert head_start() == ["moving"]
    assert head_start(step=MAINTAINED) == ["moving"]


def test_there_is_no_head_start_while_pods_still_have_to_leave_or_maintenance_is_at_work() -> None:
    assert head_start(phase="draining") == []
    assert head_start(phase="maintaining", step=MAINTAINED) == []


def test_there_is_no_head_start_while_the_cordon_of_the_node_before_is_refused() -> None:
    assert head_start(phase="draining", begun=False) == []


def test_there_is_no_head_start_before_a_node_is_done() -> None:
    assert head_start(first="restored") == []


def test_there_is_no_head_start_without_room_on_a_node_that_is_done() -> None:
    assert head_start(cpu=4001) == []
    assert head_start(done=node("a", ready=False)) == []


def test_a_node_that_is_not_announced_or_not_well_gets_no_head_start() -> None:
    assert head_start(coming=C) == []
    assert head_start(coming=patched(NEXT, marks.cordon(NEXT, RUN))) == []
    assert head_start(coming=node("c", ready=False, taints=NEXT.taints, annotations=NEXT.annotations)) == []
