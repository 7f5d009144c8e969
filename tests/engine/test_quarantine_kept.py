"""How long a replica stays in quarantine, and what removes it then: told before, told afterwards, and so."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from stage import Stage, shop

from underway.cluster.model import Pod
from underway.engine.events import PodPlanned, Receipt
from underway.playbook.load import from_command_line
from underway.report.receipt import receipt_text
from underway.steps.quarantine import KEEP_UNTIL, SINCE, is_expired

BROKEN = {"check": {"gates": [{"service": {"name": "shop/web", "minReady": 9}, "timeout": "1s"}]}}
SECOND = timedelta(seconds=1)


def play(stage: Stage, keep: str | bool, *more: object) -> tuple[Receipt, Pod | None]:  # noqa: FBT001
    steps = [{"quarantine": {"select": "app=cart", "keep": keep}}, *more]
    receipt = stage.play(stage.run(from_command_line("quarantine", steps)))  # type: ignore[arg-type]
    kept = (pod for pod in stage.cluster.state().pods.values() if KEEP_UNTIL in pod.annotations)
    return receipt, next(kept, None)


@pytest.mark.parametrize(
    ("keep", "foreseen"),
    [
        ("10m", "kept for 10m, then underway restore evicts it"),
        (False, "kept until the next underway restore evicts it"),
        (True, "kept until a person deletes it"),
    ],
)
def test_the_plan_says_how_long_it_is_kept(keep: str | bool, foreseen: str) -> None:  # noqa: FBT001
    stage = shop()
    play(stage, keep)
    (planned,) = [event.reason for event in stage.events if isinstance(event, PodPlanned)]
    assert planned.endswith(f"; its controller makes another; {foreseen}")


@pytest.mark.parametrize(("keep", "time"), [("10m", 600), (False, 0)])
def test_its_time_counts_from_when_it_leaves_traffic_and_the_receipt_says_when_it_is_over(
    keep: str | bool,  # noqa: FBT001
    time: int,
) -> None:
    receipt, pod = play(shop(), keep)
    assert pod is not None
    since, until = (datetime.fromisoformat(pod.annotations[key]) for key in (SINCE, KEEP_UNTIL))
    assert until - since == time * SECOND
    assert receipt.duration_seconds < 60
    assert [is_expired(pod, until + later * SECOND) for later in (-1, 0)] == [False, True]
    (kept,) = receipt.kept or ()
    assert kept.object == str(pod.ref)
    assert kept.how == f"in quarantine until {until:%Y-%m-%dT%H:%M:%SZ} (then underway restore r evicts it)"
    assert f"Stays {kept.object} {kept.how}, as the playbook asks" in " ".join(receipt_text(receipt).split())


def test_without_a_time_it_is_for_a_person_to_delete() -> None:
    receipt, pod = play(shop(), keep=True)
    assert pod is not None
    assert [one.how for one in receipt.kept or ()] == ["in quarantine until a person deletes it"]
    assert not is_expired(pod, receipt.at + timedelta(days=999))


def test_of_one_that_is_put_back_nothing_is_said_to_stay() -> None:
    receipt, pod = play(shop(), "10m", BROKEN)
    assert (receipt.outcome, pod) == ("failed", None)
    assert not receipt.kept
