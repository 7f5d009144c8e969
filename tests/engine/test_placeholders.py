"""Pods of negative priority keep room free for others: they make way, and nobody waits for them."""

from __future__ import annotations

from stage import HERE, Stage, shipped

from underway.cluster.model import Template, Workload
from underway.cluster.podspec import PodSpec
from underway.simulated.load import load, simulate
from underway.units import equality_selector


def filled(priority: int) -> Stage:
    """The shop, and on every worker as many pods as fit beside it."""
    labels = {"app": "placeholder"}
    filler = Workload(
        kind="deployment",
        uid="f",
        namespace="default",
        name="placeholder",
        selector=equality_selector(labels.items()),
        template=Template(labels, PodSpec(requests={"cpu": 20}, priority=priority), "first"),
        replicas=270,
        generation=1,
    )
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    loaded.objects[filler.ref] = filler
    return Stage(simulate(loaded), dict(loaded.services()))


def test_a_node_is_emptied_into_the_room_that_they_keep() -> None:
    stage = filled(-10)
    assert not stage.blockers(shipped("drain"))
    receipt = stage.play(stage.run(shipped("drain")))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.handed_off >= 3
    assert any("of higher priority" in said for said in stage.cluster.assumptions)
    assert stage.witness.violations == []


def test_other_pods_keep_none() -> None:
    assert any("no room" in found.reason for found in filled(0).blockers(shipped("drain")))
