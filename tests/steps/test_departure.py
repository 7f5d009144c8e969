"""The writes that make pods leave: each allowed by what is so and by what the same look has spent already."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
from states import (
    HASH,
    NOW,
    budget,
    detached,
    endpoints,
    owned,
    patched,
    pod,
    replicaset,
    service,
    turn,
    waits,
    withdrawn,
)

from underway.cluster.actions import Action, Evict, PatchBudget, PatchPod
from underway.cluster.model import Budget, Owner, Pod, Workload
from underway.cluster.objects import Object
from underway.cluster.state import ClusterState
from underway.steps import marks
from underway.steps.departure import carry_on, detach, evict, recount_budgets
from underway.steps.handoff import Handoff
from underway.steps.progress import LeftTraffic, Turn

SECOND = timedelta(seconds=1)
ONE, TWO, THREE = pod("one"), pod("two"), pod("three", "b")


def kinds(turn: Turn) -> list[type[Action]]:
    return [type(action) for action in turn.actions]


# -- evictions ---------------------------------------------------------------------------------------------------


def test_a_pod_that_nothing_protects_is_evicted_by_its_uid() -> None:
    look = turn(ONE, replicaset())
    assert evict(ONE, look, grace=7)
    assert look.actions == [Evict(ONE.ref, ONE.uid, "evict", 7)]


def test_a_budget_that_allows_none_is_waited_for() -> None:
    look = turn(ONE, replicaset(), budget(at_least=1, current_healthy=1, desired_healthy=1))
    assert not evict(ONE, look)
    assert not look.actions
    reason = "poddisruptionbudget/shop/web allows none now: 1 healthy, 1 needed"
    assert waits(look) == {"pod/shop/one": reason}


def test_two_evictions_do_not_spend_one_allowance_twice() -> None:
    look = turn(ONE, TWO, replicaset(), budget(allowed=1))
    assert evict(ONE, look)
    assert not evict(TWO, look)
    look = turn(ONE, TWO, replicaset(), budget(allowed=2))
    assert evict(ONE, look)
    assert evict(TWO, look)


def test_a_budget_that_has_not_been_counted_since_it_changed_allows_none() -> None:
    look = turn(ONE, replicaset(), budget(allowed=1, generation=2, observed_generation=1))
    assert not evict(ONE, look)


def test_an_unready_pod_takes_nothing_from_the_ledger_and_may_go_while_the_others_suffice() -> None:
    sick = pod("sick", ready=False)
    look = turn(sick, ONE, replicaset(), budget(allowed=1, current_healthy=2, desired_healthy=1))
    assert evict(sick, look)
    assert evict(ONE, look)
    assert not evict(sick, turn(sick, replicaset(), budget(current_healthy=0, desired_healthy=1)))
    lenient = budget(current_healthy=0, desired_healthy=1, always_allow_unhealthy=True)
    assert evict(sick, turn(sick, replicaset(), lenient))


# -- StatefulSets ------------------------------------------------------------------------------------------------


def statefulset(replicas: int = 3) -> Workload:
    return Workload(kind="statefulset", uid="db", namespace="shop", name="db", replicas=replicas)


def member(name: str, **fields: Any) -> Pod:
    base: dict[str, Any] = {"owner": owned(statefulset(), "StatefulSet"), "labels": {"app": "db"}}
    return pod(name, **base | fields)


def test_members_of_a_statefulset_go_one_at_a_time() -> None:
    members = [member(f"db-{number}") for number in range(3)]
    look = turn(*members, statefulset())
    assert [evict(found, look) for found in members] == [True, False, False]
    assert waits(look)["pod/shop/db-1"] == "another member of statefulset/shop/db goes first"


def test_the_next_member_waits_until_all_are_ready_again() -> None:
    members = [member("db-0"), member("db-1")]
    for last in ((), (member("db-2", ready=False),), (member("db-2", deleting=NOW),)):
        look = turn(*members, *last, statefulset())
        assert not evict(members[0], look)
        assert waits(look)["pod/shop/db-0"] == "statefulset/shop/db has 2 of 3 members Ready"
    assert evict(members[0], turn(*members, member("db-2"), statefulset()))


def test_a_member_that_is_not_ready_may_go_whatever_the_others_are() -> None:
    sick = member("db-0", ready=False)
    assert evict(sick, turn(sick, member("db-1", ready=False), statefulset()))


# -- endpoints ---------------------------------------------------------------------------------------------------


def test_the_last_ready_endpoint_is_kept_unless_the_gap_is_accepted() -> None:
    look = turn(ONE, replicaset(), service(), endpoints(ONE))
    assert not evict(ONE, look, accepts_gap=False)
    assert waits(look) == {"pod/shop/one": "service/shop/web has no other ready endpoint"}
    assert evict(ONE, look, accepts_gap=True)


def test_even_if_the_gap_is_accepted_an_endpoint_that_is_coming_is_waited_for() -> None:
    for coming in (pod("new", "b", ready=False), pod("new", "b", deleting=NOW)):
        assert not evict(ONE, turn(ONE, coming, replicaset(), service(), endpoints(ONE)))
    never = [
        pod("new", "b", ready=False, phase="Failed"),
        pod("new", "b", ready=False, owner=None),
        pod("new", "b", ready=False, labels={"app": "else"}),
    ]
    for found in never:
        assert evict(ONE, turn(ONE, found, replicaset(), service(), endpoints(ONE)))


def test_two_evictions_in_one_look_leave_a_service_an_endpoint() -> None:
    look = turn(ONE, TWO, replicaset(), service(), endpoints(ONE, TWO))
    assert evict(ONE, look)
    assert not evict(TWO, look)
    assert waits(look) == {"pod/shop/two": "service/shop/web has no other ready endpoint"}


def test_a_pod_that_is_no_endpoint_is_not_kept_for_its_service() -> None:
    assert evict(ONE, turn(ONE, replicaset(), service(), endpoints(TWO)), accepts_gap=False)


# -- handoffs ----------------------------------------------------------------------------------------------------


def needed_after_detach(*objects: Object) -> str | None:
    look = turn(ONE, *objects)
    detach(ONE, Handoff(HASH, ("app",)), 3 * SECOND, look)
    [patch] = look.actions
    assert isinstance(patch, PatchPod)
    return patch.annotations[marks.NEEDED]


def test_as_many_must_serve_as_did_and_no_more_than_are_asked_for() -> None:
    assert needed_after_detach(TWO, THREE, replicaset(3)) == "3"
    assert needed_after_detach(TWO, pod("sick", ready=False), replicaset(3)) == "2"
    assert needed_after_detach(TWO, THREE, replicaset(2)) == "2"


def test_a_handoff_goes_move_by_move() -> None:
    old = detached("old")
    look = turn(old, ONE, TWO, replicaset(), service(), endpoints(old, ONE, TWO))
    carry_on(old, look)
    assert look.actions == [marks.withdraw(old, ("app",), NOW)]

    gone = withdrawn("old")
    others = (ONE, TWO, replicaset(), service(), endpoints(ONE, TWO))
    look = turn(gone, *others)
    carry_on(gone, look)
    assert look.left_traffic == {gone.uid: LeftTraffic(NOW, 0)}
    assert (look.actions, look.wake) == ([], NOW + 3 * SECOND)

    later = turn(gone, *others, now=NOW + 3 * SECOND)
    later.left_traffic[gone.uid] = LeftTraffic(NOW, 0)
    carry_on(gone, later, grace=5)
    assert later.actions == [Evict(gone.ref, gone.uid, "hand off: evict, its replacement serves", 5)]
    assert later.left_traffic == {gone.uid: LeftTraffic(NOW, 0)}


def test_what_is_listed_again_after_it_was_withdrawn_settles_anew() -> None:
    """Its EndpointSlice's controller had seen it Ready, and not yet withdrawn; no look came in between."""
    gone = withdrawn("old")
    look = turn(gone, ONE, TWO, replicaset(), service(), endpoints(ONE, TWO))
    carry_on(gone, look)
    assert look.wake == NOW + 3 * SECOND
    for listed in ((gone, ONE, TWO), (ONE, TWO)):
        look.state.put(endpoints(*listed))
    later = replace(look, now=NOW + 2 * SECOND, actions=[], wake=None)
    carry_on(gone, later)
    assert (later.actions, later.wake) == ([], NOW + 5 * SECOND)
    last = replace(later, now=NOW + 5 * SECOND, wake=None)
    carry_on(gone, last)
    assert [type(action) for action in last.actions] == [Evict]


def test_how_often_a_pod_has_left_is_forgotten_with_the_pod() -> None:
    state = ClusterState([ONE, TWO, service(), endpoints(ONE, TWO)])
    state.put(endpoints(TWO))
    assert dict(state.copy().endpoints.left) == {ONE.uid: 1}
    state.drop(ONE.ref)
    assert not state.endpoints.left


def test_an_early_handoff_stops_before_the_eviction() -> None:
    gone = withdrawn("old")
    look = turn(gone, ONE, TWO, replicaset(), now=NOW + 9 * SECOND)
    look.left_traffic[gone.uid] = LeftTraffic(NOW, 0)
    carry_on(gone, look, early=True)
    old = detached("old")
    unserved = turn(old, ONE, TWO, replicaset())
    carry_on(old, unserved, early=True)
    assert look.actions == unserved.actions == []
    look = turn(old, ONE, TWO, replicaset(), service(), endpoints(old, ONE, TWO))
    carry_on(old, look, early=True)
    assert kinds(look) == [PatchPod]


def test_a_withdrawal_and_an_eviction_do_not_spend_one_healthy_pod_twice() -> None:
    old = detached("old", needed=1)
    bare = pod("bare", "b", owner=Owner("ReplicaSet", "x", "x"))
    guard = budget(at_least=2, allowed=1)
    look = turn(old, ONE, bare, replicaset(), service(), endpoints(old, ONE, bare), guard)
    carry_on(old, look)
    assert kinds(look) == [PatchPod]
    assert not evict(bare, look)


# -- recounts ----------------------------------------------------------------------------------------------------


def recounts(guard: Budget, *pods: Pod, seconds: float = 0, **fields: Any) -> Turn:
    look = turn(guard, *pods, replicaset(), now=NOW + seconds * SECOND, **fields)
    recount_budgets(look)
    return look


GUARD = budget(at_least=1, current_healthy=1)
TOUCHED = patched(GUARD, marks.recount(GUARD, "run-1", NOW))


def test_a_budget_that_a_withdrawn_pod_has_left_is_touched() -> None:
    look = recounts(GUARD, withdrawn("old"), ONE, seconds=1)
    assert look.actions == [marks.recount(GUARD, "run-1", NOW + SECOND)]


def test_two_pods_that_left_it_are_one_touch() -> None:
    assert kinds(recounts(GUARD, withdrawn("old"), withdrawn("older"), ONE)) == [PatchBudget]


def test_it_is_touched_once_for_each_withdrawal() -> None:
    assert not recounts(TOUCHED, withdrawn("old"), ONE, seconds=60).actions
    later = withdrawn("later", at=NOW + 30 * SECOND)
    assert kinds(recounts(TOUCHED, withdrawn("old"), later, ONE, seconds=60)) == [PatchBudget]


def test_it_is_touched_again_only_if_it_still_counts_too_many_after_a_second() -> None:
    over = msgspec.structs.replace(TOUCHED, current_healthy=2)
    look = recounts(over, withdrawn("old"), ONE, seconds=1)
    assert not look.actions
    assert look.wake is not None
    assert look.wake > NOW + SECOND
    assert kinds(recounts(over, withdrawn("old"), ONE, seconds=1.1)) == [PatchBudget]


def test_a_budget_that_nobody_has_left_is_not_touched() -> None:
    assert not recounts(GUARD, detached("old"), ONE).actions
    assert not recounts(GUARD, withdrawn("old", deleting=NOW), ONE).actions
    assert not recounts(GUARD, withdrawn("old", run="run-2"), ONE).actions
    assert not recounts(GUARD, withdrawn("old", namespace="else"), ONE).actions
    assert not recounts(budget(selector=None), withdrawn("old"), ONE).actions
