"""A ResourceQuota that leaves no room for twice the pods: what is chosen, and what it comes to, on the simulation."""

from __future__ import annotations

from typing import Any

import pytest
from stage import HERE, Stage, left, shipped

from underway.cluster.objects import Quota
from underway.engine.events import Change
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.load import load, simulate


def shop(**hard: int) -> Stage:
    """There are 3 of web, 1 of cart, 3 of db, 3 agents and 1 of import: 11 pods."""
    quota = Quota(uid="q", namespace="shop", name="small", hard=hard, resource_version="1")
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    loaded.objects[quota.ref] = quota
    return Stage(simulate(loaded), dict(loaded.services()))


def rollout(**fields: Any) -> Playbook:
    step = {"workload": "deployment/shop/web", "images": {"web": "underway/shop:2"}, **fields}
    guard = {"name": "storefront", "http": {"url": "http://127.0.0.1:30080/", "every": "10ms"}}
    return from_command_line("quota", [{"rollout": step, "during": [guard]}])


@pytest.mark.parametrize(
    ("hard", "said"),
    [
        ({"pods": 14}, "all 3 at once"),
        ({"pods": 13}, "2 of 3 at a time: resourcequota/shop/small allows no more"),
        ({"pods": 12}, "1 of 3 at a time: resourcequota/shop/small allows no more"),
    ],
)
def test_batches_are_made_small_enough_for_it_and_no_request_is_lost(hard: dict[str, int], said: str) -> None:
    stage = shop(**hard)
    receipt = stage.play(stage.run(rollout()))
    assert receipt.outcome == "done", receipt.reason
    assert said in (receipt.remarks or ("",))[0]
    assert [probe.lost for probe in receipt.probes] == [0]
    assert receipt.handed_off == 3
    made = [event.says for event in stage.events if isinstance(event, Change) and event.action == "createReplicaSet"]
    assert made[0] == f"make {said[0] if said[0].isdigit() else 3} of the new version"
    assert stage.witness.violations == []


def test_what_pods_request_counts_too() -> None:
    used = sum(pod.spec.requests["cpu"] for pod in shop(pods=99).cluster.state().pods_in("shop") if not pod.finished)
    receipt = (stage := shop(cpu=used + 20)).play(stage.run(rollout()))
    assert "1 of 3 at a time" in (receipt.remarks or ("",))[0]


def test_where_it_allows_none_and_its_rolling_update_takes_none_away_first_that_is_said_beforehand() -> None:
    (blocker,) = shop(pods=11).blockers(rollout())
    assert blocker.reason == (
        "resourcequota/shop/small allows no more, not for one more pod, and its rolling update takes none away first"
        " (maxUnavailable 0)"
    )
    (blocker,) = shop(pods=13).blockers(rollout(strategy="handoff"))
    assert blocker.reason == "resourcequota/shop/small allows no more: there is room for 2 more pods, 3 are needed"


def test_more_replicas_than_it_allows_are_in_the_way() -> None:
    stage = shop(pods=12)
    scale = from_command_line("more", [{"scale": {"workload": "deployment/shop/web", "by": 2}}])
    (blocker,) = stage.blockers(scale)
    assert (blocker.reason, blocker.remedy) == (
        "there is room for 1 more pods, 2 are needed",
        "raise resourcequota/shop/small",
    )
    receipt = stage.play(stage.run(scale))  # as if the quota had been lowered just now
    assert receipt.outcome == "failed"
    assert "exceeded quota: small" in receipt.reason
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_a_drain_evicts_what_it_allows_no_pod_beside_and_says_where_that_cannot_be() -> None:
    budget, endpoint = shop(pods=11).blockers(shipped("maintain"))
    assert budget.object.startswith("pod/shop/cart-")
    assert budget.object == endpoint.object
    assert budget.reason.startswith("poddisruptionbudget/shop/cart can never allow it")
    assert "resourcequota/shop/small allows no pod beside it" in budget.remedy
    assert "last ready endpoint of service/shop/cart" in endpoint.reason
    assert all(found.remedy.startswith("raise resourcequota/shop/small, or ") for found in (budget, endpoint))


def test_a_drain_with_room_for_one_hands_off_one_after_another() -> None:
    stage = shop(pods=12)
    receipt = stage.play(stage.run(shipped("maintain")))
    assert receipt.outcome == "done", receipt.reason
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
