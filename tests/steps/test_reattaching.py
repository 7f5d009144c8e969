"""A detached pod goes back once its ReplicaSet can take it without stopping a pod that may serve."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from states import NOW, RUN, detached, endpoints, node, patched, pod, replicaset, service, turn, waits, withdrawn

from underway.cluster.actions import Action, Evict, PatchPod
from underway.cluster.model import Pod
from underway.cluster.objects import Object
from underway.cluster.state import ClusterState
from underway.steps import marks
from underway.steps.departure import carry_on
from underway.steps.progress import Fact, LeftTraffic, PodLeft, Turn
from underway.steps.undo import put_back

SECOND = timedelta(seconds=1)
OLD, OTHER = detached("old"), pod("other", "b")
ABOUT_TO = pod("about-to", "c", ready=False)
NEWBORN = pod("newborn", "c", ready=False, phase="Pending")
LOST = pod("lost", "away", ready=False)
CRASHING = pod("crashing", "c", ready=False, waiting="CrashLoopBackOff: back-off 10s")


def look_at(*objects: Object) -> Turn:
    look = turn(*NODES, *objects, service())
    put_back(look)
    return look


def patches(actions: list[Action]) -> dict[str, str]:
    return {action.object.name: action.says for action in actions if isinstance(action, PatchPod)}


NODES = (node("a"), node("b"), node("c"), node("away", ready=False))
REATTACH = "put back: reattach to its controller"
MAKE_ROOM = "put back: detach from its ReplicaSet (label pod-template-hash), pod/shop/old returns in its place"


@pytest.mark.parametrize("replacement", [(), (NEWBORN,), (CRASHING,), (LOST,)])
def test_it_goes_back_at_once_where_nothing_can_serve_soon(replacement: tuple[Pod, ...]) -> None:
    look = look_at(OLD, OTHER, *replacement, replicaset(2), endpoints(OLD, OTHER))
    assert patches(look.actions) == {"old": REATTACH}


@pytest.mark.parametrize("replacement", [ABOUT_TO, pod("never-enters", "c", ready_since=NOW - 10 * SECOND)])
def test_a_replacement_that_is_about_to_serve_makes_room_first(replacement: Pod) -> None:
    look = look_at(OLD, OTHER, replacement, replicaset(2), endpoints(OLD, OTHER))
    assert patches(look.actions) == {replacement.name: MAKE_ROOM}
    assert waits(look) == {str(OLD.ref): f"{replacement.ref} makes room for it"}
    [makes_room] = [action for action in look.actions if isinstance(action, PatchPod)]
    released = msgspec.structs.replace(patched(replacement, makes_room), owner=None)
    assert marks.stage(released) == "detached"
    look = look_at(OLD, OTHER, released, NEWBORN, replicaset(2), endpoints(OLD, OTHER))
    assert patches(look.actions)["old"] == REATTACH


def test_a_replacement_that_has_just_become_ready_is_let_serve() -> None:
    entering = pod("entering", "c", ready_since=NOW - SECOND)
    look = look_at(OLD, OTHER, entering, replicaset(2), endpoints(OLD, OTHER))
    assert not patches(look.actions)
    assert look.wake == NOW + 9 * SECOND
    assert "about to be in every EndpointSlice" in waits(look)[str(OLD.ref)]
    look = look_at(OLD, OTHER, entering, replicaset(2), endpoints(OLD, OTHER, entering))
    assert "withdraw from traffic" in patches(look.actions)["old"]


def test_of_several_only_the_youngest_makes_room() -> None:
    older = pod("older", "c", ready=False, created=NOW)
    younger = pod("younger", "c", ready=False, created=NOW + marks.settle_time(OLD))
    look = look_at(OLD, older, younger, replicaset(2), endpoints(OLD))
    assert list(patches(look.actions)) == ["younger"]


def test_what_crashes_is_stopped_before_what_is_about_to_serve_only_if_that_makes_room_too() -> None:
    look = look_at(OLD, CRASHING, ABOUT_TO, replicaset(2), endpoints(OLD))
    assert patches(look.actions) == {"about-to": MAKE_ROOM}


def test_as_many_go_back_in_one_look_as_have_a_place() -> None:
    again = detached("again")
    one_place = look_at(OLD, again, NEWBORN, ABOUT_TO, replicaset(2), endpoints(OLD, again))
    assert list(patches(one_place.actions).values()) == [REATTACH]
    assert f"another pod of {replicaset().ref} returns first" in waits(one_place).values()
    two_places = look_at(OLD, again, NEWBORN, replicaset(2), endpoints(OLD, again))
    assert list(patches(two_places.actions).values()) == [REATTACH, REATTACH]


@pytest.mark.parametrize("flying", [ABOUT_TO, detached("again")])
def test_what_is_being_written_on_its_siblings_is_waited_for(flying: Pod) -> None:
    objects = (*NODES, OLD, detached("again"), ABOUT_TO, NEWBORN, replicaset(2), service(), endpoints(OLD))
    look = Turn(RUN, ClusterState(objects), NOW, {}, lambda _: None, in_flight=frozenset({flying.ref}))
    assert not carry_on(OLD, look, back=True)
    assert not look.actions
    assert waits(look) == {str(OLD.ref): f"another pod of {replicaset().ref} is being given back"}


def test_one_that_its_replicaset_is_about_to_adopt_has_taken_its_place() -> None:
    returned = pod("returned", owner=None)
    look = look_at(OLD, returned, NEWBORN, replicaset(1), endpoints(OLD))
    assert not patches(look.actions)
    look = look_at(OLD, returned, NEWBORN, replicaset(1), endpoints(OLD, returned))
    assert "withdraw from traffic" in patches(look.actions)["old"], "it serves in its stead, whoever owns it"


def test_a_withdrawn_pod_goes_back_at_once_where_nobody_serves() -> None:
    look = look_at(withdrawn("old"), ABOUT_TO, replicaset(1), endpoints())
    assert patches(look.actions) == {"old": REATTACH}


def test_what_has_made_room_leaves_and_counts_as_no_move() -> None:
    facts: list[Fact] = []
    look = look_at(OLD, OTHER, ABOUT_TO, replicaset(2), endpoints(OLD, OTHER))
    [makes_room] = [action for action in look.actions if isinstance(action, PatchPod)]
    surplus = msgspec.structs.replace(patched(ABOUT_TO, makes_room), owner=None)
    back = pod("old")
    look = turn(*NODES, surplus, back, OTHER, NEWBORN, replicaset(2), service(), endpoints(back, OTHER), facts=facts)
    assert put_back(look) == [surplus.ref]
    assert patches(look.actions) == {
        surplus.name: "hand off: withdraw from traffic (label app), old is back in its place"
    }
    out = [patched(surplus, action) for action in look.actions if isinstance(action, PatchPod)]
    look = turn(*NODES, *out, back, OTHER, NEWBORN, replicaset(2), service(), endpoints(back, OTHER), facts=facts)
    look.left_traffic[surplus.uid] = LeftTraffic(NOW - 3 * SECOND, 0)
    assert put_back(look) == [surplus.ref]
    assert [action.object for action in look.actions if isinstance(action, Evict)] == [surplus.ref]
    look.tell_left()
    assert not [fact for fact in facts if isinstance(fact, PodLeft)]
    assert not look.leaving


def test_what_has_made_room_and_serves_by_now_leaves_as_it_would_have_been_handed_off() -> None:
    look = look_at(OLD, OTHER, ABOUT_TO, replicaset(2), endpoints(OLD, OTHER))
    [makes_room] = [action for action in look.actions if isinstance(action, PatchPod)]
    surplus = msgspec.structs.replace(patched(ABOUT_TO, makes_room), owner=None, ready=True)
    back = pod("old")
    look = look_at(surplus, back, OTHER, replicaset(2), endpoints(back, OTHER, surplus))
    assert list(patches(look.actions)) == [surplus.name]
    assert "withdraw from traffic" in patches(look.actions)[surplus.name]
