"""Replicas that sit on few nodes are spread again on the simulated shop, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from stage import Stage, left, shop

from underway.engine.events import PodMoved
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook

STOREFRONT = {"url": "http://127.0.0.1:30080/", "every": "50ms", "timeout": "2s", "lost": 0}


def rebalance(workload: str = "deployment/shop/web") -> Playbook:
    step = {"rebalance": {"workload": workload}, "during": [{"name": "storefront", "http": STOREFRONT}]}
    return from_command_line("rebalance", [step])


def nodes_of(stage: Stage, app: str) -> list[int]:
    pods = (pod for pod in stage.cluster.state().pods_in("shop") if pod.labels.get("app") == app)
    return sorted(Counter(pod.node for pod in pods).values())


def piled_up() -> Stage:
    """All workers but one have been drained and given back."""
    stage = shop()
    workers = [name for name in stage.cluster.state().nodes if "worker" in name]
    step = {"nodes": {"select": {"names": workers[1:]}, "maxUnavailable": 2, "drain": {"settle": "1s"}}}
    receipt = stage.play(stage.run(from_command_line("drain", [step])))
    assert receipt.outcome == "done", receipt.reason
    stage.rest()
    assert nodes_of(stage, "web") == nodes_of(stage, "db") == [3]
    stage.before, stage.events = left(stage.cluster.state()), []
    return stage


@pytest.mark.parametrize("workload", ["deployment/shop/web", "statefulset/shop/db"])
def test_they_differ_by_at_most_one_and_nothing_is_lost(workload: str) -> None:
    stage = piled_up()
    receipt = stage.play(stage.run(rebalance(workload)))
    assert receipt.outcome == "done", receipt.reason
    assert [probe.lost for probe in receipt.probes] == [0]
    assert stage.witness.violations == []
    stage.rest()
    assert nodes_of(stage, workload.rpartition("/")[2]) == [1, 1, 1]
    assert left(stage.cluster.state()) == stage.before
    assert len([event for event in stage.events if isinstance(event, PodMoved)]) == 2


def test_what_is_spread_already_is_left_alone() -> None:
    stage = shop()
    receipt = stage.play(stage.run(rebalance()))
    assert receipt.outcome == "done"
    assert receipt.pods_moved == 0
    assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("number", range(1, 30, 2))
def test_stopped_or_killed_after_any_event_nothing_is_left(number: int, how: str) -> None:
    stage = piled_up()
    run = stage.run(rebalance())

    def interrupt(count: int, driving: asyncio.Task[None]) -> None:
        if count == number and how == "killed":
            driving.cancel()
        elif count == number:
            run.stop = "interrupted"

    receipt = stage.play(run, interrupt)
    if how == "killed":
        receipt = stage.play(stage.run(rebalance(), only_restore=True))
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
