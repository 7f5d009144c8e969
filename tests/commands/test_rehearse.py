"""A rehearsal says the same each time, shows what a fault does, and what it had to assume."""

from __future__ import annotations

import json

import pytest
from invoke import underway

SHOP = (
    "rehearse",
    "playbooks/maintain-workers.yaml",
    "--cluster",
    "kind-config.yaml",
    "--cluster",
    "manifests/",
)


def test_twice_the_same_bytes() -> None:
    first, second = (underway(*SHOP, "-o", "json") for _ in range(2))
    assert first.status == 0, first.err
    assert first.out == second.out
    receipt = json.loads(first.out.splitlines()[-1])
    assert receipt["simulated"] is True
    assert [probe["lost"] for probe in receipt["probes"]] == [0, 0]


@pytest.mark.parametrize(
    ("fault", "status", "outcome"),
    [
        ("node-lost@20s", 5, "failed"),
        ("no-room", 5, "timedOut"),
        ("never-ready", 6, "failed"),
        ("budget-tightened", 5, "timedOut"),
        ("api-409", 0, "done"),
        ("api-429=2", 0, "done"),
        ("api-500", 0, "done"),
        ("answers-lost", 0, "done"),
    ],
)
def test_a_fault_ends_as_it_would_for_real(fault: str, status: int, outcome: str) -> None:
    ended = underway(*SHOP, "--fault", fault, "-o", "json")
    receipt = json.loads(ended.out.splitlines()[-1])
    assert (ended.status, receipt["outcome"]) == (status, outcome), receipt["reason"]
    assert receipt["exitStatus"] == status


@pytest.mark.parametrize("fault", ["fire", "node-lost=nobody", "api-500=0", "no-room@soon"])
def test_a_fault_that_does_not_exist_is_told(fault: str) -> None:
    ended = underway(*SHOP, "--fault", fault)
    assert ended.status == 2
    assert "fault" in ended.err
    assert "Traceback" not in ended.err


def test_what_the_files_leave_open_is_said() -> None:
    ended = underway(*SHOP)
    assert "assumed: every node of the kind config has 2 cpu" in ended.err
    assert "not looked at: 1 ClusterRole, " in ended.err
    assert "assumed:" not in underway(*SHOP, "-q").err
