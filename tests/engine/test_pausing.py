"""A paused run finishes what is in flight and begins nothing new, and goes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace
from stage import Stage, left, shipped, shop

from underway.cluster.notes import lease_of
from underway.engine.events import StepEnded
from underway.engine.pausing import PAUSED
from underway.engine.standing import standings
from underway.playbook.load import from_command_line
from underway.steps import marks

PAUSE = timedelta(minutes=20)
WHO = "mi@terminal at 12:00:00Z"


def say(stage: Stage, word: str | None) -> None:
    """What `underway pause` and `underway resume` write."""
    world: Any = stage.cluster._world  # noqa: SLF001 - somebody else's terminal
    lease = stage.cluster.state().leases[lease_of("r")]
    kept = {key: value for key, value in lease.annotations.items() if key != PAUSED}
    world.put(replace(lease, annotations=kept | ({PAUSED: word} if word else {})))


def paused_at(stage: Stage, number: int, then: Callable[[], None] = lambda: None) -> Callable[[int, Any], None]:
    """Pause at an event, and let it go on much later."""
    world: Any = stage.cluster._world  # noqa: SLF001 - the clock of the simulation

    def at_event(found: int, _: object) -> None:
        if found == number:
            world.after(timedelta(milliseconds=50), partial(say, stage, WHO))
            world.after(PAUSE - timedelta(seconds=5), then)
            world.after(PAUSE, partial(say, stage, None))

    return at_event


def gaps(stage: Stage) -> list[timedelta]:
    return [after.at - before.at for before, after in pairwise(stage.events)]


@pytest.mark.parametrize("number", [4, 9, 14, 19, 27, 35])
def test_a_paused_run_leaves_no_pod_in_between_and_goes_on(number: int) -> None:
    stage = shop()
    stages: list[str] = []

    def look() -> None:
        stages.extend(marks.stage(pod) for pod in stage.cluster.state().marked_pods() if marks.pod_run(pod) == "r")

    receipt = stage.play(stage.run(shipped("maintain")), paused_at(stage, number, look))
    assert (receipt.outcome, receipt.exit_status) == ("done", 0), receipt.reason
    assert stages == []
    assert max(gaps(stage)) > PAUSE - timedelta(minutes=2)
    assert [probe.lost for probe in receipt.probes] == [0, 0]
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_a_pause_takes_nothing_from_a_soak_nor_from_a_timeout() -> None:
    stage = shop()
    playbook = from_command_line("soak", [{"soak": {"for": "2m"}, "timeout": "3m"}])
    receipt = stage.play(stage.run(playbook), paused_at(stage, 2))
    assert receipt.outcome == "done", receipt.reason
    (ended,) = (event for event in stage.events if isinstance(event, StepEnded))
    assert PAUSE + timedelta(minutes=1) < ended.at - stage.events[0].at < PAUSE + timedelta(minutes=3)


def test_a_guard_that_fails_ends_a_paused_run() -> None:
    stage = shop()
    guard = {"service": {"name": "shop/web", "minReady": 3}}
    playbook = from_command_line("soak", [{"soak": {"for": "2m"}, "during": [guard]}])
    world: Any = stage.cluster._world  # noqa: SLF001 - somebody else breaks it

    def break_it() -> None:
        for pod in list(stage.cluster.state().pods.values()):
            if pod.labels.get("app") == "web":
                world.put(replace(pod, ready=False))

    receipt = stage.play(stage.run(playbook), paused_at(stage, 2, break_it))
    assert receipt.outcome == "failed"
    assert receipt.duration_seconds < PAUSE.total_seconds()


def test_the_run_and_its_status_say_that_it_is_paused() -> None:
    stage = shop()
    run = stage.run(shipped("drain"))
    seen: list[str] = []

    def look() -> None:
        seen.extend(f"{what}: {why}" for what, why in run.told_waits)
        found = standings(stage.cluster.state(), stage.cluster.now())["r"]
        seen.append(f"status: {found.paused}")

    stage.play(run, paused_at(stage, 9, look))
    assert f"status: {WHO}" in seen
    assert any(told.startswith("run/r: paused by mi@terminal") and "underway resume r" in told for told in seen)


def test_ctrl_c_ends_a_paused_run() -> None:
    stage = shop()
    run = stage.run(shipped("drain"))

    def stop() -> None:
        run.stop = "interrupted"

    receipt = stage.play(run, paused_at(stage, 9, stop))
    assert (receipt.outcome, receipt.restored) == ("interrupted", True)
    assert receipt.duration_seconds < (PAUSE + timedelta(minutes=2)).total_seconds()
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize("number", [3, 6, 9, 12, 15, 18])
@pytest.mark.parametrize(
    "step",
    [
        {"rollout": {"workload": "deployment/shop/web", "images": {"web": "underway/shop:2"}, "batch": 1}},
        {"scale": {"workload": "deployment/shop/web", "by": 1}},
    ],
    ids=["rollout", "scale"],
)
def test_a_verb_that_is_paused_for_longer_than_its_deadlines_goes_on(step: dict[str, Any], number: int) -> None:
    stage = shop()
    receipt = stage.play(stage.run(from_command_line("paused", [step])), paused_at(stage, number))
    assert (receipt.outcome, receipt.exit_status) == ("done", 0), receipt.reason
    assert stage.witness.violations == []


def test_the_next_batch_is_not_begun_while_the_run_is_paused() -> None:
    stage = shop()
    rollout = {"workload": "deployment/shop/web", "images": {"web": "underway/shop:2"}, "batch": 1}
    receipt = stage.play(stage.run(from_command_line("paused", [{"rollout": rollout}])), paused_at(stage, 9))
    assert receipt.outcome == "done", receipt.reason
    assert max(gaps(stage)) > PAUSE - timedelta(minutes=1)
