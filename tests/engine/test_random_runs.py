"""Random clusters and playbooks: refused beforehand, or done without breaking anything; then all is as before."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import budget, node, service, workload
from stage import Stage, left

from underway.cluster.model import Object
from underway.cluster.podspec import PodSpec, PodTerm
from underway.cluster.state import ClusterState
from underway.playbook.load import from_command_line
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import AnswersLost, Fault, Refusals
from underway.units import Share, equality_selector

FAULTS = st.sampled_from([(), (), (Refusals(3, "conflict"),), (Refusals(2),), (AnswersLost(2),)])
SHARES = st.one_of(
    st.integers(0, 4).map(Share), st.sampled_from([1, 30, 50, 99, 100]).map(lambda number: Share(number, percent=True))
)
RULES = st.one_of(
    st.none(),
    SHARES.map(lambda share: {"min_available": share}),
    SHARES.map(lambda share: {"max_unavailable": share}),
)


@st.composite
def apps(draw: st.DrawFn, name: str) -> list[Object]:
    kind = draw(st.sampled_from(["deployment", "deployment", "deployment", "statefulset"]))
    apart = PodTerm(equality_selector([("app", name)]), "kubernetes.io/hostname", ("shop",))
    spec = PodSpec(
        requests={"cpu": draw(st.sampled_from([50, 700, 1500]))},
        anti_affinity=(apart,) if draw(st.booleans()) and draw(st.booleans()) else (),
    )
    strategy = draw(st.sampled_from(["RollingUpdate", "RollingUpdate", "RollingUpdate", "Recreate"]))
    more = {"strategy": strategy} if kind == "deployment" else {}
    found: list[Object] = [workload(kind, name, draw(st.integers(0, 4)), spec, **more)]
    if draw(st.booleans()) or draw(st.booleans()):
        found.append(service(name))
    rule = draw(RULES)
    if rule is not None:
        found.append(budget(name, **rule))
    return found


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Object], dict[str, Any]]:
    names = "abcde"[: draw(st.integers(2, 5))]
    objects: list[Object] = [node(name) for name in names]
    for app in ("web", "cart", "db")[: draw(st.integers(1, 3))]:
        objects += draw(apps(app))
    objects.append(workload("daemonset", "agent", 0))
    step = {
        "select": {"names": list(names[: draw(st.integers(1, len(names)))])},
        "maxUnavailable": draw(st.integers(1, 2)),
        "drain": {
            "strategy": draw(st.sampled_from(["auto", "auto", "handoff", "evict"])),
            "settle": draw(st.sampled_from(["0s", "3s"])),
        },
    }
    return objects, step


def staged(objects: list[Object], faults: tuple[Fault, ...] = ()) -> Stage:
    cluster = SimulatedCluster(ClusterState(objects))
    cluster.settle()
    cluster.bring(faults)
    return Stage(cluster)


def nothing_broken(stage: Stage, step: dict[str, Any]) -> None:
    gaps = [found for found in stage.witness.violations if "has no endpoint" in found]
    assert step["drain"]["strategy"] == "evict" or gaps == []
    assert [found for found in stage.witness.violations if found not in gaps] == []


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes(), FAULTS)
def test_what_is_not_refused_is_done_and_breaks_nothing(
    scene: tuple[list[Object], dict[str, Any]], faults: tuple[Fault, ...]
) -> None:
    objects, step = scene
    stage = staged(objects, faults)
    playbook = from_command_line("random", [{"nodes": step}])
    if stage.blockers(playbook):
        return
    receipt = stage.play(stage.run(playbook))
    nothing_broken(stage, step)
    # where it is tight, the scheduler may put one replacement into the only place for another: that is put back
    assert receipt.outcome == "done" or "nodes are available" in receipt.reason, receipt.reason
    assert receipt.exit_status == (0 if receipt.outcome == "done" else 5)
    assert receipt.left_changed == ()
    stage.rest()
    assert left(stage.cluster.state()) == stage.before


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes(), FAULTS, st.integers(1, 60), st.sampled_from(["stopped", "killed"]))
def test_stopped_or_killed_after_any_event_all_is_put_back(
    scene: tuple[list[Object], dict[str, Any]], faults: tuple[Fault, ...], number: int, how: str
) -> None:
    objects, step = scene
    stage = staged(objects, faults)
    playbook = from_command_line("random", [{"nodes": step}])
    if stage.blockers(playbook):
        return
    run = stage.run(playbook)

    def interrupt(count: int, driving: asyncio.Task[None]) -> None:
        if count == number and how == "killed":
            driving.cancel()
        elif count == number:
            run.stop = "interrupted"

    receipt = stage.play(run, interrupt)
    if how == "killed":
        receipt = stage.play(stage.run(playbook, only_restore=True))
    nothing_broken(stage, step)
    assert receipt.outcome in ("done", "interrupted"), receipt.reason
    assert receipt.left_changed == ()
    stage.rest()
    assert left(stage.cluster.state()) == stage.before
