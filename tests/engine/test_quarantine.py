"""A replica in quarantine on the simulated shop: out of traffic, running, its place filled; or back where it was."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from stage import HERE, Stage, left, shop

from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import MARK
from underway.cluster.traffic import in_traffic
from underway.engine.events import PodMoved, PodPlanned, StepEnded
from underway.engine.standing import standings
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.load import load, simulate
from underway.steps import marks
from underway.steps.marks import QUARANTINED
from underway.steps.quarantine import is_expired

BROKEN = {"check": {"gates": [{"service": {"name": "shop/web", "minReady": 9}, "timeout": "1s"}]}}
READY = {"web": 3, "cart": 1}


def pods_of(stage: Stage, app: str) -> list[Pod]:
    """Ready ones that are nobody's but their controller's."""
    found = (pod for pod in stage.cluster.state().pods_in("shop") if pod.owner is not None and pod.ready)
    return sorted((pod for pod in found if pod.labels.get("app") == app), key=lambda pod: pod.name)


def one_of(stage: Stage, app: str) -> Pod:
    return pods_of(stage, app)[0]


def quarantine(pod: Pod, *more: object, **fields: Any) -> Playbook:
    step = {"quarantine": {"pod": f"{pod.namespace}/{pod.name}"} | fields}
    return from_command_line("quarantine", [step, *more])  # type: ignore[list-item]


def selecting(labels: str, *more: object) -> Playbook:
    return from_command_line("quarantine", [{"quarantine": {"select": labels}}, *more])  # type: ignore[list-item]


def assert_out(stage: Stage, before: Pod) -> Pod:
    state = stage.cluster.state()
    kept = state.pod(before.uid)
    assert kept is not None
    assert (kept.phase, kept.deleting, kept.owner) == ("Running", None, None)
    assert not in_traffic(kept, state)
    assert kept.labels[QUARANTINED] == "r"
    assert MARK not in kept.labels
    return kept


@pytest.mark.parametrize("app", ["web", "cart"])
def test_it_is_out_of_traffic_and_runs_on_and_its_place_is_filled(app: str) -> None:
    stage = shop()
    pod = one_of(stage, app)
    receipt = stage.play(stage.run(quarantine(pod, keep="10m")))
    assert receipt.outcome == "done", receipt.reason
    assert (receipt.left_changed, receipt.pods_moved) == ((), 0)
    assert receipt.remarks == (f"step 1: {pod.ref} out of traffic and running",)
    assert stage.witness.violations == []
    stage.rest()
    kept = assert_out(stage, pod)
    assert len(pods_of(stage, app)) == READY[app]
    assert kept.annotations["underway.dev/why"] == "step 1"
    assert left(stage.cluster.state())["budgets"] == stage.before["budgets"]
    now = stage.cluster.now()
    assert [is_expired(kept, now + timedelta(minutes=later)) for later in (5, 11)] == [False, True]


def test_one_that_others_can_stand_in_for_leaves_at_once_and_the_last_endpoint_only_when_it_is_replaced() -> None:
    for app, waits in (("web", False), ("cart", True)):
        stage = shop()
        pod = one_of(stage, app)
        stages: list[tuple[float, str]] = []
        began = stage.cluster.now()

        def note(_: Any, new: Pod | None, stage: Stage = stage, pod: Pod = pod, began: Any = began) -> None:
            if new is not None and new.uid == pod.uid and marks.stage(new):
                stages.append(((stage.cluster.now() - began).total_seconds(), marks.stage(new)))  # noqa: B023

        stage.cluster.watch(Pod, note)
        stage.play(stage.run(quarantine(pod)))
        out = next(at for at, found in stages if found == "quarantined")
        assert (out > 5) is waits
        assert ("replaced" in [found for _, found in stages]) is waits


def test_the_plan_names_the_pod_and_what_becomes_of_it() -> None:
    stage = shop()
    stage.play(stage.run(selecting("app=web")))
    planned = [event for event in stage.events if isinstance(event, PodPlanned)]
    assert [event.verdict for event in planned] == ["wait"] * 3
    told = "quarantine: out of traffic, kept running; its controller makes another; kept until a person deletes it"
    assert planned[0].reason == told


def test_all_that_a_selector_finds_are_replaced_within_their_budget() -> None:
    stage = shop()
    before = pods_of(stage, "web")
    receipt = stage.play(stage.run(selecting("app=web")))
    assert receipt.outcome == "done", receipt.reason
    assert stage.witness.violations == []
    stage.rest()
    for pod in before:
        assert_out(stage, pod)
    assert len(pods_of(stage, "web")) == 3
    # they are not found once more
    again = stage.blockers(selecting(QUARANTINED))
    assert [found.reason for found in again] == ["no running pod is selected"]


def test_a_pod_of_a_daemon_set_is_replaced_on_its_node() -> None:
    stage = shop()
    pod = one_of(stage, "agent")
    receipt = stage.play(stage.run(quarantine(pod)))
    assert receipt.outcome == "done", receipt.reason
    stage.rest()
    assert_out(stage, pod)
    assert len(pods_of(stage, "agent")) == 3


@pytest.mark.parametrize("playbook", ["one", "all"])
@pytest.mark.parametrize("app", ["web", "cart"])
def test_a_run_that_fails_afterwards_gives_it_back_its_place_without_stopping_one_that_serves(
    app: str, playbook: str
) -> None:
    stage = shop()
    before = pods_of(stage, app)
    asked = quarantine(before[0], BROKEN) if playbook == "one" else selecting(f"app={app}", BROKEN)
    receipt = stage.play(stage.run(asked))
    assert receipt.outcome in ("failed", "inconclusive")
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
    assert {pod.uid for pod in pods_of(stage, app)} == {pod.uid for pod in before}
    # each that had taken a place has left by handoff, none was removed as a surplus one
    moved = [event.how for event in stage.events if isinstance(event, PodMoved)]
    assert moved == ["handedOff"] * (1 if playbook == "one" else len(before))
    (said,) = receipt.remarks or ()
    assert said.startswith("before everything was put back, step 1: pod/shop/")


def test_a_replacement_that_will_not_do_ends_the_step_at_once_and_the_pod_is_back() -> None:
    stage = shop()
    pod = one_of(stage, "cart")
    stage.cluster.kubelets.never_ready = lambda found: found.labels.get("app") == "cart" and found.uid != pod.uid
    receipt = stage.play(stage.run(quarantine(pod)))
    assert receipt.outcome == "failed"
    assert "was to take the place, will not do: not Ready within" in receipt.reason
    assert receipt.duration_seconds < 90
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
    assert [found.uid for found in pods_of(stage, "cart")] == [pod.uid]


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("app", ["web", "cart"])
@pytest.mark.parametrize("number", range(1, 11))
def test_stopped_or_killed_after_any_event_it_is_back(number: int, app: str, how: str) -> None:
    stage = shop()
    run = stage.run(selecting(f"app={app}", {"soak": {"for": "2s"}}))
    receipt = stage.cut_short(run, number, how)
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    if receipt.outcome == "interrupted" or how == "killed":
        assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize("number", range(8, 24))
def test_killed_anywhere_in_its_undo_another_process_brings_it_back(number: int) -> None:
    stage = shop()
    before = pods_of(stage, "web")

    def kill(count: int, driving: asyncio.Task[None]) -> None:
        if count == number:
            driving.cancel()

    stage.play(stage.run(selecting("app=web", BROKEN)), kill)
    receipt = stage.play(stage.run(quarantine(before[0]), only_restore=True))
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
    assert {pod.uid for pod in pods_of(stage, "web")} == {pod.uid for pod in before}


def test_afterwards_it_is_a_persons_and_status_tells_of_it() -> None:
    stage = shop()
    pod = one_of(stage, "web")
    stage.play(stage.run(quarantine(pod, keep="10m")))
    standing = standings(stage.cluster.state(), stage.cluster.now())["r"]
    assert not standing.unfinished
    ((ref, told),) = standing.changed
    assert ref == pod.ref
    assert told.startswith("in quarantine since ")
    assert "(step 1), kept until 20" in told
    # another run leaves it alone: a node that is to be emptied has to be asked for by a person
    receipt = stage.play(stage.run(quarantine(one_of(stage, "web")), only_restore=True))
    assert receipt.outcome == "done"
    assert_out(stage, pod)
    drain = from_command_line("drain", [{"nodes": {"select": {"names": [pod.node]}}}])
    assert "run r has put it in quarantine for a look at it" in [found.reason for found in stage.blockers(drain)]


def changed(ref: Ref, **changes: Any) -> Stage:
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    found = loaded.objects[ref]
    assert isinstance(found, Workload)
    spec = changes.pop("spec", {})
    assert found.template is not None
    template = msgspec.structs.replace(found.template, spec=msgspec.structs.replace(found.template.spec, **spec))
    loaded.objects[ref] = msgspec.structs.replace(found, template=template, **changes)
    return Stage(simulate(loaded), dict(loaded.services()))


def test_what_nothing_would_replace_is_in_the_way() -> None:
    web = Ref("deployment", "shop", "web")
    for stage, app, reason in (
        (shop(), "db", "its StatefulSet cannot replace it while it runs"),
        (shop(), "import", "its Job cannot replace it while it runs"),
        (changed(web, strategy="Recreate"), "web", "its Deployment never runs two at once (strategy Recreate)"),
        (changed(web, spec={"requests": {"cpu": 1500}}), "web", "there is no room for another one: 0/4 nodes"),
    ):
        (found,) = stage.blockers(quarantine(one_of(stage, app)))
        assert found.reason.startswith(reason)
    nobody = Pod(uid="x", namespace="shop", name="nobody")
    assert [found.reason for found in shop().blockers(quarantine(nobody))] == ["there is no such pod"]


def test_under_a_budget_that_all_its_pods_do_not_meet_only_what_is_not_ready_goes() -> None:
    stage = changed(Ref("deployment", "shop", "web"), replicas=1)
    pod = one_of(stage, "web")
    (found,) = stage.blockers(quarantine(pod))
    needs = "poddisruptionbudget/shop/web is not met even now: it needs 2 healthy pods and covers 1"
    assert (found.reason, found.remedy) == (needs, "add replicas, or loosen poddisruptionbudget/shop/web")
    # the same words as of a node that is to be emptied
    drained = from_command_line("drain", [{"nodes": {"select": {"names": [pod.node]}, "drain": {}}}])
    assert needs in [one.reason for one in stage.blockers(drained) if one.object == str(pod.ref)]
    stage.cluster._world.put(  # noqa: SLF001 - its probe fails
        msgspec.structs.replace(pod, ready=False, ready_since=None)
    )
    assert stage.blockers(quarantine(pod)) == ()


def test_the_step_says_what_it_has_done() -> None:
    stage = shop()
    pod = one_of(stage, "web")
    stage.play(stage.run(quarantine(pod)))
    ended = [event.reason for event in stage.events if isinstance(event, StepEnded)]
    assert ended == [f"{pod.ref} out of traffic and running"]
