"""What stands in the way of a rollout of a StatefulSet or a DaemonSet, told before the first change."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from in_place_scene import AGENT, DB, NEW, REVISION, pods, release, scene, workload

from underway.cluster.actions import PatchWorkload
from underway.cluster.model import Ref
from underway.engine import preflight

REFUSALS: dict[str, tuple[Ref, dict[str, Any], dict[str, Any], str]] = {
    "nothing": (Ref("statefulset", "shop", "nodb"), {}, {}, "there is no such StatefulSet"),
    "container": (DB, {}, {"images": {"cache": NEW}}, "it has no container `cache`"),
    "handoff": (DB, {}, {"strategy": "handoff"}, "cannot be handed over"),
    "another run": (DB, {"annotations": {"underway.dev/run": "other"}}, {}, "run other has left it changed"),
    "batch": (AGENT, {}, {"batch": 2}, "heeds no `batch`"),
    "soak": (AGENT, {}, {"soak": "1s"}, "heeds no `soak`"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_cannot_be_done_is_refused_beforehand(why: str) -> None:
    ref, changes, fields, said = REFUSALS[why]
    stage = scene(ref if ref.name != "nodb" else DB, **changes)
    reasons = [found.reason for found in stage.blockers(release(ref, **fields))]
    assert any(said in reason for reason in reasons), reasons


def test_a_member_that_is_not_ready_is_in_the_way() -> None:
    stage = scene(DB)
    found = pods(stage, DB)[0]
    stage.cluster._world.put(msgspec.structs.replace(found, ready=False, ready_since=None))  # noqa: SLF001
    assert "pod/shop/db-0 is not Ready" in [one.reason for one in stage.blockers(release(DB))]


def test_a_rollout_that_somebody_has_left_in_the_middle_is_in_the_way() -> None:
    stage = scene(DB)
    stage.play(stage.run(release(DB)))
    found = workload(stage, DB)
    old = PatchWorkload(found.ref, found.uid, "somebody holds it", partition=3)
    asyncio.run(stage.cluster.perform(old))
    last = pods(stage, DB)[2]
    stage.cluster._world.put(msgspec.structs.replace(last, labels={**last.labels, REVISION: "db-older"}))  # noqa: SLF001
    asyncio.run(stage.cluster.perform(PatchWorkload(found.ref, found.uid, "and lets go", partition=0)))
    assert any("another rollout" in one.reason for one in stage.blockers(release(DB, "underway/shop:3")))


def test_a_single_member_behind_a_service_is_replaced_only_if_the_gap_is_accepted() -> None:
    stage = scene(DB, replicas=1)
    assert [one.reason for one in stage.blockers(release(DB))] == [
        "service/shop/db has no other endpoint than pod/shop/db-0"
    ]
    assert stage.blockers(release(DB, strategy="native")) == ()
    assert stage.play(stage.run(release(DB, strategy="native"))).outcome == "done"


def test_it_needs_to_read_and_write_the_workload_and_to_evict_its_pods() -> None:
    wanted = {str(need) for need in preflight.needs(release(DB), "default")}
    assert {
        "get statefulsets.apps in namespace shop",
        "patch statefulsets.apps in namespace shop",
        "create pods/eviction in namespace shop",
    } <= wanted
