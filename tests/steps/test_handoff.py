"""The next move of a detached pod, in every state that it can be in."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from states import NOW, budget, detached, endpoints, node, pod, replicaset, service, withdrawn

from underway.cluster.model import Pod
from underway.cluster.objects import Object
from underway.cluster.state import ClusterState
from underway.steps import marks
from underway.steps.handoff import (
    Await,
    Ledger,
    Move,
    Reattach,
    Remove,
    Withdraw,
    next_move,
    settle_total,
)
from underway.steps.serving import detached_from, serving
from underway.units import Share

OLD = detached("old")
NEW = pod("new", "b")
OTHER = pod("other", "c")
SECOND = timedelta(seconds=1)


def move(found: Pod, *others: Object, seconds: float | None = None, back: bool = False) -> Move:
    """`seconds`: how long ago the pod was first seen out of traffic."""
    left = None if seconds is None else NOW - seconds * SECOND
    return next_move(found, ClusterState([found, *others]), Ledger(), left_traffic=left, now=NOW, back=back)


# -- detached ----------------------------------------------------------------------------------------------------


def test_it_is_withdrawn_once_its_replacement_serves() -> None:
    assert move(OLD, NEW, OTHER, replicaset(), service(), endpoints(OLD, NEW, OTHER)) == Withdraw(("app",))


def test_without_a_service_there_are_no_labels_to_withdraw_by() -> None:
    assert move(OLD, NEW, OTHER, replicaset()) == Withdraw(())


def test_it_waits_until_its_replicaset_has_made_the_replacement() -> None:
    answer = move(OLD, OTHER, replicaset(), service(), endpoints(OLD, OTHER))
    assert answer == Await("its ReplicaSet has not made the replacement yet")


def test_it_waits_for_a_replacement_that_is_not_ready_and_says_why_that_is() -> None:
    sick = pod("new", "b", ready=False)
    others = (OTHER, replicaset(), service(), endpoints(OLD, OTHER))
    assert move(OLD, sick, *others) == Await("replacement new is not Ready")
    pulling = msgspec.structs.replace(sick, waiting="ImagePullBackOff")
    assert move(OLD, pulling, *others) == Await("replacement new is not Ready: ImagePullBackOff")


def test_it_waits_for_a_replacement_that_stands_in_no_slice_yet() -> None:
    answer = move(OLD, NEW, OTHER, replicaset(), service(), endpoints(OLD, OTHER))
    assert answer == Await("replacement new is not in every EndpointSlice yet")


def test_a_terminating_pod_replaces_nobody() -> None:
    going = pod("new", "b", deleting=NOW)
    answer = move(OLD, going, OTHER, replicaset(), service(), endpoints(OLD, going, OTHER))
    assert answer == Await("its ReplicaSet has not made the replacement yet")


def test_no_more_is_asked_for_than_the_replicaset_asks_for_by_now() -> None:
    assert move(OLD, OTHER, replicaset(1), service(), endpoints(OLD, OTHER)) == Withdraw(("app",))


def test_no_more_is_asked_for_than_served_when_it_was_detached() -> None:
    few = detached("old", needed=1)
    assert move(few, OTHER, replicaset(3), service(), endpoints(few, OTHER)) == Withdraw(("app",))


def test_a_budget_is_never_undercut() -> None:
    others = (NEW, OTHER, replicaset(), service(), endpoints(OLD, NEW, OTHER))
    reason = "poddisruptionbudget/shop/web has 3 healthy pods and needs them"
    assert move(OLD, *others, budget(at_least=3)) == Await(reason)
    assert move(OLD, *others, budget(at_least=2)) == Withdraw(("app",))


def test_a_budget_is_counted_by_the_pods_not_by_its_status() -> None:
    stale = budget(at_least=3)
    lying = msgspec.structs.replace(stale, current_healthy=9, disruptions_allowed=7)
    others = (NEW, OTHER, replicaset(), service(), endpoints(OLD, NEW, OTHER))
    assert isinstance(move(OLD, *others, lying), Await)


def test_a_single_replica_whose_budget_allows_none_can_still_be_replaced() -> None:
    few = detached("old", needed=1)
    others = (NEW, replicaset(1), service(), endpoints(few, NEW))
    for strict in (
        budget(at_least=1),
        budget(max_unavailable=Share(0)),
        budget(min_available=Share(100, percent=True)),
    ):
        assert move(few, *others, strict) == Withdraw(("app",))


def test_the_last_ready_endpoint_stays() -> None:
    narrow = service("narrow", selector={"app": "web", "canary": "yes"})
    only = msgspec.structs.replace(OLD, labels={**OLD.labels, "canary": "yes"})
    slices = (endpoints(only, NEW, OTHER), endpoints(only, name="narrow"))
    answer = move(only, NEW, OTHER, replicaset(), service(), narrow, *slices)
    assert answer == Await("service/shop/narrow has no other ready endpoint")


def test_a_pod_that_is_no_longer_ready_serves_nobody_and_goes() -> None:
    assert move(detached("old", ready=False), replicaset()) == Remove()
    assert move(detached("old", ready=False), replicaset(), node("a", ready=False)) == Remove()


def test_a_pod_that_might_be_ready_again_at_any_moment_leaves_traffic_before_it_goes() -> None:
    starting = detached("old", ready=False)
    assert move(starting, replicaset(), service(), endpoints(), node("a")) == Withdraw(("app",))
    crashing = msgspec.structs.replace(starting, waiting="CrashLoopBackOff")
    assert move(crashing, replicaset(), service(), endpoints(), node("a")) == Remove()


def test_a_terminating_pod_is_waited_for_whatever_its_stage() -> None:
    for found in (detached("old", deleting=NOW), withdrawn("old", deleting=NOW)):
        for back in (False, True):
            assert move(found, replicaset(), back=back) == Await("terminating")


# -- two in one look ---------------------------------------------------------------------------------------------


def both(*others: Object) -> list[Move]:
    first, second = detached("first"), detached("second")
    slices = endpoints(first, second, *(found for found in others if isinstance(found, Pod)))
    state, ledger = ClusterState([first, second, service(), slices, *others]), Ledger()
    return [next_move(found, state, ledger, left_traffic=None, now=NOW) for found in (first, second)]


def test_two_pods_do_not_leave_for_one_replacement() -> None:
    one, other = both(NEW, replicaset())
    assert one == Withdraw(("app",))
    assert other == Await("its ReplicaSet has not made the replacement yet", passing=True)
    assert both(NEW, OTHER, replicaset()) == [Withdraw(("app",)), Withdraw(("app",))]


def test_two_pods_do_not_take_the_same_healthy_pod_from_a_budget() -> None:
    one, other = both(NEW, OTHER, replicaset(), budget(at_least=3))
    assert one == Withdraw(("app",))
    assert other == Await("poddisruptionbudget/shop/web has 3 healthy pods and needs them", passing=True)


def test_two_pods_do_not_take_a_services_last_endpoints() -> None:
    one, other = both(replicaset(0))
    assert one == Withdraw(("app",))
    assert other == Await("service/shop/web has no other ready endpoint", passing=True)


def test_a_move_that_is_not_made_takes_nothing() -> None:
    ledger = Ledger()
    state = ClusterState([OLD, OTHER, replicaset(), service(), endpoints(OLD, OTHER)])
    next_move(OLD, state, ledger, left_traffic=None, now=NOW)
    assert ledger == Ledger()


# -- withdrawn ---------------------------------------------------------------------------------------------------


def test_a_withdrawn_pod_waits_until_it_has_left_every_slice() -> None:
    gone = withdrawn("old")
    answer = move(gone, NEW, OTHER, replicaset(), service(), endpoints(gone, NEW, OTHER), seconds=99)
    assert answer == Await("still in an EndpointSlice")


def test_it_settles_from_when_it_was_first_seen_out_of_traffic() -> None:
    others = (NEW, OTHER, replicaset(), service(), endpoints(NEW, OTHER))
    gone = withdrawn("old", at=NOW - timedelta(hours=1))
    assert move(gone, *others) == Await("settles until 12:00:03, out of traffic", NOW + 3 * SECOND)
    assert move(gone, *others, seconds=1) == Await("settles until 12:00:02, out of traffic", NOW + 2 * SECOND)
    assert isinstance(move(gone, *others, seconds=2.999), Await)
    assert move(gone, *others, seconds=3) == Remove()


def test_settling_takes_settle_and_linger_together() -> None:
    assert settle_total(3 * SECOND, 10 * SECOND) == 13 * SECOND


# -- back --------------------------------------------------------------------------------------------------------


def test_back_a_pod_that_nobody_has_replaced_returns() -> None:
    assert move(OLD, OTHER, replicaset(), service(), endpoints(OLD, OTHER), back=True) == Reattach()
    assert move(detached("old", ready=False), replicaset(), back=True) == Reattach()


def test_back_a_pod_whose_replacement_serves_goes_on() -> None:
    others = (NEW, OTHER, replicaset(), service(), endpoints(OLD, NEW, OTHER))
    assert move(OLD, *others, back=True) == Withdraw(("app",))


def test_back_a_withdrawn_pod_returns_only_if_nobody_else_serves() -> None:
    gone = withdrawn("old")
    assert move(gone, replicaset(), service(), endpoints(), seconds=9, back=True) == Reattach()
    assert move(gone, NEW, replicaset(), service(), endpoints(NEW), seconds=9, back=True) == Remove()
    assert move(gone, replicaset(), service(), endpoints(), seconds=9) == Remove()


def test_back_a_pod_without_a_controller_to_return_to_goes_on() -> None:
    for others in ((), (replicaset(0),)):
        assert move(withdrawn("old"), *others, seconds=9, back=True) == Remove()


# -- who serves --------------------------------------------------------------------------------------------------


def test_a_pod_that_its_replicaset_has_not_released_yet_serves_once() -> None:
    held = detached("old", owner=NEW.owner)
    state = ClusterState([held, NEW, replicaset()])
    assert serving("rs", state) == 2
    assert [found.uid for found in detached_from("rs", state)] == [held.uid]


def test_withdrawn_pods_and_those_of_other_replicasets_do_not_serve() -> None:
    foreign = detached("foreign")
    foreign = msgspec.structs.replace(foreign, annotations={**foreign.annotations, marks.OWNER: "else"})
    assert serving("rs", ClusterState([withdrawn("old"), foreign, NEW, replicaset()])) == 1
