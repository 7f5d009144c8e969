"""StatefulSets and DaemonSets to another version on the simulated shop: pod by pod, and undone as they were."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from in_place_scene import AGENT, BAD, DB, NEW, OLD, pods, release, scene, workload
from stage import Stage, left

from underway.cluster.actions import RECORD, RestoreTemplate
from underway.cluster.model import Pod, Ref
from underway.engine.events import PodPlanned, WorkloadChanged
from underway.playbook.load import from_command_line
from underway.units import Share

WAYS: dict[str, tuple[Ref, dict[str, Any]]] = {
    "partition": (DB, {}),
    "parallel": (DB, {"parallel": True}),
    "members on delete": (DB, {"strategy": "OnDelete"}),
    "nodes on delete": (AGENT, {"strategy": "OnDelete"}),
    "rolling": (AGENT, {}),
}
EVENTS = range(1, 27)


def images(stage: Stage, ref: Ref) -> list[str]:
    return [pod.spec.images[0] for pod in pods(stage, ref)]


class Away:
    """How many of a workload's pods were away at once, at most, and how many of its image were there at most."""

    def __init__(self, stage: Stage, ref: Ref, image: str = NEW) -> None:
        self.most = self.made = 0
        self._stage, self._ref, self._image = stage, ref, image
        self._whole = workload(stage, ref).replicas
        stage.cluster.watch(Pod, lambda _, __: self._look())

    def _look(self) -> None:
        found = pods(self._stage, self._ref)
        self.most = max(self.most, self._whole - sum(pod.ready and pod.deleting is None for pod in found))
        self.made = max(self.made, sum(self._image in pod.spec.images for pod in found))


def assert_as_before(stage: Stage, ref: Ref) -> None:
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
    found = workload(stage, ref)
    assert found.template is not None
    assert set(found.template.images.values()) == {OLD}
    assert found.partition == 0
    assert set(images(stage, ref)) == {OLD}


@pytest.mark.parametrize("way", WAYS)
def test_every_pod_becomes_new_and_never_two_are_away(way: str) -> None:
    ref, changes = WAYS[way]
    stage = scene(ref, **changes)
    away = Away(stage, ref)
    receipt = stage.play(stage.run(release(ref)))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.pods_moved == 3
    assert stage.witness.violations == []
    assert away.most == 1
    stage.rest()
    assert images(stage, ref) == [NEW] * 3
    assert left(stage.cluster.state()) == stage.before
    assert workload(stage, ref).partition == 0
    assert [found.outcome for found in receipt.workloads] == ["done"]


@pytest.mark.parametrize("way", WAYS)
def test_a_bad_version_is_stopped_at_its_first_pod_and_undone(way: str) -> None:
    ref, changes = WAYS[way]
    stage = scene(ref, **changes)
    away = Away(stage, ref, BAD)
    receipt = stage.play(stage.run(release(ref, BAD)))
    assert receipt.outcome == "failed"
    assert "not Ready within" in receipt.reason
    assert receipt.left_changed == ()
    assert away.most == away.made == 1
    assert receipt.pods_moved in (1, 2)
    assert stage.witness.violations == []
    assert_as_before(stage, ref)
    assert receipt.duration_seconds < 60


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", EVENTS)
def test_stopped_after_any_event_the_old_version_is_back(number: int, way: str) -> None:
    ref, changes = WAYS[way]
    stage = scene(ref, **changes)
    away, run = Away(stage, ref), stage.run(release(ref))

    def stop(count: int, _: asyncio.Task[None]) -> None:
        if count == number:
            run.stop = "interrupted"

    receipt = stage.play(run, stop)
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    assert away.most <= 1
    if receipt.outcome != "done":
        assert_as_before(stage, ref)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("image", "number"), [*((NEW, number) for number in EVENTS), *((BAD, number) for number in range(2, 20, 3))]
)
def test_killed_after_any_event_another_process_brings_the_old_version_back(number: int, image: str, way: str) -> None:
    ref, changes = WAYS[way]
    stage = scene(ref, **changes)
    away = Away(stage, ref)

    def kill(count: int, driving: asyncio.Task[None]) -> None:
        if count == number:
            driving.cancel()

    stage.play(stage.run(release(ref, image)), kill)
    receipt = stage.play(stage.run(release(ref, image), only_restore=True))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    assert away.most <= 1
    if image == BAD or workload(stage, ref).template.images[ref.name] == OLD:  # type: ignore[union-attr]
        assert_as_before(stage, ref)


def test_a_complete_rollout_is_undone_when_a_later_step_fails() -> None:
    for ref, changes in WAYS.values():
        stage = scene(ref, **changes)
        away = Away(stage, ref)
        cart = {"workload": "deployment/shop/cart", "images": {"cart": BAD}}
        steps = [{"rollout": {"workload": str(ref), "images": {ref.name: NEW}}}, {"rollout": cart}]
        receipt = stage.play(stage.run(from_command_line("release", steps)))
        assert receipt.outcome == "failed"
        assert receipt.left_changed == ()
        assert away.made == 3
        assert away.most == 1
        assert set(images(stage, ref)) == {OLD}
        assert workload(stage, ref).partition == 0
        assert not any(key.startswith("underway.dev/run") for key in workload(stage, ref).annotations)


def test_a_partition_of_somebody_else_is_kept_and_leaves_the_members_below_it() -> None:
    stage = scene(DB, partition=1)
    receipt = stage.play(stage.run(release(DB)))
    assert receipt.outcome == "done", receipt.reason
    stage.rest()
    assert images(stage, DB) == [OLD, NEW, NEW]
    assert workload(stage, DB).partition == 1


def test_it_is_waited_for_soak_after_each_batch() -> None:
    took = {}
    for fields in ({}, {"soak": "60s"}, {"soak": "60s", "batch": 2}):
        stage = scene(DB)
        receipt = stage.play(stage.run(release(DB, **fields)))
        assert receipt.outcome == "done"
        took[str(fields)] = receipt.duration_seconds
    none, each, pairs = took.values()
    assert 175 < each - none < 185
    assert 115 < pairs - none < 125


def test_a_daemon_set_of_on_delete_is_replaced_in_batches() -> None:
    stage = scene(AGENT, strategy="OnDelete")
    away = Away(stage, AGENT)
    receipt = stage.play(stage.run(release(AGENT, batch=2)))
    assert receipt.outcome == "done"
    assert away.most == 2
    assert images(stage, AGENT) == [NEW] * 3


def test_a_budget_that_tightens_holds_the_next_member() -> None:
    stage = scene(DB)
    run = stage.run(release(DB))
    seen = []

    def tighten(_: int, __: asyncio.Task[None]) -> None:
        changed = [event for event in stage.events if isinstance(event, WorkloadChanged)]
        if changed and not seen:
            seen.append(changed)
            (budget,) = (one for one in stage.cluster.state().budgets() if one.name == "db")
            stage.cluster._world.put(  # noqa: SLF001 - somebody else's write
                msgspec.structs.replace(budget, max_unavailable=Share(0), generation=budget.generation + 1)
            )

    receipt = stage.play(run, tighten)
    assert receipt.outcome == "timedOut"
    assert images(stage, DB) == [OLD] * 3


def test_the_plan_lists_every_pod_with_its_way() -> None:
    stage = scene(DB)
    stage.play(stage.run(release(DB)))
    planned = [event for event in stage.events if isinstance(event, PodPlanned)]
    assert [(event.pod, event.verdict) for event in planned] == [
        ("db-2", "evict"),
        ("db-1", "evict"),
        ("db-0", "evict"),
    ]
    assert planned[0].reason == "one member after another, the highest first, by partition"


@pytest.mark.parametrize("number", EVENTS)
def test_whoever_puts_the_template_back_in_the_middle_does_no_harm(number: int) -> None:
    stage = scene(DB)
    away, tasks = Away(stage, DB), []

    def meddle(count: int, _: asyncio.Task[None]) -> None:
        found = workload(stage, DB)
        if count == number and RECORD in found.annotations:
            again = RestoreTemplate(found.ref, found.uid, says="somebody applies the manifest again")
            tasks.append(asyncio.ensure_future(stage.cluster.perform(again)))

    receipt = stage.play(stage.run(release(DB)), meddle)
    assert receipt.left_changed == ()
    assert away.most <= 1
    if receipt.outcome != "done":
        assert "somebody else" in receipt.reason
        assert_as_before(stage, DB)


def test_what_is_there_already_is_left_alone() -> None:
    stage = scene(DB)
    receipt = stage.play(stage.run(release(DB, OLD)))
    assert receipt.outcome == "done"
    assert receipt.pods_moved == 0
    same_env = from_command_line("release", [{"rollout": {"workload": str(DB), "env": {"A": "1"}, "restart": True}}])
    assert stage.play(stage.run(same_env)).pods_moved == 3
