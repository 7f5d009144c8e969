"""`scale` where a HorizontalPodAutoscaler decides: its floor, in whole runs on the simulated shop."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from stage import HERE, Stage, left

from underway.cluster.actions import PatchAutoscaler
from underway.cluster.model import Ref
from underway.cluster.objects import Autoscaler
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.load import load, simulate

WEB = Ref("deployment", "shop", "web")
SOAK: dict[str, Any] = {"soak": {"for": "40s"}}


def shop(**fields: Any) -> Stage:
    """Its autoscaler keeps `web` between 3 and 4 replicas."""
    found = Autoscaler(
        uid="hpa", namespace="shop", name="web", target=WEB, min_replicas=3, max_replicas=4, resource_version="1"
    )
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    loaded.objects[found.ref] = msgspec.structs.replace(found, **fields)
    return Stage(simulate(loaded), dict(loaded.services()))


def scale(**fields: Any) -> dict[str, Any]:
    return {"scale": {"workload": str(WEB), **fields}}


def playbook(*steps: dict[str, Any]) -> Playbook:
    return from_command_line("scale", steps)


def autoscaler(stage: Stage) -> Autoscaler:
    (found,) = stage.cluster.state().autoscalers.values()
    return found


def replicas(stage: Stage) -> int:
    return stage.cluster.state().workloads[WEB].replicas


def test_its_bounds_are_raised_so_that_the_replicas_stay_and_all_is_put_back() -> None:
    stage, seen = shop(), set()
    stage.cluster.watch(Autoscaler, lambda _, new: seen.add((new.min_replicas, new.max_replicas) if new else None))
    receipt = stage.play(stage.run(playbook(scale(to=6), SOAK)))
    assert receipt.outcome == "done", receipt.reason
    assert seen == {(6, 6), (3, 4)}
    stage.rest()
    assert replicas(stage) == 3
    assert left(stage.cluster.state()) == stage.before


def test_fewer_replicas_than_its_floor_need_a_lower_floor() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook(scale(to=2, restore="never"), SOAK)))
    assert receipt.outcome == "done", receipt.reason
    stage.rest()
    assert (replicas(stage), autoscaler(stage).min_replicas, autoscaler(stage).annotations) == (2, 2, {})


def test_one_that_measures_is_left_to_take_the_surplus_away_itself() -> None:
    stage = shop(measuring=True)
    receipt = stage.play(stage.run(playbook(scale(by=1), SOAK)))
    assert receipt.outcome == "done", receipt.reason
    stage.rest()
    assert (replicas(stage), autoscaler(stage).min_replicas) == (4, 3)


def test_a_second_scaling_in_one_run_counts_and_the_first_number_comes_back() -> None:
    stage, counts = shop(), []
    stage.cluster.watch(Autoscaler, lambda _, new: counts.append(new.min_replicas if new else None))
    receipt = stage.play(stage.run(playbook(scale(by=1), scale(to=6), scale(by=-1), SOAK)))
    assert receipt.outcome == "done", receipt.reason
    assert counts == [4, 6, 5, 3]
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_what_is_to_last_is_what_the_next_scaling_goes_back_to() -> None:
    stage, counts = shop(), []
    stage.cluster.watch(Autoscaler, lambda _, new: counts.append(new.min_replicas if new else None))
    receipt = stage.play(stage.run(playbook(scale(by=1, restore="never"), scale(by=1), SOAK)))
    assert receipt.outcome == "done", receipt.reason
    assert counts == [4, 5, 4]


def test_who_else_keeps_its_bounds_is_told_and_wins() -> None:
    stage = shop()
    run = stage.run(playbook(scale(to=4), SOAK))

    def insist(_: Autoscaler | None, new: Autoscaler | None) -> None:
        if new is not None and new.min_replicas == 4:
            patch = PatchAutoscaler(new.ref, new.uid, new.resource_version, says="keda", min_replicas=3)
            waiting.append(asyncio.ensure_future(stage.cluster.perform(patch)))

    waiting: list[asyncio.Future[Any]] = []
    stage.cluster.watch(Autoscaler, insist)
    receipt = stage.play(run)
    assert receipt.outcome == "failed"
    assert "somebody else keeps horizontalpodautoscaler/shop/web at minReplicas 3" in receipt.reason
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_another_runs_mark_on_it_is_in_the_way() -> None:
    stage = shop(annotations={"underway.dev/scaled": "other"})
    assert [blocker.remedy for blocker in stage.blockers(playbook(scale(by=1)))] == ["underway restore other"]


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("number", range(1, 10))
def test_stopped_or_killed_anywhere_everything_is_as_before(number: int, how: str) -> None:
    stage = shop()
    run = stage.run(playbook(scale(by=1), {"soak": {"for": "20s"}}))
    receipt = stage.cut_short(run, number, how)
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_a_rollout_says_that_an_autoscaler_may_scale_meanwhile() -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook({"rollout": {"workload": str(WEB), "images": {"web": "underway/shop:2"}}})))
    assert receipt.outcome == "done", receipt.reason
    assert "; horizontalpodautoscaler/shop/web may scale it meanwhile" in receipt.remarks[0]
    assert stage.witness.violations == []
