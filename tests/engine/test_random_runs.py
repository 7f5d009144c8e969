"""Random clusters and playbooks: refused beforehand, or done without breaking anything; then all is as before."""

from __future__ import annotations

from typing import Any

from examples import PLAYED
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_scenes import HARMLESS, Scene, harms, scenes
from stage import Stage, but_revisions, ending, left

from underway.cluster.model import Budget, Pod, Workload
from underway.cluster.objects import Object
from underway.cluster.podspec import Taint
from underway.cluster.state import ClusterState
from underway.engine.events import Receipt
from underway.engine.standing import standings
from underway.errors import ExitStatus
from underway.playbook.load import from_command_line
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import BudgetTightened, Fault, NodeLost
from underway.steps import marks

RESTORE = from_command_line("restore", [{"soak": {"for": "0s"}}])
ENDS = st.tuples(st.integers(1, 60), st.sampled_from(["stopped", "killed"]))


def staged(scene: Scene, faults: tuple[Fault, ...] = ()) -> Stage:
    cluster = SimulatedCluster(ClusterState(scene.objects))
    cluster.settle()
    cluster.bring(faults)
    return Stage(cluster)


def nothing_broken(stage: Stage, scene: Scene) -> None:
    gaps = [found for found in stage.witness.violations if "has no endpoint" in found]
    assert scene.accepts_gaps or gaps == []
    assert [found for found in stage.witness.violations if found not in gaps] == []


def as_before(stage: Stage, scene: Scene) -> None:
    """No mark is left, and everything is as it was; which pods have a place may differ where not all have one."""
    assert marked(stage.cluster) == []
    stage.rest()
    if stage.witness.tight:
        assert but_revisions(own(stage.cluster.state())) == but_revisions(own(staged(scene).cluster.state()))
    else:
        assert but_revisions(left(stage.cluster.state())) == but_revisions(stage.before)


def own(state: ClusterState) -> dict[str, Any]:
    """What is of Underway, or could be: what a fault does by itself is left out."""
    found = left(state)
    found["nodes"] = {
        node.name: (node.unschedulable, dict(node.annotations), *(taint for taint in node.taints if _is_own(taint)))
        for node in state.nodes.values()
    }
    found["workloads"] = {name: said[:2] for name, said in found["workloads"].items()}
    found["budgets"] = {name: said[:1] for name, said in found["budgets"].items()}
    return found


def marked(cluster: SimulatedCluster) -> list[Object]:
    state = cluster.state()
    refs = [ref for standing in standings(state, cluster.now()).values() for ref, _ in standing.changed]
    return [found for ref in refs if (found := state.get(ref)) is not None]


def where(found: Object) -> str:
    """The node that it is, that it is on, or that it is about."""
    match found:
        case Pod():
            return found.node
        case Workload():
            return found.annotations[marks.JOB_NODE]
        case _:
            return found.ref.name


def rolled(found: Object) -> bool:
    """A Deployment whose rollout waits for a pod that nobody can stop, or one of its ReplicaSets."""
    return isinstance(found, Workload) and found.kind != "job"


def _is_own(taint: Taint) -> bool:
    return taint.key.startswith("underway.dev")


def restored(stage: Stage) -> Receipt:
    return stage.play(stage.run(RESTORE, only_restore=True))


@settings(max_examples=600)
@given(scenes(sound=True), HARMLESS)
def test_what_is_not_refused_is_done_and_breaks_nothing(scene: Scene, faults: tuple[Fault, ...]) -> None:
    stage = staged(scene, faults)
    assume(not stage.blockers(scene.playbook))
    PLAYED["done"] += 1
    receipt = stage.play(stage.run(scene.playbook))
    nothing_broken(stage, scene)
    as_before(stage, scene)
    # where it is tight, one pod may be put into the only place for another, or into a place that becomes free
    if not stage.witness.tight:
        assert (receipt.outcome, receipt.exit_status, receipt.left_changed) == ("done", 0, ()), receipt.reason


@settings(max_examples=700)
@given(scenes(), HARMLESS, ENDS)
def test_stopped_or_killed_after_any_event_all_is_put_back(
    scene: Scene, faults: tuple[Fault, ...], end: tuple[int, str]
) -> None:
    number, how = end
    stage = staged(scene, faults)
    assume(not stage.blockers(scene.playbook))
    PLAYED["stopped or killed"] += 1
    run = stage.run(scene.playbook)
    receipt = stage.play(run, ending(run, number, how))
    if how == "killed" or receipt.left_changed:
        receipt = restored(stage)
    nothing_broken(stage, scene)
    as_before(stage, scene)
    if not stage.witness.tight:
        assert receipt.outcome in ("interrupted", "done") or how == "stopped", receipt.reason
        assert receipt.left_changed == ()


@settings(max_examples=800)
@given(st.data(), scenes(), st.none() | ENDS)
def test_whatever_goes_wrong_nothing_is_broken_and_no_mark_stays(
    data: st.DataObject, scene: Scene, end: tuple[int, str] | None
) -> None:
    faults = data.draw(harms(scene))
    stage = staged(scene, faults)
    assume(not stage.blockers(scene.playbook))
    PLAYED["with a fault"] += 1
    run = stage.run(scene.playbook)
    receipt = stage.play(run, ending(run, *end) if end else lambda _, __: None)
    if (end and end[1] == "killed") or receipt.left_changed:
        receipt = restored(stage)
    nothing_broken(stage, scene)
    stage.rest()
    left_over = marked(stage.cluster)
    assert {str(found.ref) for found in left_over} <= set(receipt.left_changed)
    lost = {fault.node for fault in faults if isinstance(fault, NodeLost)}
    # an old version that will not come up again, or that a budget cannot spare, keeps its Deployment from being given
    # back; and a budget that has become tighter may not spare the replicas that were added: a person is needed
    tightened = any(isinstance(fault, BudgetTightened) for fault in faults)
    stuck = any(rolled(found) or (tightened and isinstance(found, Pod)) for found in left_over)
    others = [found for found in left_over if not isinstance(found, Budget) and not rolled(found)]
    assert all(where(found) in lost or (stuck and isinstance(found, Pod)) for found in others)
    assert not stuck or receipt.exit_status == ExitStatus.PERSON_NEEDED
    if not lost and not stuck:
        assert receipt.left_changed == () or receipt.exit_status == 6
        assert but_revisions(own(stage.cluster.state())) == but_revisions(own(staged(scene).cluster.state()))
