"""What a run has changed is put back from its marks alone, and nothing of anybody else's is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from states import (
    NOW,
    RUN,
    budget,
    detached,
    endpoints,
    node,
    patched,
    pod,
    replicaset,
    service,
    turn,
    waits,
    withdrawn,
)

from underway.cluster.actions import Action, DeleteJob, Evict, PatchBudget, PatchNode, PatchPod
from underway.cluster.model import Node, Ref, Workload
from underway.cluster.objects import Object
from underway.cluster.state import MARK, ClusterState
from underway.steps import marks
from underway.steps.maintenance import at_work
from underway.steps.progress import LeftTraffic, Turn
from underway.steps.undo import marked, not_back, put_back, put_back_node

SECOND = timedelta(seconds=1)


def drained(name: str = "a", run: str = RUN, phase: str = "draining") -> Node:
    cordoned = patched(node(name), marks.cordon(node(name), run))
    return patched(cordoned, marks.enter(cordoned, phase))


def job(run: str = RUN, on: str = "a", *, complete: bool = False, failure: str = "", ends: str = "") -> Workload:
    return Workload(
        kind="job",
        uid=f"job-{run}",
        namespace="default",
        name=f"underway-{run}",
        labels={MARK: run},
        annotations={marks.JOB_NODE: on, marks.JOB_ENDS: ends},
        complete=complete,
        failure=failure,
    )


def obey(state: ClusterState, actions: Sequence[Action]) -> None:
    """What a cluster makes of the actions, each at once."""
    for action in actions:
        match action:
            case PatchPod():
                state.put(patched(state.pods[action.object], action))
            case PatchNode():
                state.put(patched(state.nodes[action.object.name], action))
            case PatchBudget():
                [found] = [found for found in state.budgets() if found.ref == action.object]
                state.put(patched(found, action))
            case Evict() | DeleteJob():
                state.drop(action.object)
            case _:
                raise AssertionError(action)


def put_all_back(*objects: Object) -> ClusterState:
    """Turn after turn until nothing carries the run's marks any more."""
    state, left_traffic = ClusterState(objects), dict[str, LeftTraffic]()
    for second in range(20):
        look = Turn(RUN, state, NOW + second * SECOND, left_traffic, lambda _: None)
        before = marked(look)
        left = put_back(look)
        assert set(left) == set(before)
        if not left:
            assert not look.actions
            return state
        obey(state, look.actions)
    raise AssertionError(left)


def test_where_there_are_no_marks_there_is_nothing_to_do() -> None:
    objects = (node("a"), node("b", unschedulable=True), pod("web"), replicaset(), budget(at_least=1))
    look = turn(*objects)
    assert put_back(look) == []
    assert not look.actions


def test_a_node_is_given_back_from_every_phase() -> None:
    announced = patched(node("a"), marks.announce_node(node("a"), RUN))
    done = patched(drained(), marks.give_back(drained(), RUN, done=True))
    for found in (announced, drained(), drained(phase="maintaining"), drained(phase="drained"), done):
        assert put_all_back(found).nodes["a"] == node("a")


def test_somebody_elses_cordon_stays() -> None:
    theirs = node("a", unschedulable=True)
    taken = patched(theirs, marks.cordon(theirs, RUN))
    assert put_all_back(taken).nodes["a"] == theirs


def test_a_node_drained_on_purpose_may_keep_its_cordon() -> None:
    look = turn(drained("a", phase="drained"), drained("b"))
    assert put_back(look, keep_cordons=True) == [Ref("node", "", "b")]
    assert [action.object.name for action in look.actions] == ["b"]


def test_a_detached_pod_that_nobody_has_replaced_gets_its_labels_back() -> None:
    state = put_all_back(drained(), detached("web"), replicaset(1), service(), endpoints(pod("web")))
    assert state.pods[pod("web").ref].labels == pod("web").labels
    assert state.pods[pod("web").ref].annotations == {}


def test_a_pod_whose_replacement_serves_leaves() -> None:
    old, new = withdrawn("old"), pod("new", "b")
    state = put_all_back(drained(), old, new, replicaset(1), service(), endpoints(new))
    assert list(state.pods) == [new.ref]


def test_a_withdrawn_pod_that_is_the_only_one_gets_all_its_labels_back() -> None:
    state = put_all_back(withdrawn("web"), replicaset(1), service(), endpoints())
    assert state.pods[pod("web").ref].labels == pod("web").labels


def test_a_job_at_work_is_let_finish_and_holds_its_node() -> None:
    look = turn(drained(phase="maintaining"), job())
    assert set(put_back(look)) == {Ref("node", "", "a"), job().ref}
    assert not look.actions
    assert waits(look) == {"node/a": f"{job().ref} is at work on it"}


def test_a_job_that_has_ended_is_deleted_and_its_node_given_back() -> None:
    for ended in (job(complete=True), job(failure="DeadlineExceeded")):
        assert not at_work(ended, node("a"), NOW)
        state = put_all_back(drained(phase="maintaining"), ended)
        assert not state.workloads
        assert state.nodes["a"] == node("a")


def test_a_node_that_does_not_come_back_from_its_maintenance_stays_cordoned_and_marked() -> None:
    away = msgspec.structs.replace(drained(phase="maintaining"), ready=False)
    look = turn(away, job(failure="DeadlineExceeded"))
    assert put_back(look) == [job().ref]
    assert [type(action) for action in look.actions] == [DeleteJob]
    assert list(not_back(look)) == marked(turn(away)) == [away.ref]
    assert not put_back(turn(away))


def test_a_pod_that_terminates_on_a_lost_node_is_not_waited_for_but_told() -> None:
    lost, other = node("a", ready=False), pod("new", "b")
    stuck = withdrawn("old", deleting=NOW)
    touched = patched(budget(), marks.recount(budget(), RUN, NOW))
    look = turn(lost, stuck, other, touched, replicaset(1), service(), endpoints(other))
    assert put_back(look) == [touched.ref]
    assert not_back(look) == {stuck.ref: "is terminating on node/a, which is not Ready"}
    assert put_back_node(lost, turn(lost, stuck, replicaset(1)))
    assert not not_back(turn(node("a"), stuck, replicaset(1)))


def test_a_node_that_came_back_late_is_given_back() -> None:
    assert put_all_back(drained(phase="maintaining")).nodes["a"] == node("a")


def test_a_node_that_was_lost_before_its_maintenance_is_given_back() -> None:
    lost = msgspec.structs.replace(drained(), ready=False)
    assert put_all_back(lost).nodes["a"] == node("a", ready=False)


def test_a_job_on_a_node_that_is_not_ready_is_waited_for_until_it_would_have_been_stopped() -> None:
    away = msgspec.structs.replace(drained(phase="maintaining"), ready=False)
    at_work_still = job(ends=(NOW + SECOND).isoformat())
    look = turn(away, at_work_still)
    assert set(put_back(look)) == {away.ref, job().ref}
    assert not look.actions
    assert look.wake == NOW + SECOND
    look = turn(away, at_work_still, now=NOW + SECOND)
    assert put_back(look) == [job().ref]
    assert [type(action) for action in look.actions] == [DeleteJob]


def test_a_budget_loses_its_marks_when_no_pod_is_away_from_it() -> None:
    touched = patched(budget(at_least=1), marks.recount(budget(at_least=1), RUN, NOW))
    assert list(put_all_back(touched).budgets()) == [budget(at_least=1)]


def test_a_budget_keeps_its_marks_while_a_pod_is_away_from_it() -> None:
    touched = patched(budget(), marks.recount(budget(), RUN, NOW))
    new = pod("new", "b")
    look = turn(touched, withdrawn("old"), new, replicaset(1), service(), endpoints(new))
    assert touched.ref in put_back(look)
    assert not look.actions


def test_all_kinds_of_marks_at_once_end_where_they_began() -> None:
    guard, new = budget(at_least=1, current_healthy=1, allowed=1), pod("new", "b")
    touched = patched(guard, marks.recount(guard, RUN, NOW))
    announced = patched(node("b"), marks.announce_node(node("b"), RUN))
    objects = (drained(), announced, withdrawn("old"), new, touched, job(complete=True))
    state = put_all_back(*objects, replicaset(1), service(), endpoints(new))
    assert dict(state.nodes) == {"a": node("a"), "b": node("b")}
    assert list(state.budgets()) == [guard]
    assert list(state.pods) == [new.ref]
    assert [found.kind for found in state.workloads.values()] == ["replicaset"]


def test_the_marks_of_other_runs_stay_untouched() -> None:
    touched = patched(budget(), marks.recount(budget(), "run-2", NOW))
    theirs = (drained(run="run-2"), detached("web", run="run-2"), withdrawn("out", run="run-2"), job("run-2"), touched)
    look = turn(*theirs, replicaset(), service())
    assert put_back(look) == marked(look) == []
    assert not look.actions
    assert not put_back(turn(*theirs, job("run-2", complete=True)))


def test_somebody_elses_job_holds_no_node() -> None:
    look = turn(drained(), job("run-2"))
    put_back(look)
    assert [type(action) for action in look.actions] == [PatchNode]


def test_one_node_is_put_back_while_the_run_goes_on_elsewhere() -> None:
    look = turn(drained("a"), drained("b"), detached("one", "a"), detached("two", "b"), replicaset())
    assert not put_back_node(look.state.nodes["a"], look)
    assert [str(action.object) for action in look.actions] == ["pod/shop/one", "node/a"]


def test_a_node_is_put_back_once_its_marks_and_its_handoffs_are_over() -> None:
    assert put_back_node(node("a"), turn(node("a"), pod("web"), replicaset()))
    look = turn(node("a"), detached("one", "a"), replicaset())
    assert not put_back_node(node("a"), look)
