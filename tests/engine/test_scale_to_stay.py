"""`scale` with a number that is to stay: when all else is put back, the receipt says what stays, and how."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from stage import HERE, Stage, left, shop

from underway.cluster.model import Ref
from underway.cluster.objects import Autoscaler
from underway.engine.events import Receipt, from_json, to_json
from underway.playbook.load import from_command_line
from underway.report.receipt import receipt_text
from underway.simulated.load import load, simulate

WEB = Ref("deployment", "shop", "web")
BROKEN = {"check": {"gates": [{"service": {"name": "shop/web", "minReady": 9}, "timeout": "1s"}]}}
STAYS = "deployment/shop/web stays at {} replicas, as the playbook asks"


def scale(**fields: Any) -> dict[str, Any]:
    return {"scale": {"workload": str(WEB), **fields}}


def play(stage: Stage, *steps: dict[str, Any]) -> Receipt:
    return stage.play(stage.run(from_command_line("scale", steps)))


def kept(receipt: Receipt) -> dict[str, str]:
    return {one.object: one.how for one in receipt.kept or ()}


def said(receipt: Receipt) -> str:
    return " ".join(receipt_text(receipt).split())


def test_after_a_failure_the_receipt_says_what_stays_and_not_that_everything_was_put_back() -> None:
    stage = shop()
    receipt = play(stage, scale(by=1, restore="never"), BROKEN)
    assert (receipt.outcome, receipt.exit_status, receipt.restored, receipt.left_changed) == ("failed", 5, True, ())
    assert stage.cluster.state().workloads[WEB].replicas == 4
    assert kept(receipt) == {str(WEB): "at 4 replicas"}
    text = said(receipt)
    assert f"{STAYS.format(4)}; everything else was put back." in text
    assert "Everything was put back" not in text
    assert "everything was put back," not in text
    assert "Put back everything but what stays" in text
    assert from_json(to_json(receipt)) == receipt


def test_what_is_put_back_is_not_said_to_stay() -> None:
    for restore in ("end", "failure"):
        stage = shop()
        receipt = play(stage, scale(by=1, restore=restore), BROKEN)
        assert kept(receipt) == {}
        assert "Everything was put back." in said(receipt)
        stage.rest()
        assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize(("restore", "stays"), [("end", {}), ("failure", {str(WEB): "at 4 replicas"})])
def test_after_a_good_end_too_it_is_told_what_stays(restore: str, stays: dict[str, str]) -> None:
    receipt = play(shop(), scale(by=1, restore=restore))
    assert (receipt.exit_status, kept(receipt)) == (0, stays)


@pytest.mark.parametrize(
    ("steps", "replicas"),
    [
        ((scale(by=1, restore="never"), scale(by=1)), 4),
        ((scale(by=1), scale(by=1, restore="never")), 5),
        ((scale(by=1, restore="never"), scale(by=-1, restore="never")), 3),
        ((scale(by=1, restore="never"), scale(by=-1)), 4),
    ],
)
def test_of_two_scalings_it_is_the_number_at_the_end_that_counts(
    steps: tuple[dict[str, Any], ...], replicas: int
) -> None:
    stage = shop()
    receipt = play(stage, *steps, BROKEN)
    assert stage.cluster.state().workloads[WEB].replicas == replicas
    assert kept(receipt) == ({} if replicas == 3 else {str(WEB): f"at {replicas} replicas"})
    stage.rest()
    assert stage.cluster.state().workloads[WEB].annotations == stage.before["workloads"][str(WEB)][1]


@pytest.mark.parametrize("restore", ["never", "end"])
def test_the_bounds_of_an_autoscaler_that_stay_are_told(restore: str) -> None:
    found = Autoscaler(
        uid="hpa", namespace="shop", name="web", target=WEB, min_replicas=3, max_replicas=4, resource_version="1"
    )
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    loaded.objects[found.ref] = found
    stage = Stage(simulate(loaded), dict(loaded.services()))
    receipt = play(stage, scale(to=5, restore=restore), BROKEN)
    (now,) = stage.cluster.state().autoscalers.values()
    if restore == "end":
        assert (kept(receipt), msgspec.structs.replace(now, resource_version="1")) == ({}, found)
        return
    assert (now.min_replicas, now.max_replicas) == (5, 5)
    assert kept(receipt) == {str(now.ref): "at minReplicas 5, maxReplicas 5", str(WEB): "at 5 replicas"}


@pytest.mark.parametrize("number", range(4, 8))
def test_whoever_puts_a_killed_run_back_says_so_too(number: int) -> None:
    stage = shop()
    run = stage.run(from_command_line("scale", [scale(by=1, restore="never"), {"soak": {"for": "20s"}}]))
    receipt = stage.cut_short(run, number, "killed")
    assert stage.cluster.state().workloads[WEB].replicas == 4
    assert kept(receipt) == {str(WEB): "at 4 replicas"}
