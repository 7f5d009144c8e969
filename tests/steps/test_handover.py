"""A Deployment's pods of the version that is not wanted are withdrawn, and none is stopped while requests reach it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from states import NOW, endpoints, node, patched, pod, replicaset, service, turn

from underway.cluster.actions import Action, Evict, PatchPod
from underway.cluster.model import Pod, Workload
from underway.cluster.objects import Object
from underway.steps.handover import hand_over
from underway.steps.handover_picture import Picture
from underway.steps.progress import Turn
from underway.units import equality_selector

SECOND = timedelta(seconds=1)
WEB = Workload(
    kind="deployment",
    uid="web",
    namespace="shop",
    name="web",
    selector=equality_selector([("app", "web")]),
    replicas=2,
    paused=True,
)
KEPT = (pod("one"), pod("two"))


def starting(**fields: Any) -> Pod:
    """A pod of the other version: it runs, and is not Ready yet."""
    return pod("bad", "b", **{"owner": None, "ready": False} | fields)


def undone(bad: Pod) -> Picture:
    """Two pods of the old version are back with their ReplicaSet; one of the new version is left over."""
    return Picture(
        WEB, replicaset(), active=(), history=(), aside=(), ending=(), keepers=KEPT, leavers=(bad,), at_old=True
    )


def world(*others: Object) -> tuple[Object, ...]:
    return (WEB, replicaset(), service(), node("a"), node("b"), *KEPT, *others)


def withdraw(bad: Pod) -> Pod:
    """What becomes of the pod by the first look."""
    look = turn(*world(bad, endpoints(*KEPT, *((bad,) if bad.ready else ()))))
    hand_over(undone(bad), look, leave=True, back=True)
    [patch] = [action for action in look.actions if isinstance(action, PatchPod)]
    return patched(bad, patch)


def see(out: Pod, look: Turn, after: timedelta) -> list[type[Action]]:
    """What the same run does about it at a later look."""
    later = replace(look, now=NOW + after, actions=[], waits=[], wake=None)
    hand_over(undone(out), later, leave=True, back=True)
    return [type(action) for action in later.actions]


def test_what_was_never_ready_goes_at_once() -> None:
    out = withdraw(starting())
    assert see(out, turn(*world(out, endpoints(*KEPT))), SECOND) == [Evict]


@pytest.mark.parametrize("ready_before", [True, False])
def test_what_requests_may_reach_settles_before_it_goes(ready_before: bool) -> None:  # noqa: FBT001 - a parameter
    """Not Ready when the run looked, it may be Ready when it is withdrawn: the controller of its EndpointSlice has seen
    the one and not the other, and lists it for a moment after all.
    """
    out = msgspec.structs.replace(withdraw(starting(ready=ready_before)), ready=True)
    look = turn(*world(out, endpoints(*KEPT)))
    assert see(out, look, SECOND) == []

    look.state.put(endpoints(*KEPT, out))
    assert see(out, look, 2 * SECOND) == []

    look.state.put(endpoints(*KEPT))
    assert see(out, look, 3 * SECOND) == []
    assert see(out, look, 5.9 * SECOND) == []
    assert see(out, look, 6 * SECOND) == [Evict]


def test_what_was_ready_when_it_was_withdrawn_settles_also_if_it_is_not_so_any_more() -> None:
    out = msgspec.structs.replace(withdraw(starting(ready=True)), ready=False)
    look = turn(*world(out, endpoints(*KEPT)))
    assert see(out, look, SECOND) == []
    assert see(out, look, 4 * SECOND) == [Evict]
