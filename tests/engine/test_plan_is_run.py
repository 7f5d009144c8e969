"""The plan equals the run: what is planned on a copy of a cluster is what a run then does on the cluster itself."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
from dataclasses import dataclass, field
from typing import Any

from examples import PLAYED
from hypothesis import given, settings
from random_scenes import Scene, scenes

from underway.cluster.state import ClusterState
from underway.commands.conduct import Order, conduct
from underway.commands.options import Showing
from underway.commands.planning import plan
from underway.commands.simulated_run import SimulatedMeasuring
from underway.errors import Blocker, RefusedError
from underway.playbook.models import Playbook
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import Settings

CHANCE = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b")
"""What a pod's name ends in."""
VERSION = re.compile(r"-[0-9a-f]{10}\b")
"""The pod-template-hash in a name: that of a version which a run has made is the run's own."""


@dataclass
class Ended:
    """What a run said, as `run -o json` does, or why it was refused."""

    events: list[dict[str, Any]] = field(default_factory=list)
    blockers: tuple[Blocker, ...] = ()


def carried_out(playbook: Playbook, cluster: SimulatedCluster) -> Ended:
    """Through all that a real run goes through, but for its journal."""
    showing = Showing("json", no_color=True)
    order = Order(playbook, "random", "default", showing, "random", simulated=True)
    ended, said = Ended(), io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            asyncio.run(conduct(order, cluster, SimulatedMeasuring(cluster, {})))
        except RefusedError as error:
            ended.blockers = error.blockers
    ended.events = [json.loads(line) for line in said.getvalue().splitlines()]
    return ended


def copy(cluster: SimulatedCluster) -> SimulatedCluster:
    """As a plan makes one of a live cluster: only the names of pods to come will be others."""
    return SimulatedCluster(cluster.state(), settings=Settings(start=cluster.now(), seed="copy"), at_rest=True)


def general(text: str, run: str) -> str:
    return VERSION.sub("-…", CHANCE.sub("-…", text.replace(run, "plan")))


@settings(max_examples=1000)
@given(scenes())
def test_the_plan_is_the_run(scene: Scene) -> None:
    cluster = SimulatedCluster(ClusterState(scene.objects))
    cluster.settle()
    there = {pod.uid for pod in cluster.state().pods.values()}
    homeless = any(not pod.node for pod in cluster.state().pods.values())
    planned = plan(scene.playbook, "random", copy(cluster), "default")
    ended = carried_out(scene.playbook, cluster)
    if ended.blockers:
        PLAYED["planned and refused alike"] += 1
        assert planned.blockers == ended.blockers
        assert not planned.changes
        return
    PLAYED["planned and carried out alike"] += 1
    receipt = ended.events[-1]
    judged = {event["uid"]: event for event in ended.events if event["type"] == "podPlanned"}
    assert {pod.uid: (pod.verdict, pod.reason) for pod in planned.pods} == {
        uid: (event["verdict"], event["reason"]) for uid, event in judged.items() if uid in there
    }
    if homeless:
        # which of them gets a place that becomes free is for the scheduler's queue to say, into which nobody can look
        return
    # what was over before it began is in no wave
    turns = [node for node in receipt["nodeDetails"] if node["durationSeconds"] > 0]
    for node, turn in zip(planned.nodes, turns, strict=True):
        assert (node.name, node.moves) == (turn["name"], turn["podsMoved"])
        if node.ended_seconds is not None:
            assert round(node.ended_seconds - node.begins_seconds, 3) == turn["durationSeconds"]
    counts = (planned.moves, planned.handed_off, planned.evicted, planned.duration_seconds)
    assert counts == tuple(receipt[name] for name in ("podsMoved", "handedOff", "evicted", "durationSeconds"))
    reasons = [general(blocker.reason, "plan") for blocker in planned.blockers]
    match receipt["outcome"]:
        case "done":
            assert reasons == []
        case "refused":
            assert reasons == [found["reason"] for found in receipt["blockers"]]
        case _:
            assert general(receipt["reason"], receipt["run"]) in reasons[0]
