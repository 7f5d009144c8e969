"""A handover taken back: the new pods leave traffic as soon as nothing makes more of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from states import HASH, NOW, RUN, endpoints, node, owned, patched, pod, replicaset, service, turn

from underway.cluster.actions import DeleteReplicaSet, PatchPod, RestoreTemplate
from underway.cluster.model import Pod, Template, Workload
from underway.cluster.podspec import PodSpec
from underway.cluster.state import MARK
from underway.steps.progress import Fact, Turn, WorkloadEntered
from underway.steps.rollout_marks import NEW_HASH, OLD_HASH, OLD_TEMPLATE, STRATEGY
from underway.steps.rollout_undo import put_back
from underway.units import equality_selector

WEB = Workload(
    kind="deployment",
    uid="web",
    namespace="shop",
    name="web",
    annotations={MARK: RUN, STRATEGY: "handoff", OLD_HASH: "1", NEW_HASH: "2", OLD_TEMPLATE: "old"},
    selector=equality_selector([("app", "web")]),
    template=Template({"app": "web"}, PodSpec(), "new"),
    replicas=2,
    paused=True,
)
NEW = replicaset(
    uid="new", name="web-2", labels={"app": "web", HASH: "2"}, owner=owned(WEB, "Deployment"), template=WEB.template
)
GOING = msgspec.structs.replace(NEW, deleting=True)
OLD_PODS = (pod("one", owner=None), pod("two", owner=None))
NEW_PODS = tuple(
    pod(name, "b", labels={"app": "web", HASH: "2"}, owner=owned(NEW)) for name in ("three", "four", "five")
)


def look(new: Workload, *listed: Pod, pods: tuple[Pod, ...] = NEW_PODS, facts: list[Fact] | None = None) -> Turn:
    objects = (WEB, new, service(), node("a"), node("b"), *OLD_PODS, *pods, endpoints(*listed))
    return turn(*objects, facts=facts)


def withdrawn(look: Turn) -> set[str]:
    put_back(look, good=False)
    return {action.object.name for action in look.actions if isinstance(action, PatchPod)}


def test_first_what_would_replace_them_goes_and_the_template_with_it() -> None:
    first = look(NEW, *OLD_PODS, *NEW_PODS)
    put_back(first, good=False)
    assert {type(action) for action in first.actions} == {DeleteReplicaSet, RestoreTemplate}


def test_they_do_not_wait_for_the_template() -> None:
    """It is read and written, and may be refused for a while: two answers and more."""
    facts: list[Fact] = []
    going = look(GOING, *OLD_PODS, *NEW_PODS, facts=facts)
    assert withdrawn(replace(going, in_flight=frozenset({WEB.ref}))) == {"three", "four"}
    assert "back" not in {fact.phase for fact in facts if isinstance(fact, WorkloadEntered)}


def test_the_old_version_is_back_when_it_alone_gets_traffic_whatever_the_template_says_yet() -> None:
    facts: list[Fact] = []
    put_back(look(GOING, *OLD_PODS, facts=facts), good=False)
    assert "back" in {fact.phase for fact in facts if isinstance(fact, WorkloadEntered)}


@pytest.mark.parametrize(
    ("listed", "seconds"),
    [((), 0.0), ((1,), 0.15), ((0, 1), 0.5)],
    ids=["all the others are out", "one is", "none is"],
)
def test_the_last_one_wakes_a_controller_that_rests_and_nobody_waits_for_one_that_does_nothing(
    listed: tuple[int, ...], seconds: float
) -> None:
    """It goes when the others have left the EndpointSlices, or when it is time that they had."""
    first = look(GOING, *OLD_PODS, *NEW_PODS)
    put_back(first, good=False)
    patches = [action for action in first.actions if isinstance(action, PatchPod)]
    out = tuple(patched(found, patch) for found, patch in zip(NEW_PODS[:2], patches, strict=True))
    pods = (*out, NEW_PODS[2])
    seen = look(GOING, *OLD_PODS, *(out[index] for index in listed), NEW_PODS[2], pods=pods)
    if seconds:
        assert withdrawn(seen) == set()
        assert seen.wake == NOW + timedelta(seconds=seconds)
    assert withdrawn(replace(seen, now=NOW + timedelta(seconds=seconds), actions=[])) == {"five"}
