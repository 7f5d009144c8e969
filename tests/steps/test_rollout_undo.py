"""A handover taken back: the new pods leave traffic as soon as nothing makes more of them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from states import HASH, RUN, endpoints, node, owned, pod, replicaset, service, turn

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
NEW_PODS = tuple(pod(name, "b", labels={"app": "web", HASH: "2"}, owner=owned(NEW)) for name in ("three", "four"))


def look(new: Workload, *listed: Pod, facts: list[Fact] | None = None) -> Turn:
    objects = (WEB, new, service(), node("a"), node("b"), *OLD_PODS, *NEW_PODS, endpoints(*listed))
    return turn(*objects, facts=facts)


def test_first_what_would_replace_them_goes_and_the_template_with_it() -> None:
    first = look(NEW, *OLD_PODS, *NEW_PODS)
    put_back(first, good=False)
    assert {type(action) for action in first.actions} == {DeleteReplicaSet, RestoreTemplate}


def test_they_do_not_wait_for_the_template() -> None:
    """It is read and written, and may be refused for a while: two answers and more."""
    facts: list[Fact] = []
    going = look(GOING, *OLD_PODS, *NEW_PODS, facts=facts)
    put_back(replace(going, in_flight=frozenset({WEB.ref})), good=False)
    patched = {action.object.name for action in going.actions if isinstance(action, PatchPod)}
    assert patched == {found.name for found in NEW_PODS}
    assert "back" not in {fact.phase for fact in facts if isinstance(fact, WorkloadEntered)}


def test_the_old_version_is_back_when_it_alone_gets_traffic_whatever_the_template_says_yet() -> None:
    facts: list[Fact] = []
    put_back(look(GOING, *OLD_PODS, facts=facts), good=False)
    assert "back" in {fact.phase for fact in facts if isinstance(fact, WorkloadEntered)}
