"""The shipped playbook on the shipped shop: all done, nothing lost, no budget broken, everything as before."""

from __future__ import annotations

import asyncio

import pytest
from stage import PLAYBOOKS, left, shipped, shop

from underway.engine.events import NodeChanged, PodMoved


def test_every_worker_is_maintained_and_nothing_is_lost() -> None:
    stage = shop()
    receipt = stage.play(stage.run(shipped("maintain")))
    assert receipt.outcome == "done", receipt.reason
    assert len(receipt.nodes) == 3
    assert [(probe.lost, probe.sent > 500) for probe in receipt.probes] == [(0, True), (0, True)]
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
    moved = [event for event in stage.events if isinstance(event, PodMoved) and event.how != "gone"]
    assert receipt.pods_moved == len(moved)


def test_one_node_after_another() -> None:
    stage = shop()
    stage.play(stage.run(shipped("maintain")))
    away: set[str] = set()
    for event in stage.events:
        if isinstance(event, NodeChanged):
            away = away - {event.node} if event.phase == "done" else away | {event.node}
            assert len(away) <= 1


# a run of the shop has about 80 events; each stands for a moment in which something is on its way
EVENTS = range(1, 70)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
@pytest.mark.parametrize("number", EVENTS)
def test_stopped_after_any_event_everything_is_put_back(number: int, playbook: str) -> None:
    stage = shop()
    run = stage.run(shipped(playbook))

    def stop(count: int, _: asyncio.Task[None]) -> None:
        if count == number:
            run.stop = "interrupted"

    receipt = stage.play(run, stop)
    assert receipt.outcome == "interrupted"
    assert receipt.exit_status == 130
    assert receipt.left_changed == ()
    assert [probe.lost for probe in receipt.probes] in ([], [0, 0])
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize("playbook", PLAYBOOKS)
@pytest.mark.parametrize("number", EVENTS)
def test_killed_after_any_event_another_process_puts_everything_back(number: int, playbook: str) -> None:
    stage = shop()

    def kill(count: int, driving: asyncio.Task[None]) -> None:
        if count == number:
            driving.cancel()

    stage.play(stage.run(shipped(playbook)), kill)
    receipt = stage.play(stage.run(shipped(playbook), only_restore=True))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
