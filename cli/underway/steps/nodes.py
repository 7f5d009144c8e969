"""The verb `nodes`: one node after another is cordoned, emptied, maintained, verified and given back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from underway.cluster.actions import DeleteJob
from underway.cluster.eligibility import tolerates_cordon
from underway.cluster.model import Node, Pod
from underway.cluster.state import ClusterState
from underway.playbook.models import NodesStep
from underway.steps import holding, maintenance, marks
from underway.steps.departure import carry_on, detach, evict, recount_budgets
from underway.steps.handoff import settle_total
from underway.steps.head_start import give_head_start
from underway.steps.node_order import at_once, leaving
from underway.steps.node_work import NodesWork, NodeWork, await_ready
from underway.steps.progress import NodeEntered, Phase, PodLeft, StepEnd, Turn
from underway.steps.treatment import treatment, treatment_now
from underway.steps.undo import put_back_node
from underway.units import format_duration

_COME_BACK = timedelta(minutes=10)


@dataclass(frozen=True)
class Checked:
    """What the gates of `verify` say about a node: True, False for good, or None while they may still pass."""

    holds: bool | None
    reason: str = ""


Verify = Callable[[str], Checked]


def proceed(step: NodesStep, work: NodesWork, turn: Turn, verify: Verify) -> StepEnd | None:
    """Take the step as far as it goes now. Returns its end, or None while there is something to wait for."""
    for name in tuple(work.at_work):
        _proceed_node(name, step, work, turn, verify)
    if len(work.failed) > step.max_failed.of(len(work.order), round_up=False):
        worst = work.ended[work.failed[-1]]
        return StepEnd("timedOut" if worst.timed_out else "failed", f"node/{work.failed[-1]}: {worst.failure}")
    _start_nodes(step, work, turn, verify)
    give_head_start(step, work, turn)
    recount_budgets(turn)
    if len(work.ended) == len(work.order) and not work.at_work:
        return StepEnd("done", work.remark())
    return None


def _start_nodes(step: NodesStep, work: NodesWork, turn: Turn, verify: Verify) -> None:
    limit = at_once(step, len(work.order))
    if work.announced and len(work.at_work) >= limit:
        return
    waiting = tuple(work.waiting())
    unavailable = {name for name in waiting if _unavailable(name, turn.state)}
    for name in waiting:
        if len(work.at_work) >= limit:
            break
        node = turn.state.nodes.get(name)
        if node is None:
            work.end(name, NodeWork("failed", turn.now, failure="the node is gone"))
            turn.note(NodeEntered(name, "failed", "the node is gone"))
            turn.look_again(turn.now)
            unavailable.discard(name)
            continue
        # a node that somebody has cordoned already is away as it is: its turn takes none more. One that is not Ready is
        # not begun, its kubelet would stop no pod: see await_ready.
        has_turn = node.unschedulable or len(unavailable | work.at_work.keys() | {name}) <= limit
        if node.ready and has_turn:
            _begin(node, step, work, turn)
            _proceed_node(name, step, work, turn, verify)
    await_ready(work, step.drain.timeout, turn)
    if not work.announced and len(work.order) > 1:
        work.announced = True
        for name in waiting:
            node = turn.state.nodes.get(name)
            if node is not None and name not in work.at_work and marks.run_of(node) is None:
                turn.act(marks.announce_node(node, turn.run))


def _begin(node: Node, step: NodesStep, work: NodesWork, turn: Turn) -> None:
    pods = turn.state.pods_on(node.name)
    found = frozenset(pod.uid for pod in pods)
    work.at_work[node.name] = NodeWork("draining", turn.now, found, kubelet=node.kubelet_version)
    turn.note(NodeEntered(node.name, "draining", pods=len(leaving(node, step, turn.state))))
    for pod in pods:
        if pod.uid not in work.told:
            judged = treatment(pod, step.drain, turn.state)
            if judged.verdict != "blocked":  # it may pass, as a Service's other endpoint comes
                work.tell(pod, judged, turn)


def _unavailable(name: str, state: ClusterState) -> bool:
    node = state.nodes.get(name)
    return node is None or not node.ready or node.unschedulable


def _proceed_node(name: str, step: NodesStep, work: NodesWork, turn: Turn, verify: Verify) -> None:
    here = work.at_work[name]
    node = turn.state.nodes.get(name)
    if node is None:
        _fail(here, "the node is gone")
        _end(name, "failed", work, turn)
        return
    match here.phase:
        case "draining":
            _drain(node, here, step, work, turn)
        case "maintaining":
            _maintain(node, here, step, work, turn)
        case "verifying":
            _verify(node, here, work, turn, verify)
        case "failed":
            if marks.has_not_come_back(node):
                _end(name, "failed", work, turn)
            elif put_back_node(node, turn):
                _end(name, "restored", work, turn)
            elif turn.now >= here.since + _COME_BACK:
                _end(name, "failed", work, turn)
            turn.look_again(here.since + _COME_BACK)
        case "pending" | "done" | "restored":
            return
        case never:
            assert_never(never)


def _enter(name: str, here: NodeWork, phase: Phase, turn: Turn) -> None:
    here.phase, here.since = phase, turn.now
    turn.note(NodeEntered(name, phase, here.failure if phase == "failed" else ""))
    turn.look_again(turn.now)


def _end(name: str, phase: Phase, work: NodesWork, turn: Turn, reason: str = "") -> None:
    here = work.at_work.pop(name)
    here.phase = phase
    work.end(name, here)
    turn.note(NodeEntered(name, phase, here.failure or reason))
    turn.look_again(turn.now)


def _fail(here: NodeWork, reason: str, *, timed_out: bool = False) -> None:
    here.failure, here.timed_out = reason, timed_out


# -- the phases --------------------------------------------------------------------------------------------------


def _drain(node: Node, here: NodeWork, step: NodesStep, work: NodesWork, turn: Turn) -> None:
    if not node.unschedulable or marks.run_of(node) != turn.run or node.annotations.get(marks.PHASE) == "pending":
        turn.act(marks.cordon(node, turn.run))
        return
    before = len(turn.waits)
    for uid in [uid for uid in here.staying if uid not in turn.state.pods_by_uid]:
        del here.staying[uid]
    pods = turn.state.pods_on(node.name)
    turn.go_over((_drain, node.name, here.since), pods, lambda pod: _send_off(pod, here, step, work, turn))
    if here.staying:
        end = here.since + step.drain.timeout
        if turn.now >= end:
            reasons = "; ".join(f"{wait.object}: {wait.reason}" for wait in turn.waits[before:][:3])
            _fail(here, f"not empty after {format_duration(step.drain.timeout)}: {reasons}", timed_out=True)
            for pod in here.staying.values():
                if pod.uid not in work.told:
                    work.tell(pod, treatment(pod, step.drain, turn.state), turn)
            _enter(node.name, here, "failed", turn)
        turn.look_again(end)
        return
    if step.maintain is not None and (step.maintain.job or step.maintain.hold):
        _enter(node.name, here, "maintaining", turn)
    else:
        _enter(node.name, here, "verifying", turn)


def _send_off(pod: Pod, here: NodeWork, step: NodesStep, work: NodesWork, turn: Turn) -> bool:
    """Do what can be done now to have a pod leave. Returns what `Turn.go_over` asks for."""
    if pod.uid not in here.found and tolerates_cordon(pod):
        # it would come back for ever, as under kubectl drain
        return True
    under_way = marks.pod_run(pod) == turn.run and pod.deleting is None and not pod.finished
    if under_way and pod.uid in here.staying:
        here.staying[pod.uid] = pod
        return carry_on(pod, turn, grace=step.drain.grace_period)
    judged = treatment_now(pod, step.drain, turn.state)
    if judged.verdict == "skip":
        here.staying.pop(pod.uid, None)
        turn.leaving.pop(pod.uid, None)
        return True
    here.staying[pod.uid] = pod
    turn.leaving.setdefault(pod.uid, PodLeft(pod, "gone"))
    grace = step.drain.grace_period
    if pod.deleting is None and judged.verdict != "wait":
        if marks.pod_run(pod) is not None:
            return carry_on(pod, turn, grace=grace)
        if judged.verdict != "blocked":
            work.tell(pod, judged, turn)
        if judged.handoff is not None:
            detach(pod, judged.handoff, settle_total(step.drain.settle, step.drain.linger), turn)
            return False
        if judged.verdict == "evict":
            accepts_gap = step.drain.strategy == "evict"
            evicted = evict(pod, turn, grace=grace, accepts_gap=accepts_gap)
            return not evicted and not turn.ledger.spent and not judged.elsewhere
    turn.wait(pod.ref, judged.reason)
    return not judged.elsewhere


def _maintain(node: Node, here: NodeWork, step: NodesStep, work: NodesWork, turn: Turn) -> None:
    if step.maintain is not None and step.maintain.hold is not None:
        held = holding.proceed(node, step.maintain.hold, here.since, turn)
        if held is not None:
            _fail(here, held.reason, timed_out=held.outcome == "timedOut")
            _enter(node.name, here, "verifying" if held.outcome == "done" else "failed", turn)
        return
    job = step.maintain.job if step.maintain else None
    if job is None:
        _enter(node.name, here, "verifying", turn)
        return
    ref = maintenance.job_ref(node, turn.run, work.index, job.namespace or work.namespace)
    found = turn.state.workloads.get(ref)
    end = here.since + maintenance.deadline(job, node)
    if node.annotations.get(marks.PHASE) != "maintaining":
        turn.act(marks.enter(node, "maintaining"))
    if found is None:
        turn.act(maintenance.create(node, job, ref, turn.run, turn.now))
    elif found.complete:
        turn.act(DeleteJob(ref, found.uid, says="delete, maintenance is done"))
        _enter(node.name, here, "verifying", turn)
        return
    elif found.failure:
        # its deadline is its own to keep (activeDeadlineSeconds); it began a little after the phase did
        late = turn.now >= here.since + job.timeout
        why = maintenance.failure(found, turn.state)
        reason = f"did not end within {format_duration(job.timeout)}" if late else f"failed: {why}"
        _fail(here, f"{ref} {reason}", timed_out=late)
    else:
        turn.wait(node.ref, maintenance.progress(found, node, turn.state))
    if turn.now >= end and not here.failure:
        lost = "" if node.ready else ", and the node is not Ready"
        _fail(here, f"{ref} did not end within {format_duration(job.timeout)}{lost}", timed_out=True)
    if here.failure:
        _enter(node.name, here, "failed", turn)
    turn.look_again(end)


def _verify(node: Node, here: NodeWork, work: NodesWork, turn: Turn, verify: Verify) -> None:
    checked = verify(node.name)
    if checked.holds is False:
        _fail(here, f"verification failed: {checked.reason}")
        _enter(node.name, here, "failed", turn)
    elif checked.holds is None:
        turn.wait(node.ref, checked.reason)
        _give_up(node, here, turn)
    elif work.keep_cordons:
        if node.annotations.get(marks.PHASE) != "drained":
            turn.act(marks.enter(node, "drained"))
        else:
            _end(node.name, "done", work, turn)
    elif marks.CORDONED in node.annotations or node.annotations.get(marks.PHASE) != "done":
        turn.act(marks.give_back(node, turn.run, done=True))
    else:
        _end(node.name, "done", work, turn, maintenance.upgraded(here.kubelet, node))


def _give_up(node: Node, here: NodeWork, turn: Turn) -> None:
    """A node that does not come back: its gates have time-outs of their own, being Ready has this one."""
    end = here.since + _COME_BACK
    if turn.now >= end:
        _fail(here, f"not back within {format_duration(_COME_BACK)}: {turn.waits[-1].reason}", timed_out=True)
        _enter(node.name, here, "failed", turn)
    turn.look_again(end)
