"""Nodes that are held for a person or another tool: they wait for a word, and for nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from stage import Stage, left, shop

from underway.cluster.actions import PatchNode
from underway.cluster.state import HOLD
from underway.engine.events import NodeChanged
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook

ZONE = ("underway-worker2", "underway-worker3")


def playbook(timeout: str = "1h") -> Playbook:
    select = {"labels": "topology.kubernetes.io/zone=zone-b"}
    body = {"select": select, "maxUnavailable": "100%", "maintain": {"hold": {"timeout": timeout}}}
    return from_command_line("held", [{"nodes": body}])


def held_for(stage: Stage) -> dict[str, int]:
    """By node, in seconds."""
    at = {(event.node, event.phase): event.at for event in stage.events if isinstance(event, NodeChanged)}
    return {name: round((at[name, "verifying"] - at[name, "maintaining"]).total_seconds()) for name in ZONE}


def as_before(stage: Stage) -> bool:
    stage.rest()
    return left(stage.cluster.state()) == stage.before and stage.witness.violations == []


def test_they_are_given_back_when_it_is_said_that_they_are_done() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook()))
    assert (receipt.outcome, sorted(receipt.nodes)) == ("done", sorted(ZONE))
    assert held_for(stage) == dict.fromkeys(ZONE, 60)
    assert as_before(stage)


def test_nobody_saying_so_is_a_time_out_and_they_are_given_back() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook("20s")))
    assert (receipt.outcome, receipt.exit_status) == ("timedOut", 5)
    assert "nobody has said within 20s that it is done" in receipt.reason
    assert as_before(stage)


def test_a_word_that_was_there_before_counts_for_nothing() -> None:
    stage = shop()
    node = stage.cluster.state().nodes[ZONE[0]]
    said = PatchNode(node.ref, node.uid, "", says="", annotations={HOLD: "done"})
    assert asyncio.run(stage.cluster.perform(said)).status == "done"
    stage.play(stage.run(playbook()))
    assert held_for(stage) == dict.fromkeys(ZONE, 60)


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("number", range(2, 36, 3))
def test_stopped_or_killed_after_any_event_everything_is_put_back(number: int, how: str) -> None:
    stage = shop()
    run = stage.run(playbook())

    def end(count: int, driving: asyncio.Task[None]) -> Any:
        if count == number:
            run.stop = "interrupted"
            if how == "killed":
                driving.cancel()

    receipt = stage.play(run, end)
    if how == "killed":
        receipt = stage.play(stage.run(playbook(), only_restore=True))
    assert receipt.left_changed == ()
    assert as_before(stage)
