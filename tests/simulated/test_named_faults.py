from __future__ import annotations

from datetime import timedelta

import pytest
from scenes import at_least, node, settled, workload

from underway.cluster.model import Ref
from underway.errors import UsageError
from underway.simulated.faults import (
    AnswersLost,
    BudgetTightened,
    Fault,
    Killed,
    NeverReady,
    NodeLost,
    NoRoom,
    Refusals,
)
from underway.simulated.named_faults import NAMES, named_faults
from underway.units import Share

STATE = settled(node("a"), node("b"), workload("deployment", "web", 2), at_least("web", 1)).state()
NEVER = ["no-room@9999999h", "killed=9999999h", "killed=soon", "killed=-1", "killed=1@2s"]
TIGHT = BudgetTightened(Ref("poddisruptionbudget", "shop", "web"), Share(2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node-lost", NodeLost("b")),
        ("node-lost=a@10s", NodeLost("a", timedelta(seconds=10))),
        ("node-lost=node/a", NodeLost("a")),
        ("never-ready", NeverReady()),
        ("never-ready=shop/web", NeverReady("shop", "web")),
        ("never-ready=shop/we", NeverReady("shop", "we")),
        ("never-ready=shop", NeverReady("shop", "")),
        ("never-ready=deployment/shop/web", NeverReady("shop", "web-")),
        ("never-ready=deploy/shop/web@5s", NeverReady("shop", "web-", timedelta(seconds=5))),
        ("no-room@1m", NoRoom(timedelta(minutes=1))),
        ("budget-tightened", TIGHT),
        ("budget-tightened=shop/web", TIGHT),
        ("budget-tightened=pdb/shop/web", TIGHT),
        ("api-409=5", Refusals(5, "conflict")),
        ("api-429", Refusals(3, "blocked", retry_after=1)),
        ("api-429@20s", Refusals(3, "blocked", retry_after=1, after=timedelta(seconds=20))),
        ("answers-lost=2@1m", AnswersLost(2, timedelta(minutes=1))),
        ("api-500=2", Refusals(2, "failed")),
        ("answers-lost", AnswersLost(3)),
        ("killed", Killed(timedelta(seconds=5))),
        ("killed=20", Killed(timedelta(seconds=20))),
        ("killed=1m", Killed(timedelta(minutes=1))),
        ("killed@20s", Killed(timedelta(seconds=20))),
    ],
)
def test_a_fault_is_known_by_its_name(text: str, expected: Fault) -> None:
    assert named_faults(text, STATE) == [expected]


@pytest.mark.parametrize(
    "target",
    ["web", "shop/webshop", "shop/db", "deployment/shop/db", "statefulset/shop/web", "deployment/other/web", "x"],
)
def test_pods_that_nobody_makes_are_an_error_that_names_the_workloads(target: str) -> None:
    with pytest.raises(UsageError, match=f"no workload is called `{target}`") as caught:
        named_faults(f"never-ready={target}", STATE)
    assert caught.value.hint == "workloads: deployment/shop/web"


@pytest.mark.parametrize("name", NAMES)
def test_every_name_that_is_told_can_be_given(name: str) -> None:
    assert named_faults(name, STATE)


@pytest.mark.parametrize(
    "text", ["flood", "node-lost=x", "budget-tightened=shop/db", "api-500=0", "no-room@soon", "no-room=a", *NEVER]
)
def test_a_fault_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        named_faults(text, STATE)
