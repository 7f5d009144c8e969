"""`apply` of what an API server does not take: the run ends at once, in the server's words, and nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from stage import shop
from test_apply import as_before, extra, new_web, playbook, shipped

from underway.engine.events import StepEnded

SPEC = ("spec",)
TEMPLATE = ("spec", "template")


def changed(manifest: dict[str, Any], path: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    found = manifest
    for key in path:
        found = found[key]
    found |= fields
    return manifest


def stateful() -> dict[str, Any]:
    return shipped("db", "StatefulSet")


def job(image: str = "x:1", **spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}}
    metadata = {"name": "migrate", "namespace": "shop"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template, **spec}}


def relabelled(manifest: dict[str, Any]) -> dict[str, Any]:
    labels = {**manifest["spec"]["selector"]["matchLabels"], "more": "so"}
    changed(manifest, (*TEMPLATE, "metadata"), labels=labels)
    return changed(manifest, SPEC, selector={"matchLabels": labels})


WEB_IS = 'Deployment.apps "web" is invalid: '
EXTRA_IS = 'Deployment.apps "extra" is invalid: '
OTHER_LABELS = changed(extra(), (*TEMPLATE, "metadata"), labels={"app": "other"})


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        (
            relabelled(new_web()),
            WEB_IS + 'spec.selector: Invalid value: {"matchLabels":{"app":"web","more":"so"}}: field',
        ),
        (relabelled(stateful()), 'StatefulSet.apps "db" is invalid: spec: Forbidden: updates to statefulset spec for'),
        (changed(stateful(), SPEC, podManagementPolicy="Parallel"), "'minReadySeconds' are forbidden"),
        (changed(stateful(), SPEC, volumeClaimTemplates=[{"metadata": {"name": "x"}}]), "spec: Forbidden: updates"),
        (OTHER_LABELS, EXTRA_IS + "`spec.selector` (app=extra) does not match the labels of its template"),
        (changed(extra(), (*TEMPLATE, "spec"), containers=[]), EXTRA_IS + "`spec.template.spec.containers` is missing"),
        (changed(new_web(), SPEC, replicsa=1), "failed to create typed patch object: `spec.replicsa` is not a field"),
        (changed(new_web(), SPEC, replicas="4"), "`spec.replicas` is the text `4`, and a whole number is needed"),
        (changed(new_web(), SPEC, replicas=-1), WEB_IS + "`spec.replicas` is -1, and 0 is the least"),
    ],
)
def test_what_the_server_refuses_ends_the_run_at_once(tmp_path: Path, manifest: dict[str, Any], told: str) -> None:
    stage = shop()
    before, began = as_before(stage), stage.cluster.now()
    receipt = stage.play(stage.run(playbook(tmp_path, manifest)))
    (ended,) = (event for event in stage.events if isinstance(event, StepEnded))
    assert told in ended.reason
    assert receipt.outcome == "failed"
    assert (stage.cluster.now() - began).total_seconds() < 10
    stage.rest()
    assert as_before(stage) == before


@pytest.mark.parametrize(
    ("then", "told"),
    [
        (job("x:2"), "spec.template: field is immutable"),
        (job(completions=3), "spec.completions: Invalid value: 3: field is immutable"),
        (job(), None),
    ],
)
def test_a_job_that_is_there_stays_what_it_does(tmp_path: Path, then: Mapping[str, Any], told: str | None) -> None:
    stage = shop()
    assert stage.play(stage.run(playbook(tmp_path, job()))).outcome == "done"
    receipt = stage.play(stage.run(playbook(tmp_path, dict(then))))
    assert receipt.outcome == ("done" if told is None else "failed")
    assert (told or "") in (receipt.reason or "")


@pytest.mark.parametrize("spec", [{"replicas": 4}, {"template": {"metadata": {"labels": {"app": "web", "tier": "a"}}}}])
def test_a_manifest_that_says_only_a_part_of_what_is_there_is_taken(tmp_path: Path, spec: Mapping[str, Any]) -> None:
    stage = shop()
    manifest = {key: new_web()[key] for key in ("apiVersion", "kind", "metadata")} | {"spec": dict(spec)}
    receipt = stage.play(stage.run(playbook(tmp_path, manifest)))
    assert receipt.outcome == "done", receipt.reason
