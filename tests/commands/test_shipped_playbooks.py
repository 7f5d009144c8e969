"""Every playbook that is shipped is fit for the shop that is shipped: no cluster is needed to see it through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invoke import HERE, underway

from underway.playbook.load import load

PLAYBOOKS = sorted((HERE / "playbooks").glob("*.yaml"), key=lambda path: path.name)
SHOP = ("--cluster", "kind-config.yaml", "--cluster", "manifests/")


def played(path: Path, *arguments: str) -> tuple[int, dict[str, object], str]:
    """How a rehearsal ended: its exit status, its receipt, and what it said."""
    ended = underway("rehearse", str(path), *SHOP, "-o", "json", *arguments)
    return ended.status, json.loads(ended.out.splitlines()[-1]), ended.err


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_it_comes_to_its_end_and_nothing_is_lost(path: Path) -> None:
    status, receipt, said = played(path)
    assert status == 0, said
    assert receipt["outcome"] == "done"
    assert receipt["leftChanged"] == []
    probes = receipt["probes"]
    assert isinstance(probes, list)
    assert probes
    assert [probe["lost"] for probe in probes] == [0] * len(probes)


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_it_is_named_as_its_file_and_says_what_it_and_its_variables_are_for(path: Path) -> None:
    playbook = load(path)
    assert playbook.metadata.name == path.stem
    assert playbook.metadata.description
    assert all(variable.description for variable in playbook.spec.vars.values())
    assert f"underway rehearse playbooks/{path.name} --cluster kind-config.yaml" in path.read_text()


def test_an_upgrade_in_thought_leaves_the_nodes_with_the_version_asked_for_and_says_that_it_is_assumed() -> None:
    path = HERE / "playbooks" / "upgrade-workers.yaml"
    status, receipt, said = played(path, "--set", "version=v1.33.13")
    assert status == 0, said
    details = receipt["nodeDetails"]
    assert isinstance(details, list)
    assert {node["reason"] for node in details} == {"kubelet was unknown, is v1.33.13"}
    planned = underway("plan", str(path), *SHOP, "--set", "version=v1.33.13")
    assert "leaves kubelet v1.33.13 on its node" in planned.out


@pytest.mark.parametrize("zone", ["zone-a", "zone-b"])
def test_a_zone_is_emptied_at_once(zone: str) -> None:
    planned = underway(
        "plan", str(HERE / "playbooks" / "drain-zone.yaml"), *SHOP, "--set", f"zone={zone}", "-o", "json"
    )
    nodes = {"zone-a": ["underway-worker"], "zone-b": ["underway-worker2", "underway-worker3"]}[zone]
    assert [sorted(wave["nodes"]) for wave in json.loads(planned.out)["waves"]] == [nodes]
