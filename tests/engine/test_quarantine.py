"""A replica in quarantine on the simulated shop: out of traffic, running, its place filled; or back where it was."""

from __future__ import annotations

import asyncio

import pytest
from stage import Stage, left, shop

from underway.cluster.model import Pod
from underway.cluster.traffic import in_traffic
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.steps.marks import QUARANTINED

BROKEN = {"check": {"gates": [{"service": {"name": "shop/web", "minReady": 9}, "timeout": "1s"}]}}


def one_of(stage: Stage, app: str) -> Pod:
    return next(pod for pod in stage.cluster.state().pods_in("shop") if pod.labels.get("app") == app)


def quarantine(pod: Pod, *more: object) -> Playbook:
    return from_command_line("quarantine", [{"quarantine": {"pod": f"{pod.namespace}/{pod.name}"}}, *more])  # type: ignore[list-item]


@pytest.mark.parametrize("app", ["web", "cart"])
def test_it_is_out_of_traffic_and_runs_on_and_its_place_is_filled(app: str) -> None:
    stage = shop()
    pod = one_of(stage, app)
    receipt = stage.play(stage.run(quarantine(pod)))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    state = stage.cluster.state()
    kept = state.pod(pod.uid)
    assert kept is not None
    assert (kept.phase, kept.deleting, kept.owner) == ("Running", None, None)
    assert not in_traffic(kept, state)
    assert kept.labels[QUARANTINED] == "r"
    ready = [found for found in state.pods_in("shop") if found.labels.get("app") == app and found.ready]
    assert len(ready) == {"web": 3, "cart": 1}[app]


def test_a_run_that_fails_afterwards_gives_it_back() -> None:
    stage = shop()
    pod = one_of(stage, "web")
    receipt = stage.play(stage.run(quarantine(pod, BROKEN)))
    assert receipt.outcome in ("failed", "inconclusive")
    assert receipt.left_changed == ()
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("app", ["web", "cart"])
@pytest.mark.parametrize("number", range(1, 8))
def test_stopped_or_killed_after_any_event_it_is_back(number: int, app: str, how: str) -> None:
    stage = shop()
    run = stage.run(quarantine(one_of(stage, app), {"soak": {"for": "2s"}}))

    def interrupt(count: int, driving: asyncio.Task[None]) -> None:
        if count == number and how == "killed":
            driving.cancel()
        elif count == number:
            run.stop = "interrupted"

    receipt = stage.play(run, interrupt)
    if how == "killed":
        receipt = stage.play(stage.run(quarantine(one_of(stage, "web")), only_restore=True))
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    if receipt.outcome == "interrupted" or how == "killed":
        assert left(stage.cluster.state()) == stage.before


def test_a_member_of_a_statefulset_cannot_be_quarantined() -> None:
    stage = shop()
    found = stage.blockers(quarantine(one_of(stage, "db")))
    assert "cannot replace it while it runs" in found[0].reason
