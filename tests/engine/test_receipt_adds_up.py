"""The receipt is what the events add up to, no more and no less."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import shipped, shop

from underway.engine.events import (
    Change,
    Event,
    NodeChanged,
    NodePhase,
    PodMoved,
    Receipt,
    StepStarted,
    from_json,
    to_json,
)
from underway.engine.receipt import exit_status, receipt, tally
from underway.errors import ExitStatus

START = datetime(2026, 1, 1, tzinfo=UTC)
NODES = st.sampled_from(["a", "b", "c"])
PHASES: st.SearchStrategy[NodePhase] = st.sampled_from(get_args(NodePhase))
WAYS: st.SearchStrategy[Literal["handedOff", "evicted", "gone"]] = st.sampled_from(["handedOff", "evicted", "gone"])


@st.composite
def courses(draw: st.DrawFn) -> list[Event]:
    """Any events in any order, each a second after the one before."""
    found: list[Event] = []
    for second in range(draw(st.integers(0, 25))):
        about: dict[str, Any] = {"at": START + timedelta(seconds=second), "run": "r", "node": draw(NODES)}
        if draw(st.booleans()):
            found.append(NodeChanged(**about, phase=draw(PHASES)))
        else:
            found.append(PodMoved(**about, pod="p", namespace="shop", uid=str(second), how=draw(WAYS)))
    return found


def handed_over(events: list[Event], **fields: Any) -> Receipt:
    at = START + timedelta(minutes=1)
    about: dict[str, Any] = {"run": "r", "playbook": "p", "at": at, "outcome": "done", "reason": ""} | fields
    return receipt(tally(events), **about)


@given(courses())
def test_every_pod_that_was_moved_is_counted_once(events: list[Event]) -> None:
    found = handed_over(events)
    ways = Counter(event.how for event in events if isinstance(event, PodMoved))
    assert (found.handed_off, found.evicted) == (ways["handedOff"], ways["evicted"])
    assert found.pods_moved == found.handed_off + found.evicted
    assert sum(node.pods_moved for node in found.node_details) <= found.pods_moved


@given(courses())
def test_a_node_is_done_if_that_is_the_last_that_was_heard_of_its_last_turn(events: list[Event]) -> None:
    found = handed_over(events)
    ends: dict[str, NodePhase | None] = {}
    for event in events:
        if isinstance(event, NodeChanged):
            ends.setdefault(event.node, None)
            if event.phase in ("draining", "done", "failed", "restored"):
                ends[event.node] = event.phase
    assert {node.name for node in found.node_details} == ends.keys()
    assert set(found.nodes) == {name for name, phase in ends.items() if phase == "done"}
    assert all(0 <= node.duration_seconds <= found.duration_seconds + 60 for node in found.node_details)


def test_a_node_with_two_turns_is_measured_in_each_and_every_move_is_that_of_its_turn() -> None:
    phases: list[NodePhase] = ["draining", "done", "draining", "failed"]
    found = handed_over(
        [
            event
            for second, phase in enumerate(phases)
            for event in (
                NodeChanged(at=START + timedelta(seconds=second**2), run="r", node="a", phase=phase),
                PodMoved(at=START, run="r", pod="p", namespace="shop", uid=phase, node="a", how="evicted"),
            )
        ],
        outcome="failed",
    )
    # the one that left after `done` was not moved in a turn of the node
    turns = [(node.name, node.outcome, node.duration_seconds, node.pods_moved) for node in found.node_details]
    assert turns == [("a", "done", 1, 1), ("a", "failed", 5, 2)]
    assert found.nodes == ()


def test_a_node_that_a_later_step_cannot_begin_was_done_all_the_same_by_the_one_before() -> None:
    def at(second: int) -> dict[str, Any]:
        return {"at": START + timedelta(seconds=second), "run": "r"}

    begins = [StepStarted(**at(second), step=second // 5, name="", verb="nodes", nodes=("a",)) for second in (0, 5)]
    first: list[Event] = [
        NodeChanged(**at(1), node="a", phase="draining"),
        NodeChanged(**at(3), node="a", phase="done"),
    ]
    gone = NodeChanged(**at(6), node="a", phase="failed", reason="the node is gone")
    found = handed_over([begins[0], *first, begins[1], gone], outcome="failed")
    turns = [(node.outcome, node.duration_seconds, node.reason) for node in found.node_details]
    assert turns == [("done", 2, ""), ("failed", 0, "the node is gone")]


@pytest.mark.parametrize(("left", "outcome"), [((), "restored"), (("node/a",), "failed")])
def test_a_node_that_was_begun_and_not_ended_counts_by_what_is_left(left: tuple[str, ...], outcome: str) -> None:
    begun = NodeChanged(at=START, run="r", node="a", phase="draining")
    found = handed_over([begun], outcome="failed", left_changed=left)
    assert [(node.name, node.outcome, node.emptied_seconds) for node in found.node_details] == [("a", outcome, None)]
    assert found.restored == (left == ())


@pytest.mark.parametrize(
    ("outcome", "stop", "restored", "status"),
    [
        ("done", "", True, 0),
        ("refused", "", True, 4),
        ("failed", "", True, 5),
        ("failed", "", False, 6),
        ("timedOut", "", True, 5),
        ("timedOut", "", False, 7),
        ("inconclusive", "", True, 5),
        ("inconclusive", "", False, 7),
        ("interrupted", "interrupted", True, 130),
        ("interrupted", "interrupted", False, 130),
        ("interrupted", "terminated", True, 143),
        ("interrupted", "terminated", False, 143),
    ],
)
def test_the_exit_status_follows_from_the_outcome_and_from_what_is_left(
    outcome: Any,
    stop: str,
    restored: bool,  # noqa: FBT001 - a row of the table
    status: int,
) -> None:
    assert exit_status(outcome, restored=restored, stop=stop) == ExitStatus(status)
    found = handed_over([], outcome=outcome, stop=stop, left_changed=() if restored else ("node/a",))
    assert found.exit_status == status


def test_the_receipt_of_the_shipped_run_adds_up() -> None:
    stage = shop()
    found = stage.play(stage.run(shipped("maintain")))
    moved = [event for event in stage.events if isinstance(event, PodMoved) and event.how != "gone"]
    by_node = Counter(event.node for event in moved)
    assert len({event.uid for event in moved}) == len(moved) == found.pods_moved
    assert {node.name: node.pods_moved for node in found.node_details} == dict(by_node)
    assert found.duration_seconds == (found.at - found.started).total_seconds()
    for node in found.node_details:
        assert node.emptied_seconds is not None
        assert 0 < node.emptied_seconds <= node.duration_seconds
    # one node after another: their times lie side by side in the run's
    assert sum(node.duration_seconds for node in found.node_details) <= found.duration_seconds
    again = tally([from_json(to_json(event)) for event in stage.events])
    assert (again.handed_off, again.evicted) == (found.handed_off, found.evicted)
    assert from_json(to_json(found)) == found


def test_pods_that_leave_while_it_is_put_back_are_moved_too() -> None:
    for number in range(20, 50):
        moved, evicted = stopped_after(number)
        assert moved >= evicted, f"stopped after event {number}"


def stopped_after(number: int) -> tuple[int, int]:
    """How many pods the receipt says were moved, and how many of those there were at first have been evicted."""
    stage = shop()
    uids = {str(pod.ref): pod.uid for pod in stage.cluster.state().pods.values()}
    run = stage.run(shipped("maintain"))

    def stop(count: int, _: asyncio.Task[None]) -> None:
        if count == number:
            run.stop = "interrupted"

    found = stage.play(run, stop)
    living = {pod.uid for pod in stage.cluster.state().pods.values()}
    evicted = {event.object for event in stage.events if isinstance(event, Change) and event.action == "evict"}
    return found.pods_moved, sum(name in uids and uids[name] not in living for name in evicted)
