"""The verb `rebalance`: a workload's replicas sit on few nodes, and are spread evenly again, one after another.

From the node with most of them to one that is short of them, by handoff where that can be, else within the budgets.
While it goes on, the scheduler is asked to rather leave alone the nodes that have their share (PreferNoSchedule).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from underway.cluster.actions import Need
from underway.cluster.eligibility import admits, tolerates
from underway.cluster.model import Node, Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import Drain, RebalanceStep
from underway.steps import marks
from underway.steps.departure import carry_on, detach, evict, recount_budgets
from underway.steps.progress import PodJudged, PodLeft, StepEnd, Turn
from underway.steps.treatment import Treatment, treatment
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration

_DRAIN = Drain()
_LIMIT = timedelta(minutes=10)
"""For one replica."""


@dataclass
class RebalanceWork:
    """`moving`: the UID of the pod that is on its way; `moves`: how many have been begun, at most `most`."""

    ref: Ref
    most: int
    since: datetime
    moving: str = ""
    moves: int = 0


def _ref(step: RebalanceStep) -> Ref:
    return Ref(step.workload.kind, step.workload.namespace, step.workload.name)


def replicas(found: Workload, state: ClusterState) -> list[Pod]:
    """Its pods, but for those that are leaving."""
    owners = (found.uid, *(owned.uid for owned in state.workloads_of(found.uid)))
    return [pod for uid in owners for pod in state.pods_of(uid) if pod.deleting is None and not pod.finished]


def spread(found: Workload, state: ClusterState) -> dict[str, int]:
    """How many replicas each node has that could have one: schedulable, Ready, and admitting them."""
    counts = {node.name: 0 for node in state.nodes.values() if _may_have(node, found)}
    for pod in replicas(found, state):
        if pod.node in counts:
            counts[pod.node] += 1
    return counts


def _may_have(node: Node, found: Workload) -> bool:
    if found.template is None or node.unschedulable or not node.ready:
        return False
    spec = found.template.spec
    hard = (taint for taint in node.taints if taint.effect != "PreferNoSchedule")
    return admits(spec, node) and all(tolerates(spec.tolerations, taint) for taint in hard)


def skew(counts: dict[str, int]) -> int:
    return max(counts.values(), default=0) - min(counts.values(), default=0)


def _begin(step: RebalanceStep, beginning: Beginning, state: ClusterState) -> RebalanceWork:
    found = state.workloads.get(_ref(step))
    return RebalanceWork(_ref(step), 2 * found.replicas if found is not None else 0, beginning.now)


def _proceed(step: RebalanceStep, work: RebalanceWork, turn: Turn) -> StepEnd | None:
    found = turn.state.workloads.get(work.ref)
    if found is None:
        return StepEnd("failed", f"{work.ref} is gone")
    pod = turn.state.pod(work.moving) if work.moving else None
    recount_budgets(turn)
    if pod is not None:
        _carry_on(pod, turn)
        return _too_late(work, turn)
    if work.moving:
        work.moving, work.since = "", turn.now
    if not _whole(found, turn):
        return _too_late(work, turn)
    counts = spread(found, turn.state)
    if skew(counts) <= step.max_skew:
        return StepEnd("done", f"{found.replicas} replicas on {len(counts)} nodes, {_words(counts)}")
    if work.moves >= work.most:
        reason = f"after {work.moves} moves still {_words(counts)}: the scheduler puts them elsewhere"
        return StepEnd("failed", f"{work.ref}: {reason}")
    if _prepare(counts, turn):
        _move_one(found, counts, work, turn)
    return _too_late(work, turn)


def _words(counts: dict[str, int]) -> str:
    return f"{min(counts.values(), default=0)} to {max(counts.values(), default=0)} each"


def _whole(found: Workload, turn: Turn) -> bool:
    pods = replicas(found, turn.state)
    late = [pod for pod in pods if not pod.ready]
    if len(pods) == found.replicas and not late:
        return True
    said = f": {late[0].name} {late[0].waiting or 'is not Ready'}" if late else ""
    turn.wait(found.ref, f"{len(pods) - len(late)} of {found.replicas} replicas Ready{said}")
    return False


def _too_late(work: RebalanceWork, turn: Turn) -> StepEnd | None:
    end = work.since + _LIMIT
    turn.look_again(end)
    if turn.now < end:
        return None
    reasons = "; ".join(f"{wait.object}: {wait.reason}" for wait in turn.waits[:3])
    return StepEnd("timedOut", f"{work.ref}: no further within {format_duration(_LIMIT)}: {reasons}")


def _carry_on(pod: Pod, turn: Turn) -> None:
    if pod.deleting is not None:
        turn.wait(pod.ref, "terminating")
    elif marks.pod_run(pod) == turn.run:
        carry_on(pod, turn)
    else:
        _send(pod, treatment(pod, _DRAIN, turn.state), turn)


def _prepare(counts: dict[str, int], turn: Turn) -> bool:
    """Whether the nodes that have their share are marked for the scheduler to leave alone, and no others."""
    fair = min(counts.values(), default=0)
    ready = True
    for node in turn.state.nodes.values():
        has_share = counts.get(node.name, 0) > fair
        ours = marks.run_of(node) == turn.run and any(taint.key == marks.PENDING_TAINT for taint in node.taints)
        if has_share and marks.run_of(node) is None:
            turn.act(marks.announce_node(node, turn.run))
            ready = False
        elif ours and not has_share:
            turn.act(marks.give_back(node, turn.run, done=False))
            ready = False
    return ready


def _move_one(found: Workload, counts: dict[str, int], work: RebalanceWork, turn: Turn) -> None:
    fullest = max(counts, key=lambda name: (counts[name], name))
    here = (pod for pod in replicas(found, turn.state) if pod.node == fullest)
    for pod in sorted(here, key=lambda pod: pod.ref):
        judged = treatment(pod, _DRAIN, turn.state)
        if judged.verdict not in ("handoff", "evict"):
            turn.wait(pod.ref, judged.reason)
            continue
        work.moving, work.since = pod.uid, turn.now
        work.moves += 1
        turn.note(PodJudged(pod, judged.verdict, f"its node has {counts[fullest]} of them; {judged.reason}"))
        turn.leaving.setdefault(pod.uid, PodLeft(pod, "gone"))
        _send(pod, judged, turn)
        return


def _send(pod: Pod, judged: Treatment, turn: Turn) -> None:
    if judged.handoff is not None:
        detach(pod, judged.handoff, _DRAIN.settle, turn)
    elif judged.verdict == "evict":
        evict(pod, turn, accepts_gap=False)
    else:
        turn.wait(pod.ref, judged.reason)


def _blockers(step: RebalanceStep, scene: Scene) -> Iterator[Blocker]:
    found = scene.state.workloads.get(_ref(step))
    name = str(_ref(step))
    if found is None:
        yield Blocker(name, "there is no such workload", f"correct the name: kubectl get {_ref(step).kind}s -A")
        return
    counts = spread(found, scene.state)
    if skew(counts) <= step.max_skew:
        return
    fullest = max(counts, key=lambda each: (counts[each], each))
    judged = [treatment(pod, _DRAIN, scene.state) for pod in replicas(found, scene.state) if pod.node == fullest]
    if judged and all(each.verdict == "blocked" for each in judged):
        for each in judged:
            yield from each.blockers


def _needs(_: RebalanceStep, __: str) -> Iterable[Need]:
    return [
        Need("patch", "", "nodes"),
        Need("patch", "", "pods"),
        Need("create", "", "pods/eviction"),
        Need("patch", "policy", "poddisruptionbudgets"),
    ]


REBALANCE: Verb[RebalanceStep, RebalanceWork] = Verb(_begin, _proceed, _blockers, _needs)
