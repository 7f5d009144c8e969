"""A Deployment whose own rolling update takes pods away before others serve: what that would break is told before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from in_place_scene import NEW, OLD, release
from stage import HERE, Stage

from underway.cluster.model import Budget, Ref, Workload
from underway.cluster.objects import Quota
from underway.simulated.load import load, simulate
from underway.units import Share

WEB, BUDGET = Ref("deployment", "shop", "web"), Ref("poddisruptionbudget", "shop", "web")
QUARTER, HALF, ALL = Share(25, percent=True), Share(50, percent=True), Share(100, percent=True)
RECREATE: dict[str, Any] = {"strategy": "Recreate"}
AWAY_FIRST: dict[str, Any] = {"max_surge": Share(0), "max_unavailable": Share(1)}
GAP = "service/shop/web has no other endpoint than these 3 pods, which go at once"
ACCEPT = "or accept the gap with strategy native"
LOOSEN = f"or loosen {BUDGET}"


def scene(*, at_least: Share | None = None, full: bool = False, **changes: Any) -> Stage:
    """The shipped shop with `web` changed; no budget of it but what is asked for; `full`: a quota that is used up."""
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    web, budget = loaded.objects[WEB], loaded.objects.pop(BUDGET)
    assert isinstance(web, Workload)
    assert isinstance(budget, Budget)
    loaded.objects[WEB] = msgspec.structs.replace(web, **changes)
    if at_least is not None:
        loaded.objects[BUDGET] = msgspec.structs.replace(budget, min_available=at_least, max_unavailable=None)
    if full:
        quota = Quota(uid="q", namespace="shop", name="small", hard={"pods": 0}, resource_version="1")
        there = len(simulate(loaded).state().pods_in("shop"))
        loaded.objects[quota.ref] = msgspec.structs.replace(quota, hard={"pods": there})
    return Stage(simulate(loaded), dict(loaded.services()))


def told(stage: Stage, **fields: Any) -> list[tuple[str, str]]:
    return [(found.reason, found.remedy) for found in stage.blockers(release(WEB, **fields))]


def test_all_pods_at_once_would_leave_the_service_without_an_endpoint() -> None:
    assert told(scene(**RECREATE)) == [(GAP, f"give the Deployment strategy RollingUpdate, {ACCEPT}")]


def test_the_gap_of_the_service_can_be_accepted_that_of_the_budget_cannot() -> None:
    assert told(scene(**RECREATE), strategy="native") == []
    stage = scene(at_least=Share(2), **RECREATE)
    over = f"{BUDGET} allows 1 to be away (minAvailable: 2), its own update takes 3 at once"
    loosen = (over, f"give the Deployment strategy RollingUpdate, {LOOSEN}")
    assert told(stage, strategy="native") == [loosen]
    assert [reason for reason, _ in told(stage)] == [over, GAP]
    assert stage.play(stage.run(release(WEB))).outcome == "failed"
    assert stage.witness.violations == []


def test_the_only_pod_goes_first_where_there_is_no_room_for_a_second() -> None:
    stage = scene(at_least=Share(1), full=True, replicas=1, **AWAY_FIRST)
    (never, loosen), (gap, accept) = told(stage)
    assert never == f"{BUDGET} can never allow one to go: minAvailable: 1 of 1 pods leaves none that may go"
    assert gap.startswith("service/shop/web has no other endpoint than pod/shop/web-")
    assert loosen == f"raise resourcequota/shop/small, {LOOSEN}"
    assert accept == f"raise resourcequota/shop/small, {ACCEPT}"
    assert told(scene(full=True, replicas=1, **AWAY_FIRST), strategy="native") == []


def test_shares_that_round_to_nothing_take_one_away() -> None:
    none = {"max_surge": Share(0, percent=True), "max_unavailable": QUARTER}
    assert len(told(scene(at_least=Share(3), full=True, **none))) == 1
    assert told(scene(at_least=Share(2), full=True, **none)) == []


@pytest.mark.parametrize(
    ("shares", "at_least", "refused"),
    [
        ({}, Share(3), False),
        ({"max_unavailable": HALF}, Share(2), False),
        ({"max_unavailable": HALF}, HALF, False),
        ({"max_unavailable": HALF}, Share(3), True),
        ({"max_unavailable": Share(2)}, HALF, True),
        ({"max_unavailable": ALL}, None, False),
    ],
)
def test_its_own_rolling_update_takes_no_more_than_the_budget_allows(
    shares: dict[str, Any], at_least: Share | None, *, refused: bool
) -> None:
    stage = scene(at_least=at_least, **shares)
    remedies = [remedy for _, remedy in told(stage, strategy="native")]
    assert remedies == ([f"use strategy auto, which hands it over, {LOOSEN}"] if refused else [])
    assert told(stage) == []
    if not refused and at_least is not None:
        assert stage.play(stage.run(release(WEB, strategy="native"))).outcome == "done"
        assert [one for one in stage.witness.violations if "poddisruptionbudget/shop/web " in one] == []


def test_nothing_is_in_the_way_of_a_version_that_is_there_already() -> None:
    assert told(scene(at_least=Share(2), **RECREATE), image=OLD) == []
    assert told(scene(at_least=Share(2), **RECREATE), image=NEW) != []
