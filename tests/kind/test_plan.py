"""The plan on the real cluster: it changes nothing, and the run then does what it said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubernetes_cluster import NAMESPACE, kubectl, snapshot, until_settled, versions, workers
from underway_cli import MAINTAIN, underway


def planned() -> Any:
    found = underway("plan", MAINTAIN, "-o", "json")
    assert found.status == 0, found.stderr
    return json.loads(found.stdout)


def test_a_plan_changes_nothing(still: dict[str, Any]) -> None:
    before = versions()
    plan = planned()
    assert plan["blockers"] == []
    assert versions() == before
    assert snapshot() == still


def test_a_dry_run_tells_the_plan_and_changes_nothing(still: dict[str, Any]) -> None:
    before = versions()
    for args in (
        ("run", MAINTAIN),
        ("rollout", "deployment/web", "-n", NAMESPACE, "--restart"),
        ("drain", workers()[0]),
    ):
        dry = underway(*args, "--dry-run=server", "-o", "json")
        assert dry.status == 0, dry.stderr
        told = json.loads(dry.stdout)
        assert told["type"] == "plan"
        assert told["moves"] >= 1
    assert versions() == before
    assert snapshot() == still


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


def test_a_saved_plan_is_carried_out(still: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "plan"
    saved = underway("plan", MAINTAIN, "--out", str(out))
    assert saved.status == 0, saved.stderr
    ended = underway("run", str(out), "--yes", "-o", "json")
    assert ended.status == 0, ended.stderr
    nodes = [node for wave in json.loads(out.read_bytes())["plan"]["waves"] for node in wave["nodes"]]
    assert nodes == ended.receipt["nodes"]
    until_settled(60)
    assert snapshot() == still


def test_a_saved_plan_is_refused_where_its_targets_have_changed(shop: dict[str, Any], tmp_path: Path) -> None:  # noqa: ARG001 - it is put right afterwards
    out = tmp_path / "plan"
    assert underway("plan", MAINTAIN, "--out", str(out)).status == 0
    targets = [target["object"] for target in json.loads(out.read_bytes())["targets"]]
    gone = next(name.rpartition("/")[2] for name in targets if name.startswith(f"pod/{NAMESPACE}/web-"))
    cordoned = workers()[0]
    kubectl("cordon", cordoned)
    kubectl("-n", NAMESPACE, "delete", "pod", gone)
    kubectl(
        "-n", NAMESPACE, "patch", "poddisruptionbudget", "web", "--type=merge", '--patch={"spec":{"minAvailable":1}}'
    )
    until_settled(60)
    before = snapshot()
    refused = underway("run", str(out), "--yes", "-o", "json")
    assert refused.status == 4
    changed = [found for found in refused.receipt["blockers"] if found["remedy"].startswith("plan again: ")]
    assert {found["remedy"] for found in changed} == {f"plan again: underway plan {MAINTAIN} --out {out}"}
    told = {found["object"]: found["reason"] for found in changed}
    assert told[f"node/{cordoned}"] == "unschedulable was false, now true"
    assert told[f"poddisruptionbudget/{NAMESPACE}/web"] == "minAvailable was 2, now 1"
    assert told[f"pod/{NAMESPACE}/{gone}"] == "is gone"
    assert any(name not in targets and reason.startswith("is new on node/") for name, reason in told.items())
    assert snapshot() == before
