"""Going over pods again and again: only those are asked about of which the answer may be another one by now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from states import (
    HASH,
    NOW,
    RUN,
    budget,
    detached,
    endpoints,
    node,
    nodes_step,
    patched,
    pod,
    replicaset,
    service,
    withdrawn,
)

from underway.cluster.actions import Evict, PatchPod
from underway.cluster.model import Budget, NetworkPolicy, Owner, Pod
from underway.cluster.objects import Object, Quota
from underway.cluster.state import ClusterState
from underway.steps import marks
from underway.steps.node_work import NodesWork
from underway.steps.nodes import Checked, proceed
from underway.steps.progress import Turn, Wait
from underway.units import Selector, equality_selector

SECOND = timedelta(seconds=1)
HERE, THERE = pod("here"), pod("there", namespace="elsewhere", owner=Owner("ReplicaSet", "web-1", "other"))


class Asked:
    """Looks at one state, one after another; remembers who was asked about in the last."""

    def __init__(self, state: ClusterState, answer: Callable[[Pod, Turn], bool]) -> None:
        self.state = state
        self._answer = answer

    def look(self, after: timedelta = timedelta()) -> tuple[list[str], list[Wait]]:
        asked: list[str] = []
        turn = Turn(RUN, self.state, NOW + after, {}, lambda _: None)

        def ask(found: Pod) -> bool:
            asked.append(found.name)
            return self._answer(found, turn)

        turn.go_over("question", self.state.pods_on("a"), ask)
        return asked, turn.waits


def waiting(*objects: Object, until: timedelta | None = None) -> Asked:
    """There is nothing to do but to wait, and for some only until a moment."""

    def answer(found: Pod, turn: Turn) -> bool:
        turn.await_(Wait(found.name, "waits", NOW + until if until is not None else None))
        return True

    return Asked(ClusterState(objects), answer)


def test_who_waits_is_not_asked_about_again_and_waits_on() -> None:
    asked = waiting(HERE, THERE)
    first, waits = asked.look()
    assert first == ["here", "there"]
    assert asked.look() == ([], waits)
    assert [wait.object for wait in waits] == ["here", "there"]


@pytest.mark.parametrize(
    "change",
    [
        msgspec.structs.replace(HERE, annotations={"new": "x"}),
        pod("other", "b"),
        budget(),
        endpoints(HERE),
        replicaset(),
    ],
)
def test_what_changes_in_its_namespace_has_a_pod_asked_about_and_no_other(change: Object) -> None:
    asked = waiting(HERE, THERE)
    asked.look()
    asked.state.put(change)
    assert asked.look()[0] == ["here"]
    asked.state.drop(change.ref)
    assert asked.look()[0] == ([] if change.ref == HERE.ref else ["here"])


ELSE = {"labels": {"app": "else"}, "owner": Owner("ReplicaSet", "else-1", "rs-else")}
OWN = replicaset(owner=Owner("Deployment", "web", "deployment"))
TAKEN = withdrawn("here")
LEADER = pod("leader", "b", labels={"app": "web", HASH: "1", "role": "leader"})
LEADING = endpoints(name="leader")
OTHERS = replicaset(5, uid="others", name="others", selector=equality_selector([("app", "others")]))
BESIDE = (OWN, service(), endpoints(HERE), budget())


@pytest.mark.parametrize("here", [HERE, TAKEN])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pod("sibling", "b"), pod("sibling", "b", ready=False)),
        (endpoints(HERE), endpoints()),
        (budget(), budget(allowed=1)),
        (OWN, msgspec.structs.replace(OWN, annotations={"new": "x"})),
        (endpoints(HERE, name="by-hand"), endpoints(name="by-hand")),
    ],
    ids=lambda found: found.ref.kind,
)
def test_a_change_with_ties_to_a_pod_has_it_asked_about(here: Pod, old: Object, new: Object) -> None:
    asked = waiting(*BESIDE, here, THERE, pod("else", "a", **ELSE), old)
    assert asked.look()[0] == ["here", "there", "else"]
    asked.state.put(new)
    assert asked.look()[0] == ["here"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pod("orphan", "b", owner=None, ready=False), pod("orphan", "b", owner=None)),
        (LEADING, msgspec.structs.replace(LEADING, ready=frozenset({LEADER.uid}))),
        (OTHERS, msgspec.structs.replace(OTHERS, replicas=1)),
    ],
    ids=["about to be adopted", "a Service of its sibling alone", "another controller behind its budget"],
)
def test_what_counts_for_a_detached_pod_has_it_asked_about(old: Object, new: Object) -> None:
    """None of these selects it, or is its own."""
    leader = service("leader", selector={"role": "leader"})
    asked = waiting(OWN, detached("here"), THERE, LEADER, leader, old)
    asked.look()
    asked.state.put(new)
    assert "here" in asked.look()[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pod("other", "b", **ELSE), pod("other", "b", ready=False, **ELSE)),
        (endpoints(name="else"), endpoints(pod("other", **ELSE), name="else")),
        (budget("else"), budget("else", allowed=1)),
    ],
    ids=lambda found: found.ref.kind,
)
def test_a_change_without_ties_to_a_pod_does_not(old: Object, new: Object) -> None:
    apart = service("else", selector={"app": "else"}), budget("else", selector=equality_selector([("app", "else")]))
    if isinstance(old, Budget) and isinstance(new, Budget):
        old, new = (msgspec.structs.replace(found, selector=apart[1].selector) for found in (old, new))
    asked = waiting(*BESIDE, *apart, HERE, old)
    asked.look()
    asked.state.put(new)
    assert asked.look()[0] == []


def test_where_a_quota_counts_pods_every_pod_of_the_namespace_counts() -> None:
    asked = waiting(HERE, THERE, Quota(uid="q", namespace="shop", name="q", hard={"pods": 3}))
    asked.look()
    asked.state.put(pod("other", "b", **ELSE))
    assert asked.look()[0] == ["here"]


def test_a_network_policy_has_all_asked_about() -> None:
    asked = waiting(HERE, THERE)
    asked.look()
    asked.state.put(NetworkPolicy(uid="p", namespace="third", name="p", target=Selector()))
    assert asked.look()[0] == ["here", "there"]


def test_a_new_pod_is_asked_about() -> None:
    asked = waiting(HERE)
    asked.look()
    asked.state.put(THERE)
    assert asked.look()[0] == ["there"]


def test_the_end_of_what_is_waited_for_has_it_asked_about() -> None:
    asked = waiting(HERE, until=2 * SECOND)
    asked.look()
    assert asked.look(SECOND)[0] == []
    assert asked.look(2 * SECOND)[0] == ["here"]


def test_of_which_more_is_to_be_done_is_asked_about_every_time() -> None:
    asked = Asked(ClusterState([HERE]), lambda _, __: False)
    assert [asked.look() for _ in range(2)] == [(["here"], [])] * 2


def test_a_later_step_asks_about_the_same_pods_anew() -> None:
    """The budget never allows an eviction, and nothing changes; a step that hands off asks for none."""
    one, two = pod("one", "a"), pod("two", "b")
    cordoned = patched(node("a"), marks.cordon(node("a"), RUN))
    tight = budget(at_least=2, current_healthy=2, desired_healthy=2)
    state = ClusterState([cordoned, node("b"), one, two, replicaset(), service(), endpoints(one, two), tight])

    def taken(index: int, strategy: str, after: timedelta) -> Turn:
        turn = Turn(RUN, state, NOW + after, {}, lambda _: None)
        proceed(nodes_step(drain={"strategy": strategy}), works[index], turn, lambda _: Checked(holds=True))
        return turn

    works = [NodesWork(index, "default", ("a",)) for index in range(2)]
    refused = taken(0, "evict", SECOND)
    assert not [action for action in refused.actions if isinstance(action, Evict)]
    assert [wait.object for wait in refused.waits] == [str(one.ref)]
    handed = taken(1, "handoff", 2 * SECOND)
    assert [action.object for action in handed.actions if isinstance(action, PatchPod)] == [one.ref]
