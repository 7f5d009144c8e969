"""A rollout that is undone where one replica had no place before it: as many serve again as when it began."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import node, service, workload
from stage import Stage, but_revisions, left

from underway.cluster.model import Template
from underway.cluster.podspec import PodSpec, PodTerm
from underway.cluster.state import ClusterState
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.cluster import SimulatedCluster
from underway.steps.rollout_marks import HASH
from underway.units import equality_selector

WAYS: dict[str, dict[str, Any]] = {"whole": {}, "batches": {"batch": 1}, "native": {"strategy": "native"}}


def scene() -> Stage:
    """4 replicas of web, of one version never two on a node, on 3 nodes."""
    term = PodTerm(equality_selector([("app", "web")]), "kubernetes.io/hostname", ("shop",), match_keys=(HASH,))
    spec = PodSpec(requests={"cpu": 100}, anti_affinity=(term,))
    web = workload("deployment", "web", 4, template=Template({"app": "web"}, spec, "first", {"web": "web:1"}))
    cluster = SimulatedCluster(ClusterState([*map(node, "abc"), web, service("web")]))
    cluster.settle()
    return Stage(cluster)


def rollout(**fields: Any) -> Playbook:
    step = {"workload": "deployment/shop/web", "images": {"web": "web:2"}, **fields}
    return from_command_line("release", [{"rollout": step}])


def ready(stage: Stage) -> int:
    return sum(pod.ready for pod in stage.cluster.state().pods_in("shop"))


def assert_as_before(stage: Stage) -> None:
    """But for a version in the history that a rolling update has left there."""
    stage.rest()
    now, before = but_revisions(left(stage.cluster.state())), but_revisions(stage.before)
    assert now == before
    pods = stage.cluster.state().pods_in("shop")
    assert [pod.owner is not None for pod in pods] == [True] * 4
    # beside pods that are out of traffic and on their way out, the fourth may have found a place
    assert ready(stage) >= 3


@pytest.mark.parametrize("way", WAYS)
def test_one_that_finds_no_place_for_all_is_put_back_at_once(way: str) -> None:
    stage = scene()
    assert (ready(stage), len(stage.cluster.state().pods_in("shop"))) == (3, 4)
    receipt = stage.play(stage.run(rollout(**WAYS[way])))
    assert (receipt.outcome, receipt.exit_status, receipt.left_changed) == ("timedOut", 5, ()), receipt.reason
    assert stage.witness.violations == []
    assert_as_before(stage)


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", range(2, 14))
def test_cut_short_anywhere_it_is_put_back_from_its_marks(number: int, way: str, how: str) -> None:
    stage = scene()
    receipt = stage.cut_short(stage.run(rollout(**WAYS[way])), number, how)
    assert receipt.left_changed == (), receipt.reason
    assert receipt.exit_status == (0 if how == "killed" else receipt.exit_status)
    assert stage.witness.violations == []
    assert_as_before(stage)
