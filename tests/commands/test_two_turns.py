"""Two steps over the same nodes: plan and receipt tell every turn of every node, and number them alike."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
import yaml
from invoke import Ended, underway

NAMES = {"underway-worker", "underway-worker2"}


@pytest.fixture
def playbook(tmp_path: Path) -> str:
    def step(strategy: str) -> dict[str, Any]:
        return {"nodes": {"select": {"names": sorted(NAMES)}, "drain": {"strategy": strategy}}}

    document = {
        "apiVersion": "underway.dev/v1alpha1",
        "kind": "Playbook",
        "metadata": {"name": "twice"},
        "spec": {"steps": [step("evict"), step("auto")]},
    }
    found = tmp_path / "twice.yaml"
    found.write_text(yaml.safe_dump(document))
    return str(found)


@pytest.fixture
def app(tmp_path: Path) -> tuple[str, ...]:
    """Three workers and one Deployment that anything can be done with."""
    found = tmp_path / "app.yaml"
    found.write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: default}\nspec: {replicas: 3, "
        "selector: {matchLabels: {app: app}}, template: {metadata: {labels: {app: app}}, spec: "
        "{containers: [{name: a, image: a, resources: {requests: {cpu: 500m}}}]}}}\n"
    )
    return ("--cluster", "kind-config.yaml", "--cluster", str(found))


def events(ended: Ended) -> list[Any]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_the_plan_has_every_wave_of_every_step_in_order(playbook: str, app: tuple[str, ...]) -> None:
    plan = json.loads(underway("plan", playbook, *app, "-o", "json").out)
    waves = [wave["nodes"] for wave in plan["waves"]]
    assert len(waves) == 4
    assert {*waves[0], *waves[1]} == {*waves[2], *waves[3]} == NAMES
    told = [(wave, [node["name"] for node in nodes]) for wave, nodes in groupby(plan["nodes"], lambda one: one["wave"])]
    assert told == list(enumerate(waves, 1))
    assert sum(node["moves"] for node in plan["nodes"]) == plan["moves"] > 0
    begins = [node["beginsSeconds"] for node in plan["nodes"]]
    assert begins == sorted(begins)
    first, second = plan["steps"]
    assert begins[1] < second["beginsSeconds"] <= begins[2]
    assert first["beginsSeconds"] <= begins[0]
    lines = underway("plan", playbook, *app).out.splitlines()
    assert "2 nodes in 4 waves" in lines[0]
    assert [line.split()[1] for line in lines if line.startswith("underway-worker")] == ["1", "2", "3", "4"]


def test_a_pod_has_the_strategy_of_the_step_that_moves_it(playbook: str, app: tuple[str, ...]) -> None:
    pods = json.loads(underway("plan", playbook, *app, "-o", "json").out)["pods"]
    asked = {pod["verdict"]: pod["strategy"] for pod in pods}
    assert asked["evict"] == "evict"
    assert asked["skip"] == "auto"


def test_the_receipt_has_the_times_and_the_moves_of_each_turn(
    playbook: str, app: tuple[str, ...], tmp_path: Path
) -> None:
    plan = json.loads(underway("plan", playbook, *app, "-o", "json").out)
    told = events(underway("rehearse", playbook, *app, "-o", "json", "--report", str(tmp_path / "report")))
    receipt = told[-1]
    assert [(node["name"], node["outcome"], node["podsMoved"]) for node in receipt["nodeDetails"]] == [
        (node["name"], "done", node["moves"]) for node in plan["nodes"]
    ]
    for node, foreseen in zip(receipt["nodeDetails"], plan["nodes"], strict=True):
        assert node["durationSeconds"] == pytest.approx(foreseen["endedSeconds"] - foreseen["beginsSeconds"], abs=0.5)
    assert set(receipt["nodes"]) == NAMES
    assert len(receipt["nodes"]) == 2
    text = next((tmp_path / "report").glob("*.txt")).read_text()
    assert "2 nodes maintained" in text
    cases = fromstring(next((tmp_path / "report").glob("*.xml")).read_text()).iter("testcase")
    names = [case.attrib["name"] for case in cases if case.attrib["classname"] == "underway.node"]
    assert len(set(names)) == len(names) == 4
