"""A step is judged by what the steps before it will have done, and again by what they have done when its turn comes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from scenes import budget, node, service, workload
from stage import Stage

from underway.cluster.model import Ref
from underway.cluster.objects import Object
from underway.cluster.state import ClusterState
from underway.engine.locating import located
from underway.playbook.load import from_command_line, load
from underway.playbook.models import Playbook
from underway.simulated.cluster import SimulatedCluster
from underway.units import Share

NODES = {"nodes": {"select": {"labels": "kubernetes.io/hostname"}}}
MORE = {"scale": {"workload": "statefulset/shop/db", "by": 1, "restore": "end"}}
DB: tuple[Object, ...] = (workload("statefulset", "db", 1), service("db"))


def staged(*objects: Object) -> Stage:
    cluster = SimulatedCluster(ClusterState([*map(node, "abc"), *objects]))
    cluster.settle()
    return Stage(cluster)


def steps(*each: dict[str, Any]) -> Playbook:
    return from_command_line("x", list(each))


def applying(folder: Path, *manifests: dict[str, Any], then: dict[str, Any]) -> Playbook:
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(manifests))
    kind = {"apiVersion": "underway.dev/v1alpha1", "kind": "Playbook", "metadata": {"name": "x"}}
    file = folder / "playbook.yaml"
    file.write_text(yaml.safe_dump(kind | {"spec": {"steps": [{"apply": {"files": ["objects.yaml"]}}, then]}}))
    return located(load(file), "shop")


def manifest(kind: str, version: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def deployment(name: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "w", "image": "w:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return manifest("Deployment", "apps/v1", name, spec)


@pytest.mark.parametrize("more", [(), (budget("db", min_available=Share(1)),)])
def test_a_replica_that_an_earlier_step_adds_counts_for_services_and_budgets(more: tuple[Object, ...]) -> None:
    assert staged(*DB, *more).blockers(steps(NODES)) != ()
    stage = staged(*DB, *more)
    assert stage.blockers(steps(MORE, NODES)) == ()
    receipt = stage.play(stage.run(steps(MORE, NODES)))
    assert (receipt.outcome, stage.witness.violations) == ("done", [])


def test_a_replica_that_an_earlier_step_takes_away_does_not_count() -> None:
    two = (workload("statefulset", "db", 2), service("db"))
    less = {"scale": {"workload": "statefulset/shop/db", "to": 1}}
    assert staged(*two).blockers(steps(NODES)) == ()
    (blocker,) = staged(*two).blockers(steps(less, NODES))
    assert (blocker.object, "last ready endpoint" in blocker.reason) == ("pod/shop/db-0", True)
    assert staged(*two).blockers(steps(NODES, less)) == ()


def test_a_budget_that_an_earlier_step_applies_counts(tmp_path: Path) -> None:
    strict = manifest(
        "PodDisruptionBudget", "policy/v1", "db", {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "db"}}}
    )
    loose = manifest("PodDisruptionBudget", "policy/v1", "db", strict["spec"] | {"maxUnavailable": 1})
    two = workload("statefulset", "db", 2)
    assert staged(two).blockers(applying(tmp_path, strict, then=NODES)) != ()
    held = budget("db", max_unavailable=Share(0))
    assert staged(two, held).blockers(steps(NODES)) != ()
    assert staged(two, held).blockers(applying(tmp_path, loose, then=NODES)) == ()


def test_what_an_earlier_step_applies_is_there_to_be_rolled_out(tmp_path: Path) -> None:
    rollout = {"rollout": {"workload": "deployment/shop/new", "images": {"w": "w:2"}}}
    playbook = applying(tmp_path, deployment("new", 2), then=rollout)
    stage = staged()
    assert stage.blockers(playbook) == ()
    receipt = stage.play(stage.run(playbook))
    assert receipt.outcome == "done", receipt.reason
    (blocker,) = staged().blockers(steps(rollout))
    assert blocker.reason == "there is no such Deployment"


def test_what_is_in_the_way_at_a_steps_turn_ends_it_before_its_first_change(tmp_path: Path) -> None:
    rollout = {"rollout": {"workload": "deployment/shop/new", "images": {"other": "w:2"}}}
    playbook = applying(tmp_path, deployment("new", 2), then=rollout)
    stage = staged()
    began = stage.cluster.now()
    receipt = stage.play(stage.run(playbook))
    assert receipt.outcome == "failed"
    assert "it has no container `other`" in receipt.reason
    assert stage.cluster.now() - began < timedelta(minutes=5)
    assert Ref("deployment", "shop", "new") not in stage.cluster.state().workloads
