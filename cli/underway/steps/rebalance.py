"""The verb `rebalance`: a workload's replicas sit on few nodes, and are spread evenly again, one after another.

From the node with most of them to one that is short of them, by handoff where that can be, else within the budgets.
While it goes on, the scheduler is asked to rather leave alone the nodes that have their share (PreferNoSchedule). A
node that has no room for one, or that a pod's volume cannot follow it to, does not count as short of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from underway.cluster.actions import Need
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import Drain, RebalanceStep
from underway.steps import marks
from underway.steps.departure import carry_on, detach, evict, recount_budgets
from underway.steps.diagnosis import fault, patience
from underway.steps.progress import PodJudged, PodLeft, StepEnd, Turn
from underway.steps.rollout_deployment import usual_warm_up
from underway.steps.spreading import Move, Stuck, least_moves, next_move, replicas, spread
from underway.steps.treatment import Treatment, treatment
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration

_DRAIN = Drain()
_LIMIT = timedelta(minutes=10)
"""For one replica."""
_PASSING = ("node.kubernetes.io/unschedulable", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


@dataclass
class RebalanceWork:
    """`moving`: the UID of the pod that is on its way; `moves`: how many have been begun, at most `most`."""

    ref: Ref
    most: int
    since: datetime
    usual: timedelta | None
    known: frozenset[str]
    moving: str = ""
    moves: int = 0
    ending: StepEnd | None = None


def _ref(step: RebalanceStep) -> Ref:
    return Ref(step.workload.kind, step.workload.namespace, step.workload.name)


def _drain(step: RebalanceStep) -> Drain:
    return _DRAIN.model_copy(update={"delete_empty_dir_data": step.delete_empty_dir_data})


def _begin(step: RebalanceStep, beginning: Beginning, state: ClusterState) -> RebalanceWork:
    found = state.workloads.get(_ref(step))
    if found is None:
        return RebalanceWork(_ref(step), 0, beginning.now, None, frozenset())
    # somebody else's pods, or the scheduler's other wishes, may undo a move; not for ever
    most = 2 * least_moves(spread(found, state), step.max_skew) + 2
    pods = replicas(found, state)
    return RebalanceWork(found.ref, most, beginning.now, usual_warm_up(pods), frozenset(pod.uid for pod in pods))


def _proceed(step: RebalanceStep, work: RebalanceWork, turn: Turn) -> StepEnd | None:
    found = turn.state.workloads.get(work.ref)
    if found is None:
        return StepEnd("failed", f"{work.ref} is gone")
    recount_budgets(turn)
    if work.ending is None:
        work.ending = _spread(step, found, work, turn)
    if work.ending is None or work.ending.outcome != "done":
        return work.ending or _too_late(work, turn)
    return work.ending if _give_back(turn) else None


def _spread(step: RebalanceStep, found: Workload, work: RebalanceWork, turn: Turn) -> StepEnd | None:
    """Take it further by one move; returns how it has come out."""
    failed = _will_not_do(found, work, turn)
    if failed is not None:
        return failed
    pod = turn.state.pod(work.moving) if work.moving else None
    if pod is not None:
        _carry_on(pod, step, turn)
        return None
    if work.moving:
        work.moving, work.since = "", turn.now
    if turn.paused:
        work.since = turn.now
        return None
    if not _whole(found, turn) or not _open(turn):
        return None
    move = next_move(found, turn.state, step.max_skew, lambda pod: _obstacle(pod, step, turn.state))
    counts = spread(found, turn.state)
    said = f"{found.replicas} replicas on {len(counts)} nodes, {_words(counts)}"
    if move is None:
        return StepEnd("done", said)
    if isinstance(move, Stuck):
        return StepEnd("done" if work.moves else "failed", f"{work.ref}: {said}; no other can move: {move}")
    if work.moves >= work.most:
        reason = f"after {work.moves} moves still {_words(counts)}: the scheduler puts them elsewhere"
        return StepEnd("failed", f"{work.ref}: {reason}")
    if _prepare(counts, move.fewest, turn):
        _begin_move(move, counts, step, work, turn)
    return None


def _words(counts: Mapping[str, int]) -> str:
    return f"{min(counts.values(), default=0)} to {max(counts.values(), default=0)} each"


def _obstacle(pod: Pod, step: RebalanceStep, state: ClusterState) -> str | None:
    judged = treatment(pod, _drain(step), state)
    return None if judged.verdict in ("handoff", "evict") else judged.reason


def _will_not_do(found: Workload, work: RebalanceWork, turn: Turn) -> StepEnd | None:
    """A replacement that will never serve; its pod is still there, and goes back."""
    for pod in replicas(found, turn.state):
        if pod.ready or pod.uid in work.known:
            continue
        reason = fault(pod, turn.now, work.usual)
        if reason is not None:
            return StepEnd("failed", f"{pod.ref}: {reason}", pod.ref)
        if pod.started is not None:
            turn.look_again(pod.started + patience(work.usual))
    return None


def _whole(found: Workload, turn: Turn) -> bool:
    pods = replicas(found, turn.state)
    late = [pod for pod in pods if not pod.ready]
    if len(pods) == found.replicas and not late:
        return True
    said = f": {late[0].name} {late[0].waiting or 'is not Ready'}" if late else ""
    turn.wait(found.ref, f"{len(pods) - len(late)} of {found.replicas} replicas Ready{said}")
    return False


def _open(turn: Turn) -> bool:
    """Whether every node that is schedulable and Ready by now takes pods: its controller takes its own taints away a
    moment later, and until then it looks as if nothing could go there.
    """
    for node in turn.state.nodes.values():
        left = [taint.key for taint in node.taints if taint.key in _PASSING]
        if left and node.ready and not node.unschedulable:
            turn.wait(node.ref, f"still has the taint {left[0]}")
            return False
    return True


def _too_late(work: RebalanceWork, turn: Turn) -> StepEnd | None:
    end = work.since + _LIMIT
    turn.look_again(end)
    if turn.now < end:
        return None
    reasons = "; ".join(f"{wait.object}: {wait.reason}" for wait in turn.waits[:3])
    return StepEnd("timedOut", f"{work.ref}: no further within {format_duration(_LIMIT)}: {reasons}")


# -- moves -------------------------------------------------------------------------------------------------------


def _prepare(counts: Mapping[str, int], fewest: int, turn: Turn) -> bool:
    """Whether the scheduler is asked to leave alone the nodes that have more than the fewest, and no others."""
    ready = True
    for node in turn.state.nodes.values():
        has_share = counts.get(node.name, 0) > fewest
        tainted = any(taint.key == marks.PENDING_TAINT for taint in node.taints)
        if has_share and not tainted and marks.run_of(node) in (None, turn.run):
            turn.act(marks.announce_node(node, turn.run))
            ready = False
        elif tainted and not has_share and marks.run_of(node) == turn.run:
            turn.act(marks.give_back(node, turn.run, done=False))
            ready = False
    return ready


def _give_back(turn: Turn) -> bool:
    """Whether no node is announced any more; what comes after this step shall not find them so."""
    return _prepare({}, 0, turn)


def _begin_move(move: Move, counts: Mapping[str, int], step: RebalanceStep, work: RebalanceWork, turn: Turn) -> None:
    pod = move.pod
    judged = treatment(pod, _drain(step), turn.state)
    work.moving, work.since = pod.uid, turn.now
    work.moves += 1
    turn.note(PodJudged(pod, judged.verdict, f"its node has {counts[pod.node]} of them; {judged.reason}"))
    turn.leaving.setdefault(pod.uid, PodLeft(pod, "gone"))
    _send(pod, judged, turn)


def _carry_on(pod: Pod, step: RebalanceStep, turn: Turn) -> None:
    if pod.deleting is not None:
        turn.wait(pod.ref, "terminating")
    elif marks.pod_run(pod) == turn.run:
        carry_on(pod, turn)
    else:
        _send(pod, treatment(pod, _drain(step), turn.state), turn)


def _send(pod: Pod, judged: Treatment, turn: Turn) -> None:
    if judged.handoff is not None:
        detach(pod, judged.handoff, _DRAIN.settle, turn)
    elif judged.verdict == "evict":
        evict(pod, turn, accepts_gap=False)
    else:
        turn.wait(pod.ref, judged.reason)


# -- beforehand --------------------------------------------------------------------------------------------------


def _blockers(step: RebalanceStep, scene: Scene) -> Iterator[Blocker]:
    found = scene.state.workloads.get(_ref(step))
    name = str(_ref(step))
    if found is None:
        yield Blocker(name, "there is no such workload", f"correct the name: kubectl get {_ref(step).kind}s -A")
        return
    blocked: dict[str, Treatment] = {}

    def obstacle(pod: Pod) -> str | None:
        judged = treatment(pod, _drain(step), scene.state)
        if judged.verdict not in ("handoff", "evict"):
            blocked[pod.uid] = judged
        return _obstacle(pod, step, scene.state)

    move = next_move(found, scene.state, step.max_skew, obstacle)
    if not isinstance(move, Stuck):
        return
    own = [_in_this_step(each) for judged in blocked.values() for each in judged.blockers]
    yield from own
    if not own:
        yield Blocker(
            name, f"none of its pods can move: {move}", "free room, or add a node; a volume stays where it is"
        )


def _in_this_step(blocker: Blocker) -> Blocker:
    """The step has a field of its own for what `drain` has as well."""
    if "deleteEmptyDirData" not in blocker.remedy:
        return blocker
    return Blocker(blocker.object, blocker.reason, "let the data be lost with deleteEmptyDirData: true")


def _needs(step: RebalanceStep, _: str) -> Iterable[Need]:
    namespace = step.workload.namespace
    return [
        Need("patch", "", "nodes"),
        Need("patch", "", "pods", namespace),
        Need("create", "", "pods/eviction", namespace),
        Need("patch", "policy", "poddisruptionbudgets", namespace),
    ]


REBALANCE: Verb[RebalanceStep, RebalanceWork] = Verb(_begin, _proceed, _blockers, _needs)
