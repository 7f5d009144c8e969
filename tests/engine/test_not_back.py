"""A node that is lost while it is maintained is kept from pods, named, and given back once it is there again."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from stage import Stage, left, shop

from underway.engine.events import NodeChanged
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.faults import NodeLost

LOST = "underway-worker2"


def playbook(**nodes: Any) -> Playbook:
    job = {"image": "x", "args": ["sleep", "10s"], "timeout": "20s"}
    body = {"select": {"labels": "!node-role.kubernetes.io/control-plane"}, "order": "name", "maintain": {"job": job}}
    return from_command_line("maintained", [{"nodes": body | nodes}])


def lose_while_it_is_maintained(stage: Stage, asked: Playbook) -> Any:
    def lose(count: int, _: asyncio.Task[None]) -> None:
        event = stage.events[count - 1]
        if isinstance(event, NodeChanged) and (event.node, event.phase) == (LOST, "maintaining"):
            stage.cluster.bring([NodeLost(LOST)])

    return stage.play(stage.run(asked), lose)


def test_it_stays_cordoned_and_a_person_is_asked_for() -> None:
    stage = shop()
    receipt = lose_while_it_is_maintained(stage, playbook())
    assert (receipt.outcome, receipt.exit_status, receipt.left_changed) == ("failed", 6, (f"node/{LOST}",))
    assert "did not end within 20s, and the node is not Ready" in receipt.reason
    assert f"node/{LOST} is not Ready since its maintenance and stays cordoned" in receipt.reason
    assert [(node.name, node.outcome) for node in receipt.node_details] == [
        ("underway-worker", "done"),
        (LOST, "failed"),
    ]
    nodes = stage.cluster.state().nodes
    assert [name for name, node in nodes.items() if node.unschedulable] == [LOST]
    assert stage.witness.violations == []


def test_a_run_that_may_do_without_it_goes_on_to_the_others() -> None:
    stage = shop()
    receipt = lose_while_it_is_maintained(stage, playbook(maxFailed=1))
    assert receipt.nodes == ("underway-worker", "underway-worker3")
    assert (receipt.outcome, receipt.exit_status, receipt.left_changed) == ("failed", 6, (f"node/{LOST}",))
    assert [node.outcome for node in receipt.node_details] == ["done", "failed", "done"]


@pytest.mark.parametrize("back", [False, True])
def test_restore_gives_it_back_when_it_is_ready_again_and_not_before(back: bool) -> None:  # noqa: FBT001 - it is a case
    stage = shop()
    lose_while_it_is_maintained(stage, playbook())
    if back:
        repair(stage)
    receipt = stage.play(stage.run(playbook(), only_restore=True))
    if not back:
        assert (receipt.exit_status, receipt.left_changed) == (6, (f"node/{LOST}",))
        return
    assert (receipt.outcome, receipt.exit_status) == ("done", 0)
    stage.rest()
    assert left(stage.cluster.state())["nodes"] == stage.before["nodes"]


def repair(stage: Stage) -> None:
    """A person has mended it."""
    ours = tuple(stage.before["nodes"][LOST][1])
    node = stage.cluster.state().nodes[LOST]
    mended = msgspec.structs.replace(node, ready=True, conditions={"Ready": "True"}, taints=ours)
    stage.cluster._world.put(mended)  # noqa: SLF001 - the simulation has no fault that mends


@pytest.mark.parametrize(("brings", "outcome"), [("v1.34.4", "done"), ("v1.34.3", "failed")])
def test_an_upgrade_is_verified_by_the_version_that_the_node_reports(brings: str, outcome: str) -> None:
    stage = shop()
    job = {"image": "x", "hostPID": True, "command": ["install-kubelet", brings]}
    verify = [{"node": {"kubeletVersion": "v1.34.4", "ready": "1s"}, "timeout": "40s"}]
    receipt = stage.play(stage.run(playbook(maintain={"job": job}, verify=verify)))
    assert receipt.outcome == outcome
    stage.rest()
    after = left(stage.cluster.state())["nodes"]
    assert after == stage.before["nodes"]
    if outcome == "failed":
        assert receipt.exit_status == 5
        assert f"kubelet {brings}, v1.34.4 wanted, after 40s" in receipt.reason
        assert receipt.nodes == ()
