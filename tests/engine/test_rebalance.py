"""Replicas that sit on few nodes are spread again on the simulated shop, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest
from stage import HERE, Stage, left, shop
from test_pausing import paused_at

from underway.cluster.model import Node, Pod, Ref, Workload
from underway.cluster.objects import Object
from underway.engine.events import Change, PodMoved, PodPlanned
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.load import load, simulate
from underway.steps import marks

STOREFRONT = {"url": "http://127.0.0.1:30080/", "every": "50ms", "timeout": "2s", "lost": 0}
WEB = Ref("deployment", "shop", "web")


def rebalance(workload: str = str(WEB), *before: dict[str, Any], **fields: Any) -> Playbook:
    step = {"rebalance": {"workload": workload} | fields, "during": [{"name": "storefront", "http": STOREFRONT}]}
    return from_command_line("rebalance", [*before, step])


def drained(nodes: list[str]) -> dict[str, Any]:
    return {"nodes": {"select": {"names": nodes}, "maxUnavailable": len(nodes), "drain": {"settle": "1s"}}}


def workers(stage: Stage) -> list[str]:
    return [name for name in stage.cluster.state().nodes if "worker" in name]


def nodes_of(stage: Stage, app: str) -> list[int]:
    pods = (pod for pod in stage.cluster.state().pods_in("shop") if pod.labels.get("app") == app)
    return sorted(Counter(pod.node for pod in pods).values())


def changed(*changes: tuple[Ref, dict[str, Any]]) -> Stage:
    """The shop with some objects changed; `spec` is of a workload's template."""
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    for ref, fields in changes:
        found: Object = loaded.objects[ref]
        if isinstance(found, Workload) and found.template is not None and "spec" in fields:
            spec = msgspec.structs.replace(found.template.spec, **fields.pop("spec"))
            fields["template"] = msgspec.structs.replace(found.template, spec=spec)
        loaded.objects[ref] = msgspec.structs.replace(found, **fields)
    return Stage(simulate(loaded), dict(loaded.services()))


def piled_up(stage: Stage | None = None, *, web: tuple[int, ...] = (3,)) -> Stage:
    """All workers but one have been drained and given back."""
    stage = stage or shop()
    receipt = stage.play(stage.run(from_command_line("drain", [drained(workers(stage)[1:])])))
    assert receipt.outcome == "done", receipt.reason
    stage.rest()
    assert nodes_of(stage, "web") == list(web)
    stage.before, stage.events = left(stage.cluster.state()), []
    return stage


@pytest.mark.parametrize("workload", [str(WEB), "statefulset/shop/db"])
def test_they_differ_by_at_most_one_and_nothing_is_lost(workload: str) -> None:
    stage = piled_up()
    receipt = stage.play(stage.run(rebalance(workload)))
    assert receipt.outcome == "done", receipt.reason
    assert receipt.remarks == ("step 1: 3 replicas on 3 nodes, 1 to 1 each",)
    assert [probe.lost for probe in receipt.probes] == [0]
    assert stage.witness.violations == []
    stage.rest()
    assert nodes_of(stage, workload.rpartition("/")[2]) == [1, 1, 1]
    assert left(stage.cluster.state()) == stage.before
    moved = [event for event in stage.events if isinstance(event, PodMoved)]
    planned = [event for event in stage.events if isinstance(event, PodPlanned)]
    assert len(moved) == len(planned) == 2
    assert {event.uid for event in moved} == {event.uid for event in planned}
    assert planned[0].reason.startswith("its node has 3 of them; ")


def test_what_is_spread_already_is_left_alone() -> None:
    stage = shop()
    receipt = stage.play(stage.run(rebalance()))
    assert receipt.outcome == "done"
    assert receipt.pods_moved == 0
    assert [event for event in stage.events if isinstance(event, Change) and "lease" not in event.object] == []
    assert left(stage.cluster.state()) == stage.before


def test_it_stops_as_soon_as_they_differ_by_no_more_than_asked() -> None:
    stage = piled_up()
    receipt = stage.play(stage.run(rebalance(maxSkew=2)))
    assert (receipt.outcome, receipt.pods_moved) == ("done", 1)
    assert nodes_of(stage, "web") == [1, 2]


def test_after_the_nodes_of_the_same_run_no_more_moves_are_made_than_needed() -> None:
    stage = shop()
    receipt = stage.play(stage.run(rebalance(str(WEB), drained(workers(stage)[1:]))))
    assert receipt.outcome == "done", receipt.reason
    assert nodes_of(stage, "web") == [1, 1, 1]
    tainted = [event for event in stage.events if isinstance(event, Change) and "PreferNoSchedule" in event.says]
    assert tainted, "nodes that the run has done already are to be left alone too"
    planned = [event for event in stage.events if isinstance(event, PodPlanned) and "of them" in event.reason]
    assert len(planned) == 2


def test_no_node_is_announced_any_more_when_the_next_step_begins() -> None:
    stage = piled_up()
    seen: list[int] = []

    def look(_: int, __: asyncio.Task[None]) -> None:
        event = stage.events[-1]
        if getattr(event, "verb", "") == "soak":
            taints = (taint for node in stage.cluster.state().nodes.values() for taint in node.taints)
            seen.append(sum(taint.key == marks.PENDING_TAINT for taint in taints))

    step = {"rebalance": {"workload": str(WEB)}}
    stage.play(stage.run(from_command_line("rebalance", [step, {"soak": {"for": "1s"}}])), look)
    assert seen == [0]


def test_a_node_without_room_does_not_count_as_short_of_them() -> None:
    """Two workers have room for one replica each, none has for more: what sits on the third can go to one only."""
    stage = shop()
    full = workers(stage)[1]
    ref = Ref("node", "", full)
    stage = piled_up()
    node = stage.cluster.state().nodes[full]
    stage.cluster._world.put(  # noqa: SLF001 - somebody else's change
        msgspec.structs.replace(node, allocatable={**node.allocatable, "pods": 1})
    )
    receipt = stage.play(stage.run(rebalance()))
    assert receipt.outcome == "done", receipt.reason
    assert nodes_of(stage, "web") == [1, 2]
    assert receipt.pods_moved == 1
    assert str(ref) not in receipt.left_changed


def test_where_none_can_move_it_is_in_the_way_and_why() -> None:
    stage = piled_up()
    for name in workers(stage)[1:]:
        node: Node = stage.cluster.state().nodes[name]
        full = msgspec.structs.replace(node, allocatable={**node.allocatable, "pods": 1})
        stage.cluster._world.put(full)  # noqa: SLF001 - somebody else's change
    (found,) = stage.blockers(rebalance())
    assert found.reason == "none of its pods can move: 6 Too many pods"


def test_local_data_is_lost_only_if_asked() -> None:
    stage = changed((WEB, {"spec": {"local_volumes": ("cache",)}}))
    step = drained(workers(stage)[1:])
    step["nodes"]["drain"]["deleteEmptyDirData"] = True
    assert stage.play(stage.run(from_command_line("drain", [step]))).outcome == "done"
    stage.rest()
    found = stage.blockers(rebalance())
    assert {one.remedy for one in found} == {"let the data be lost with deleteEmptyDirData: true"}
    assert stage.play(stage.run(rebalance(deleteEmptyDirData=True))).outcome == "done"
    assert nodes_of(stage, "web") == [1, 1, 1]


def test_a_replacement_that_never_serves_ends_it_soon_and_the_pod_is_back() -> None:
    stage = piled_up()
    there = {pod.uid for pod in stage.cluster.state().pods_in("shop")}
    stage.cluster.kubelets.never_ready = lambda pod: pod.uid not in there
    receipt = stage.play(stage.run(rebalance()))
    assert receipt.outcome == "failed"
    assert "not Ready within" in receipt.reason
    assert receipt.duration_seconds < 90
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_a_scheduler_that_puts_them_elsewhere_is_not_quarreled_with_for_ever() -> None:
    stage = piled_up()
    (full,) = {pod.node for pod in stage.cluster.state().pods_in("shop") if pod.labels.get("app") == "web"}

    def pull(old: Pod | None, new: Pod | None) -> None:
        """Somebody else's scheduler: every new one goes where they all are."""
        if old is None and new is not None and new.labels.get("app") == "web":
            stage.cluster._world.put(msgspec.structs.replace(new, node=full))  # noqa: SLF001 - somebody else's write

    stage.cluster.watch(Pod, pull)
    receipt = stage.play(stage.run(rebalance()))
    assert receipt.outcome == "failed"
    assert "after 6 moves still 0 to 3 each: the scheduler puts them elsewhere" in receipt.reason
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


@pytest.mark.parametrize("number", range(2, 16, 2))
def test_a_paused_run_ends_what_is_on_its_way_and_goes_on_later(number: int) -> None:
    stage = piled_up()
    between: list[str] = []

    def look() -> None:
        between.extend(marks.stage(pod) for pod in stage.cluster.state().marked_pods() if marks.stage(pod))

    step = {"rebalance": {"workload": str(WEB)}}
    receipt = stage.play(stage.run(from_command_line("rebalance", [step])), paused_at(stage, number, look))
    assert receipt.outcome == "done", receipt.reason
    assert between == []
    assert stage.witness.violations == []
    stage.rest()
    assert nodes_of(stage, "web") == [1, 1, 1]


@pytest.mark.parametrize("how", ["stopped", "killed"])
@pytest.mark.parametrize("workload", [str(WEB), "statefulset/shop/db"])
@pytest.mark.parametrize("number", range(1, 30))
def test_stopped_or_killed_after_any_event_nothing_is_left(number: int, workload: str, how: str) -> None:
    stage = piled_up()
    run = stage.run(rebalance(workload))
    receipt = stage.cut_short(run, number, how)
    assert receipt.left_changed == ()
    assert stage.witness.violations == []
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


def test_what_it_moves_is_not_counted_to_nodes_that_were_done_before() -> None:
    stage = shop()
    receipt = stage.play(stage.run(rebalance(str(WEB), drained(workers(stage)[1:]))))
    assert receipt.outcome == "done", receipt.reason
    moved = Counter(event.node for event in stage.events if isinstance(event, PodMoved))
    assert sum(node.pods_moved for node in receipt.node_details) < sum(moved.values()) == receipt.pods_moved
