"""The plan on the real cluster: it changes nothing, and the run then does what it said."""

from __future__ import annotations

import json
from typing import Any

from kubernetes_cluster import snapshot, until_settled, versions
from underway_cli import MAINTAIN, underway


def planned() -> Any:
    found = underway("plan", MAINTAIN, "-o", "json")
    assert found.status == 0, found.stderr
    return json.loads(found.stdout)


def test_a_plan_changes_nothing(shop: dict[str, Any]) -> None:
    before = versions()
    plan = planned()
    assert plan["blockers"] == []
    assert versions() == before
    assert snapshot() == shop


def test_the_run_does_what_the_plan_says(shop: dict[str, Any]) -> None:
    plan = planned()
    ended = underway("run", MAINTAIN, "--yes", "-o", "json")
    assert ended.status == 0, ended.stderr
    receipt = ended.receipt
    assert [node for wave in plan["waves"] for node in wave["nodes"]] == receipt["nodes"]
    judged = {event["uid"]: event["verdict"] for event in ended.events() if event["type"] == "podPlanned"}
    assert {pod["uid"]: pod["verdict"] for pod in plan["pods"]} == {
        pod["uid"]: judged[pod["uid"]] for pod in plan["pods"]
    }
    assert abs(plan["durationSeconds"] - receipt["durationSeconds"]) < 0.25 * receipt["durationSeconds"]
    until_settled(60)
    assert snapshot() == shop
