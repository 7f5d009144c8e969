"""`apply` in whole runs: manifests are applied, and wherever the run ends before its end everything is as before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from stage import HERE, Stage, left, shop

from underway.cluster.applied import APPLIED
from underway.cluster.model import Ref
from underway.cluster.notes import lease_of, notes_of
from underway.engine.events import Change, Event, StepEnded
from underway.engine.locating import located
from underway.playbook.load import load
from underway.playbook.models import Playbook

WEB = Ref("deployment", "shop", "web")
EXTRA = Ref("deployment", "shop", "extra")
RESTORE = "restore"


def shipped(name: str, kind: str = "Deployment") -> dict[str, Any]:
    found = yaml.safe_load_all((HERE / "manifests" / "shop.yaml").read_text())
    return next(one for one in found if one["kind"] == kind and one["metadata"]["name"] == name)


def new_web(image: str = "underway/shop:2") -> dict[str, Any]:
    manifest = shipped("web")
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return manifest


def extra(**metadata: Any) -> dict[str, Any]:
    manifest = shipped("cart")
    labels = {"app": "extra"}
    manifest["metadata"] = {"name": "extra", "namespace": "shop", **metadata}
    manifest["spec"] |= {"replicas": 2, "selector": {"matchLabels": labels}}
    manifest["spec"]["template"]["metadata"]["labels"] = labels
    return manifest


SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop"},
    "data": {"color": "blue"},
}


def playbook(folder: Path, *manifests: dict[str, Any], **spec: Any) -> Playbook:
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(manifests, sort_keys=False))
    whole = {
        "apiVersion": "underway.dev/v1alpha1",
        "kind": "Playbook",
        "metadata": {"name": "apply"},
        "spec": {"steps": [{"apply": {"files": ["objects.yaml"]}}], **spec},
    }
    (folder / "playbook.yaml").write_text(yaml.safe_dump(whole))
    return located(load(folder / "playbook.yaml"), "shop")


def as_before(stage: Stage) -> dict[str, Any]:
    """What has to be as before, but for the history: rolling back natively adds a revision, and keeps the other."""
    found = left(stage.cluster.state())
    found["workloads"] = {
        name: (replicas, {key: value for key, value in kept.items() if "revision" not in key}, whole)
        for name, (replicas, kept, whole) in found["workloads"].items()
        if replicas
    }
    return found


def restoring(stage: Stage, loaded: Playbook) -> Any:
    return stage.run(loaded, only_restore=True)


def test_what_is_applied_is_there_and_healthy_and_bears_no_marks(tmp_path: Path) -> None:
    stage = shop()
    receipt = stage.play(stage.run(playbook(tmp_path, SETTINGS, extra(), new_web())))
    assert receipt.outcome == "done", receipt.reason
    state = stage.cluster.state()
    assert state.workloads[EXTRA].available == 2
    assert state.workloads[WEB].template is not None
    assert state.workloads[WEB].template.images["web"] == "underway/shop:2"
    assert not any(APPLIED in found.annotations for found in state.workloads.values())
    assert not list(state.leases.values())


def test_only_what_the_manifest_says_is_changed(tmp_path: Path) -> None:
    manifest = new_web()
    del manifest["spec"]["replicas"]
    stage = shop()
    stage.play(stage.run(playbook(tmp_path, manifest)))
    assert stage.cluster.state().workloads[WEB].replicas == 3


def test_a_deployment_that_rolls_by_itself_is_told_with_the_remedy(tmp_path: Path) -> None:
    stage = shop()
    stage.play(stage.run(playbook(tmp_path, new_web())))
    assert any("web" in told and "rollout" in told for told in stage.cluster.assumptions), stage.cluster.assumptions
    (applying,) = (event for event in stage.events if isinstance(event, Change) and event.action == "apply")
    assert "its own controller rolls them" in applying.says


def test_the_same_once_more_rolls_nothing(tmp_path: Path) -> None:
    stage = shop()
    before = {pod.uid for pod in stage.cluster.state().pods.values()}
    receipt = stage.play(stage.run(playbook(tmp_path, shipped("web"))))
    assert receipt.outcome == "done"
    assert {pod.uid for pod in stage.cluster.state().pods.values()} == before


def test_a_version_that_never_gets_ready_is_put_back(tmp_path: Path) -> None:
    stage = shop()
    before = as_before(stage)
    stage.cluster.kubelets.never_ready = lambda pod: "underway/shop:2" in pod.spec.images
    receipt = stage.play(stage.run(playbook(tmp_path, SETTINGS, new_web())))
    (ended,) = (event for event in stage.events if isinstance(event, StepEnded))
    assert receipt.outcome != "done"
    assert "deployment/shop/web" in ended.reason
    assert receipt.restored
    stage.rest()
    assert as_before(stage) == before
    assert stage.witness.violations == []


def _events(folder: Path) -> list[Event]:
    stage = shop()
    stage.play(stage.run(playbook(folder, SETTINGS, extra(), new_web())))
    return stage.events


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_wherever_it_ends_everything_is_as_before(tmp_path: Path, how: str) -> None:
    total = len(_events(tmp_path))
    assert total > 8
    for last in range(1, total + 1):
        stage = shop()
        before = as_before(stage)
        loaded = playbook(tmp_path, SETTINGS, extra(), new_web())
        run = stage.run(loaded)

        def end(number: int, driving: asyncio.Task[None], run: Any = run, last: int = last) -> None:
            if number == last and how == "stopped":
                run.stop = "interrupted"
            elif number == last:
                driving.cancel()

        stage.play(run, end)
        kept = run.outcome == "done" and how == "stopped"
        if how == "killed":
            state = stage.cluster.state()
            notes = notes_of(state.leases.get(lease_of("r"))).values()
            kept = all(note.state == "kept" for note in notes) if notes else EXTRA in state.workloads
            if lease_of("r") in stage.cluster.state().leases:
                stage.play(restoring(stage, loaded))
        stage.rest()
        now = as_before(stage)
        assert not now["leases"], (last, now["leases"])
        assert stage.witness.violations == []
        if kept:
            assert EXTRA in stage.cluster.state().workloads
        else:
            assert now == before, f"{how} after event {last}: {stage.events[last - 1]}"
