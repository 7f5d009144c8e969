"""What is asked of a cluster at the end: what has been verified once, and as much as there was before."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace
from scenes import node, service, workload
from stage import Stage

from underway.cluster.state import ClusterState
from underway.engine.events import GateChanged, NodeChanged
from underway.playbook.load import from_command_line
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import Refusals
from underway.simulated.settings import Settings


def test_a_node_is_verified_once_however_long_giving_it_back_takes() -> None:
    cluster = SimulatedCluster(ClusterState([node("a"), node("b"), workload("deployment", "web", 2), service("web")]))
    assert cluster.settle()
    cluster.bring([Refusals(3, "failed")])
    stage = Stage(cluster)
    step = {"select": {"names": ["a", "b"]}, "verify": [{"node": {"ready": True}, "for": "5s"}]}
    receipt = stage.play(stage.run(from_command_line("verify", [{"nodes": step}])))
    assert receipt.outcome == "done", receipt.reason
    passed = [event.gate for event in stage.events if isinstance(event, GateChanged) and event.status == "pass"]
    assert len(passed) == len(set(passed)) == 2
    for name in ("a", "b"):
        told = [event for event in stage.events if isinstance(event, NodeChanged) and event.node == name]
        moments = {event.phase: event.at for event in told}
        assert 5 <= (moments["done"] - moments["verifying"]).total_seconds() < 9


def test_a_workload_that_was_not_whole_before_has_to_have_as_much_as_before() -> None:
    healthy = SimulatedCluster(ClusterState([*map(node, "abc"), workload("deployment", "web", 3), service("web")]))
    assert healthy.settle()
    (ailing,) = (pod for pod in healthy.state().pods_on("b"))
    broken = replace(ailing, ready=False, ready_since=None, waiting="CrashLoopBackOff")
    others = [found for found in healthy.state().objects() if found.ref != ailing.ref]
    cluster = SimulatedCluster(ClusterState([*others, broken]), settings=Settings(seed="another"))
    cluster.settle(timedelta(seconds=5))
    stage = Stage(cluster)
    receipt = stage.play(stage.run(from_command_line("drain", [{"nodes": {"select": {"names": ["a"]}}}])))
    assert (receipt.outcome, receipt.exit_status, receipt.handed_off) == ("done", 0, 1), receipt.reason
    assert receipt.duration_seconds < 30
