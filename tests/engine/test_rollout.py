"""A Deployment to another version on the simulated shop: nothing is lost, and undone it is as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from stage import Stage, but_revisions, left, shop

from underway.cluster.actions import RECORD, Outcome, RestoreTemplate, RollTemplate
from underway.cluster.model import Ref
from underway.engine.events import Change, PodMoved, StepEnded
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook

REVISION = "deployment.kubernetes.io/revision"

WEB_REF = Ref("deployment", "shop", "web")
WEB = {"workload": "deployment/shop/web", "images": {"web": "underway/shop:2"}}


def rollout(**fields: Any) -> Playbook:
    storefront = {"url": "http://127.0.0.1:30080/", "every": "50ms", "timeout": "2s", "lost": 0}
    step: dict[str, Any] = {"rollout": WEB | fields}
    if fields.get("strategy") != "native":  # which loses requests, since the shop's pods exit at once
        step["during"] = [{"name": "storefront", "http": storefront}]
    return from_command_line("release", [step])


def image(stage: Stage) -> str:
    found = next(one for one in stage.cluster.state().workloads.values() if str(one.ref) == "deployment/shop/web")
    assert found.template is not None
    return found.template.images["web"]


def test_the_new_version_serves_alone_and_nothing_is_lost() -> None:
    stage = shop()
    receipt = stage.play(stage.run(rollout()))
    assert receipt.outcome == "done", receipt.reason
    assert [probe.lost for probe in receipt.probes] == [0]
    assert stage.witness.violations == []
    stage.rest()
    assert image(stage) == "underway/shop:2"
    moved = [event for event in stage.events if isinstance(event, PodMoved)]
    assert [event.how for event in moved] == ["handedOff"] * 3


def test_the_pods_that_a_native_rollout_replaces_are_moved() -> None:
    stage = shop()
    receipt = stage.play(stage.run(rollout(strategy="native")))
    assert (receipt.outcome, receipt.pods_moved, receipt.evicted) == ("done", 3, 3)


def test_a_native_rollout_has_not_ended_while_old_pods_are_being_stopped() -> None:
    """What is lost with them would be judged by nobody."""
    stage = shop()
    stopping: list[int] = []

    def look(_: int, __: asyncio.Task[None]) -> None:
        if isinstance(stage.events[-1], StepEnded):
            stopping.append(sum(pod.deleting is not None for pod in stage.cluster.state().pods_in("shop")))

    receipt = stage.play(stage.run(rollout(strategy="native")), look)
    assert (receipt.outcome, stopping) == ("done", [0])


def history(stage: Stage) -> list[tuple[str, int, str]]:
    """The ReplicaSets of web: image, replicas, revision."""
    found = [one for one in stage.cluster.state().workloads.values() if one.kind == "replicaset" and "web" in one.name]
    return sorted(
        (one.template.images["web"] if one.template else "", one.replicas, one.annotations.get(REVISION, ""))
        for one in found
    )


def test_the_replaced_version_is_in_the_history() -> None:
    stage = shop()
    stage.play(stage.run(rollout()))
    stage.rest()
    assert history(stage) == [("underway/shop:1", 0, "1"), ("underway/shop:2", 3, "2")]
    stage.play(stage.run(rollout(images={"web": "underway/shop:3"})))
    stage.rest()
    assert history(stage) == [("underway/shop:1", 0, "1"), ("underway/shop:2", 0, "2"), ("underway/shop:3", 3, "3")]
    # back to a version of the history: it is not there twice
    stage.play(stage.run(rollout(images={"web": "underway/shop:1"})))
    stage.rest()
    assert history(stage) == [("underway/shop:1", 3, "4"), ("underway/shop:2", 0, "2"), ("underway/shop:3", 0, "3")]


def test_in_batches_no_more_than_one_batch_is_added() -> None:
    stage = shop()
    most = 0

    def look(_: int, __: asyncio.Task[None]) -> None:
        nonlocal most
        pods = stage.cluster.state().pods_in("shop")
        most = max(most, sum(pod.name.startswith("web-") and pod.deleting is None for pod in pods))

    receipt = stage.play(stage.run(rollout(batch=1)), look)
    assert receipt.outcome == "done", receipt.reason
    assert [probe.lost for probe in receipt.probes] == [0]
    assert stage.witness.violations == []
    assert most == 4
    stage.rest()
    assert history(stage) == [("underway/shop:1", 0, "1"), ("underway/shop:2", 3, "2")]


def assert_as_before(stage: Stage, way: str) -> None:
    """But for the number of the revision, which grows with what has been there; and after a rolling update, as after
    `kubectl rollout undo`, the version that was rolled back stays in the history.
    """
    now, before = left(stage.cluster.state()), stage.before
    for found in (now, before):
        for name, (replicas, notes, whole) in list(found["workloads"].items()):
            found["workloads"][name] = (replicas, {**notes, REVISION: ""}, whole)
            if way == "native" and name.startswith("replicaset/shop/web-") and not replicas:
                del found["workloads"][name]
    assert now == before


EVENTS = range(1, 22)
WAYS: dict[str, dict[str, Any]] = {"whole": {}, "batches": {"batch": 1}, "native": {"strategy": "native"}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", EVENTS)
def test_stopped_after_any_event_the_old_version_is_back(number: int, way: str) -> None:
    stage = shop()
    run = stage.run(rollout(**WAYS[way]))

    def stop(count: int, _: asyncio.Task[None]) -> None:
        if count == number:
            run.stop = "interrupted"

    receipt = stage.play(run, stop)
    stage.rest()
    if receipt.outcome == "done":
        assert image(stage) == "underway/shop:2"
        return
    assert receipt.outcome == "interrupted"
    assert receipt.left_changed == ()
    if way != "native":
        assert [probe.lost for probe in receipt.probes] in ([], [0])
        assert stage.witness.violations == []
    assert_as_before(stage, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", EVENTS)
def test_killed_after_any_event_another_process_brings_the_old_version_back(number: int, way: str) -> None:
    stage = shop()

    def kill(count: int, driving: asyncio.Task[None]) -> None:
        if count == number:
            driving.cancel()

    stage.play(stage.run(rollout(**WAYS[way])), kill)
    receipt = stage.play(stage.run(rollout(), only_restore=True))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.left_changed == ()
    if way != "native":
        assert stage.witness.violations == []
    stage.rest()
    if image(stage) == "underway/shop:1":
        assert_as_before(stage, way)


def test_undone_every_earlier_revision_is_in_the_history_again() -> None:
    stage = shop()
    for version in ("2", "3", "4"):
        stage.play(stage.run(rollout(images={"web": f"underway/shop:{version}"})))
    stage.rest()
    stage.before, revisions = left(stage.cluster.state()), history(stage)
    run = stage.run(rollout(images={"web": "underway/shop:5"}))

    def stop(_: int, __: asyncio.Task[None]) -> None:
        if any(isinstance(event, Change) and "withdraw" in event.says for event in stage.events[-3:]):
            run.stop = "interrupted"

    receipt = stage.play(run, stop)
    assert receipt.outcome == "interrupted"
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
    assert history(stage) == revisions


@pytest.mark.parametrize("number", EVENTS)
def test_whoever_puts_the_template_back_in_the_middle_does_no_harm(number: int) -> None:
    stage = shop()
    tasks = []

    def meddle(count: int, _: asyncio.Task[None]) -> None:
        found = stage.cluster.state().workloads[WEB_REF]
        if count == number and RECORD in found.annotations:
            again = RestoreTemplate(found.ref, found.uid, says="somebody applies the manifest again")
            tasks.append(asyncio.ensure_future(stage.cluster.perform(again)))

    receipt = stage.play(stage.run(rollout()), meddle)
    stage.rest()
    assert receipt.left_changed == ()
    assert [probe.lost for probe in receipt.probes] == [0]
    assert stage.witness.violations == []
    pods = stage.cluster.state().pods_in("shop")
    assert [pod.name for pod in pods if pod.owner is None] == []
    assert sum(pod.name.startswith("web-") for pod in pods) == 3
    if receipt.outcome == "done":
        assert not tasks or number > 10
    else:
        assert_as_before(stage, "whole")


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("number", EVENTS)
def test_to_a_version_of_the_history_and_back_leaves_the_history_and_no_pod_behind(number: int, how: str) -> None:
    stage = shop()
    for version in ("2", "1"):
        stage.play(stage.run(rollout(images={"web": f"underway/shop:{version}"})))
    stage.rest()
    stage.before, revisions, stage.events = left(stage.cluster.state()), history(stage), []
    run = stage.run(rollout())
    receipt = stage.cut_short(run, number, how)
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    pods = stage.cluster.state().pods_in("shop")
    assert [pod.name for pod in pods if pod.owner is None] == []
    assert sum(pod.name.startswith("web-") for pod in pods) == 3
    if image(stage) == "underway/shop:1":
        assert [found[:2] for found in history(stage)] == [found[:2] for found in revisions]


def test_a_later_step_that_fails_has_the_history_put_back_too() -> None:
    """The version rolled out was in the history: its ReplicaSet there stays aside until the run cannot be undone."""
    stage = shop()
    for version in ("2", "1"):
        stage.play(stage.run(rollout(images={"web": f"underway/shop:{version}"})))
    stage.rest()
    before = but_revisions(left(stage.cluster.state())), [found[:2] for found in history(stage)]
    never = {"check": {"gates": [{"service": {"name": "shop/web", "minReady": 9}, "timeout": "1s"}]}}
    receipt = stage.play(stage.run(from_command_line("release", [{"rollout": WEB}, never])))
    assert (receipt.outcome, receipt.left_changed) == ("failed", ())
    stage.rest()
    assert (but_revisions(left(stage.cluster.state())), [found[:2] for found in history(stage)]) == before


def test_a_version_that_is_replaced_before_the_end_of_the_run_is_in_the_history_once() -> None:
    stage = shop()
    for version in ("2", "1"):
        stage.play(stage.run(rollout(images={"web": f"underway/shop:{version}"})))
    stage.rest()
    steps = [{"rollout": WEB}, {"soak": {"for": "60s"}}]

    def somebody_else(_: int, __: asyncio.Task[None]) -> None:
        found = stage.cluster.state().workloads[WEB_REF]
        if found.annotations.get("underway.dev/phase") == "rolled" and image(stage).endswith(":2"):
            images = {"web": "underway/shop:3"}
            roll = RollTemplate(found.ref, found.uid, found.generation, "third", images=images)
            telling.append(asyncio.ensure_future(stage.cluster.perform(roll)))

    telling: list[asyncio.Task[Outcome]] = []
    stage.play(stage.run(from_command_line("release", steps)), somebody_else)
    stage.rest()
    assert telling
    assert [found[0] for found in history(stage)] == [f"underway/shop:{version}" for version in "123"]
