"""Whatever ends a run early: its outcome, its exit status, and that all is put back, or left where `stop` says so."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import stage as stages
import yaml
from stage import HERE, Stage, left, shop

from underway.commands.simulated_run import SimulatedMeasuring
from underway.engine.events import Change, NodeChanged, Receipt
from underway.gates.http import HttpCount
from underway.playbook.load import load_text
from underway.playbook.models import Playbook
from underway.simulated.faults import NeverReady
from underway.simulated.load import load, simulate
from underway.simulated.settings import Settings

DB_IS_WHOLE = {"name": "db is whole", "workload": {"name": "statefulset/shop/db", "ready": "all"}}
NEWER = {"node": {"kubeletVersion": "v9.9.9"}, "timeout": "5s"}
STOREFRONT = {"name": "storefront", "http": {"url": "http://127.0.0.1:30080/", "every": "50ms"}}
WEB_NEVER_READY = NeverReady("shop", "web", timedelta(seconds=5))
DB_NEVER_READY = NeverReady("shop", "db", timedelta(seconds=5))


def playbook(step: dict[str, Any] | None = None, nodes: dict[str, Any] | None = None, **spec: Any) -> Playbook:
    """Empty the workers, one after another; with more in the step, in its verb, or in the playbook."""
    verb = {"select": {"labels": "!node-role.kubernetes.io/control-plane"}, "drain": {"settle": "3s"}} | (nodes or {})
    asked = {
        "apiVersion": "underway.dev/v1alpha1",
        "kind": "Playbook",
        "metadata": {"name": "guards"},
        "spec": {"steps": [{"nodes": verb} | (step or {})]} | spec,
    }
    return load_text(yaml.safe_dump(asked).encode(), "guards")


def ended(stage: Stage, asked: Playbook) -> Receipt:
    """The receipt of a run in which nothing was broken, however it ended."""
    assert stage.blockers(asked) == ()
    receipt = stage.play(stage.run(asked))
    assert stage.witness.violations == []
    assert [probe.lost for probe in receipt.probes] == [0] * len(receipt.probes)
    return receipt


def all_is_as_before(stage: Stage, receipt: Receipt) -> bool:
    stage.rest()
    return receipt.left_changed == () and receipt.restored and left(stage.cluster.state()) == stage.before


def changes(stage: Stage) -> list[Change]:
    return [event for event in stage.events if isinstance(event, Change)]


# -- guards ------------------------------------------------------------------------------------------------------


def test_a_guard_that_does_not_hold_beforehand_refuses_and_nothing_is_changed() -> None:
    stage = shop()
    receipt = ended(stage, playbook(guards=[{"name": "crowd", "service": {"name": "shop/web", "minReady": 9}}]))
    assert (receipt.outcome, receipt.exit_status) == ("refused", 4)
    assert [blocker.object for blocker in receipt.blockers] == ["gate/crowd"]
    assert [change.action for change in changes(stage)] == ["putLease", "deleteLease"]
    assert all_is_as_before(stage, receipt)


@pytest.mark.parametrize("asked", [playbook(guards=[DB_IS_WHOLE]), playbook({"during": [DB_IS_WHOLE]})])
def test_a_guard_or_during_that_fails_on_the_way_has_everything_put_back(asked: Playbook) -> None:
    stage = shop()
    receipt = ended(stage, asked)
    assert (receipt.outcome, receipt.exit_status) == ("failed", 5)
    assert "gate db is whole" in receipt.reason
    assert [change.object for change in changes(stage) if change.action == "evict"] != []
    assert all_is_as_before(stage, receipt)


def test_a_guard_may_fail_as_often_as_it_is_allowed_to() -> None:
    stage = shop()
    receipt = ended(stage, playbook(guards=[DB_IS_WHOLE | {"failures": 99}]))
    assert (receipt.outcome, receipt.exit_status) == ("done", 0)
    assert all_is_as_before(stage, receipt)


class FallsSilent(SimulatedMeasuring):
    """Measures until something has been changed for a while, and then no more."""

    _last: HttpCount | None = None

    def http(self, gate: str) -> HttpCount | None:
        found = super().http(gate)
        if found is not None and (self._last is None or found.at - found.began < timedelta(seconds=8)):
            self._last = found
        # the clock goes on, what was heard does not
        return replace(self._last, at=found.at) if found is not None and self._last is not None else None


@pytest.mark.parametrize(("policy", "status"), [("restore", 5), ("stop", 7)])
def test_a_guard_that_is_not_measured_any_more_is_inconclusive(
    policy: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "SimulatedMeasuring", FallsSilent)
    stage = shop()
    guard = STOREFRONT | {"timeout": "4s"}
    receipt = ended(stage, playbook(guards=[guard], onFailure=policy))
    assert (receipt.outcome, receipt.exit_status) == ("inconclusive", status)
    assert "not measured any more" in receipt.reason
    assert all_is_as_before(stage, receipt) == (policy == "restore")


# -- before, after, verify, maxFailed ----------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_gate_that_is_waited_for_in_vain_fails_the_step(place: str) -> None:
    stage = shop()
    crowd = {"name": "crowd", "service": {"name": "shop/web", "minReady": 9}, "timeout": "5s"}
    receipt = ended(stage, playbook({place: [crowd]}))
    assert (receipt.outcome, receipt.exit_status) == ("failed", 5)
    assert "gate crowd" in receipt.reason
    assert (receipt.pods_moved > 0) == (place == "after")
    assert all_is_as_before(stage, receipt)


@pytest.mark.parametrize(
    ("allowed", "outcome", "tried"),
    [(0, "failed", 1), (1, "failed", 2), (2, "failed", 3), (3, "done", 3), ("34%", "failed", 2)],
)
def test_as_many_nodes_may_fail_verification_as_max_failed_says(allowed: Any, outcome: str, tried: int) -> None:
    stage = shop()
    receipt = ended(stage, playbook(nodes={"verify": [NEWER], "maxFailed": allowed}))
    assert (receipt.outcome, receipt.exit_status) == (outcome, 5 if outcome == "failed" else 0)
    assert receipt.nodes == ()
    assert [node.outcome for node in receipt.node_details] == ["restored"] * tried
    failed = [event for event in stage.events if isinstance(event, NodeChanged) and event.phase == "failed"]
    assert ["kubeletVersion" in event.reason or "v9.9.9" in event.reason for event in failed] == [True] * tried
    assert all_is_as_before(stage, receipt)


# -- time-outs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", range(1, 26, 2))
def test_a_step_that_takes_too_long_is_put_back_from_wherever_it_is(limit: int) -> None:
    stage = shop()
    receipt = ended(stage, playbook({"timeout": f"{limit}s"}))
    assert (receipt.outcome, receipt.exit_status) == ("timedOut", 5)
    assert f"not done within {limit}s" in receipt.reason
    assert all_is_as_before(stage, receipt)


def test_a_drain_whose_replacement_never_gets_ready_times_out_and_is_put_back() -> None:
    stage = shop()
    stage.cluster.bring([WEB_NEVER_READY])
    receipt = ended(stage, playbook(nodes={"drain": {"timeout": "1m"}}))
    assert (receipt.outcome, receipt.exit_status) == ("timedOut", 5)
    assert "not empty after 1m" in receipt.reason
    assert "not Ready" in receipt.reason
    assert all_is_as_before(stage, receipt)


def test_a_pod_that_cannot_be_replaced_any_more_needs_a_person() -> None:
    stage = shop()
    stage.cluster.bring([DB_NEVER_READY])
    receipt = ended(stage, playbook(nodes={"drain": {"timeout": "1m"}}))
    assert (receipt.outcome, receipt.exit_status) == ("failed", 6)
    assert receipt.left_changed == ("statefulset/shop/db has 2 of 3 replicas Ready",)
    assert left(stage.cluster.state())["nodes"] == stage.before["nodes"]


def test_maintenance_that_takes_too_long_is_ended_and_its_node_given_back() -> None:
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    cluster = simulate(loaded, settings=Settings(job_duration=timedelta(seconds=100)))
    stage = Stage(cluster, dict(loaded.services()))
    job = {"image": "underway/shop:1", "args": ["sleep"], "timeout": "5s"}
    receipt = ended(stage, playbook(nodes={"maintain": {"job": job}}))
    assert (receipt.outcome, receipt.exit_status) == ("timedOut", 5)
    assert "did not end within 5s" in receipt.reason
    assert all_is_as_before(stage, receipt)


# -- onFailure: stop ---------------------------------------------------------------------------------------------


def restored_later(stage: Stage, asked: Playbook) -> bool:
    receipt = stage.play(stage.run(asked, only_restore=True))
    assert stage.witness.violations == []
    return (receipt.outcome, receipt.exit_status) == ("done", 0) and all_is_as_before(stage, receipt)


@pytest.mark.parametrize(
    ("step", "spec", "outcome", "status"),
    [
        ({"timeout": "12s"}, {"onFailure": "stop"}, "timedOut", 7),
        ({"timeout": "12s", "onFailure": "stop"}, {}, "timedOut", 7),
        ({"during": [DB_IS_WHOLE]}, {"onFailure": "stop"}, "failed", 6),
        ({}, {"onFailure": "stop", "guards": [DB_IS_WHOLE]}, "failed", 6),
    ],
)
def test_with_stop_all_is_left_as_it_is_and_can_be_restored_later(
    step: dict[str, Any], spec: dict[str, Any], outcome: str, status: int
) -> None:
    stage, asked = shop(), playbook(step, **spec)
    receipt = ended(stage, asked)
    assert (receipt.outcome, receipt.exit_status) == (outcome, status)
    assert receipt.left_changed
    marked = {str(node.ref) for node in stage.cluster.state().nodes.values() if "underway.dev/run" in node.annotations}
    assert marked
    assert marked <= set(receipt.left_changed)
    assert restored_later(stage, asked)


@pytest.mark.parametrize("limit", ["5ms", "15ms"])
def test_with_stop_what_was_on_its_way_is_told_of_too(limit: str) -> None:
    stage = shop()
    receipt = ended(stage, playbook({"timeout": limit}, onFailure="stop"))
    state = stage.cluster.state()
    assert receipt.exit_status == 7
    marked = {str(node.ref) for node in state.nodes.values() if "underway.dev/run" in node.annotations}
    assert marked | {str(pod.ref) for pod in state.marked_pods()} == set(receipt.left_changed)


def test_a_step_may_ask_to_be_put_back_where_the_playbook_stops() -> None:
    stage = shop()
    receipt = ended(stage, playbook({"timeout": "12s", "onFailure": "restore"}, onFailure="stop"))
    assert (receipt.outcome, receipt.exit_status) == ("timedOut", 5)
    assert all_is_as_before(stage, receipt)


# -- signals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["restore", "stop"])
@pytest.mark.parametrize(("signal", "status"), [("interrupted", 130), ("terminated", 143)])
@pytest.mark.parametrize("number", [1, 12, 25])
def test_a_signal_has_everything_put_back_whatever_on_failure_says(
    number: int, signal: Any, status: int, policy: str
) -> None:
    stage = shop()
    run = stage.run(playbook(onFailure=policy))

    def stop(count: int, _: asyncio.Task[None]) -> None:
        if count == number:
            run.stop = signal

    receipt = stage.play(run, stop)
    assert (receipt.outcome, receipt.exit_status) == ("interrupted", status)
    assert stage.witness.violations == []
    assert all_is_as_before(stage, receipt)
