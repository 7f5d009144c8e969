"""Undo: put back what a run has changed, from the cluster's marks alone.

What is on its way and can only be harmed by turning round goes on to its end: a pod whose replacement serves leaves by
its handoff, a maintenance Job is let finish. Everything else returns to what it was. The end of a good run is the same
walk: then only the marks are left to take away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from underway.cluster.actions import DeleteJob
from underway.cluster.model import Node, Pod, Ref
from underway.cluster.state import MARK
from underway.steps import (
    marks,
    quarantine_undo,
    rollout_daemonset,
    rollout_statefulset,
    rollout_undo,
    scale,
    shedding,
    taking_back,
)
from underway.steps.departure import carry_on, recount_budgets
from underway.steps.handover import is_of_rollout
from underway.steps.maintenance import at_work, last_moment
from underway.steps.progress import Turn
from underway.steps.rollout_undo import put_back_replicasets


@dataclass(frozen=True)
class Undo:
    """How what a verb has marked is put back. `put_back(turn, good)` takes the next steps back and returns what is
    still marked; `good`: the run has come to its good end, so that what was meant to last stays.
    """

    put_back: Callable[[Turn, bool], list[Ref]]
    marked: Callable[[Turn], list[Ref]]


UNDOS: tuple[Undo, ...] = (
    Undo(rollout_undo.put_back, rollout_undo.marked),
    Undo(rollout_statefulset.put_back, rollout_statefulset.marked),
    Undo(rollout_daemonset.put_back, rollout_daemonset.marked),
    Undo(quarantine_undo.put_back, quarantine_undo.marked),
    Undo(scale.put_back, scale.marked),
    Undo(taking_back.put_back, taking_back.marked),
)
"""In the order in which things are put back."""


def put_back(turn: Turn, *, keep_cordons: bool = False, good: bool = False) -> list[Ref]:
    """Take the next steps back for the turn's run; returns what still carries its marks (empty: all is put back).

    `keep_cordons` leaves the nodes that were emptied on purpose and not given back (underway drain).
    """
    left = [ref for verb in UNDOS for ref in verb.put_back(turn, good)]
    left = left or put_back_replicasets(turn)
    detached = [pod for pod in detached_pods(turn) if not _is_stuck(pod, turn)]
    turn.go_over(put_back, detached, lambda pod: carry_on(pod, turn, back=True))
    left += [pod.ref for pod in detached]
    busy = dict(_nodes_at_work(turn))
    for node in turn.state.marked_nodes():
        kept = keep_cordons and node.annotations.get(marks.PHASE) == "drained"
        if marks.run_of(node) == turn.run and not kept and not _stays(node, busy):
            left.append(node.ref)
            _put_back_node(node, busy.get(node.name), turn)
    for job in turn.state.marked_workloads():
        if marks.made_by(job) == turn.run:
            left.append(job.ref)
            if marks.JOB_NODE not in job.annotations and at_work(job, None, turn.now):
                turn.wait(job.ref, "is at work, and let finish")
                turn.look_again(last_moment(job, None) or turn.now)
            elif job.ref not in busy.values():
                turn.act(DeleteJob(job.ref, job.uid, says="delete, it has ended"))
    left.extend(_put_back_budgets(turn))
    return left


def marked(turn: Turn) -> list[Ref]:
    """Everything that carries the marks of the turn's run."""
    refs = [ref for verb in UNDOS for ref in verb.marked(turn)]
    refs += [pod.ref for pod in detached_pods(turn)]
    refs += [node.ref for node in turn.state.marked_nodes() if marks.run_of(node) == turn.run]
    refs += [job.ref for job in turn.state.marked_workloads() if marks.made_by(job) == turn.run]
    refs += [budget.ref for budget in turn.state.marked_budgets() if marks.run_of(budget) == turn.run]
    return refs


def not_back(turn: Turn) -> dict[Ref, str]:
    """What only a node that is Ready again brings to its end, and why: nodes that their maintenance has not given back,
    which keep their cordons and marks, so that `restore` finds them; and pods that no kubelet ends.
    """
    nodes = {
        node.ref: "is not Ready since its maintenance and stays cordoned"
        for node in turn.state.marked_nodes()
        if marks.run_of(node) == turn.run and marks.has_not_come_back(node)
    }
    stuck = [pod for pod in detached_pods(turn) if _is_stuck(pod, turn)]
    return nodes | {pod.ref: f"is terminating on node/{pod.node}, which is not Ready" for pod in stuck}


def _is_stuck(pod: Pod, turn: Turn) -> bool:
    node = turn.state.nodes.get(pod.node)
    return pod.deleting is not None and node is not None and not node.ready


def put_back_node(node: Node, turn: Turn) -> bool:
    """Put back one node of a run that goes on: its pods' handoffs and its cordon. Returns whether that is done."""
    # what makes room for its pods is on other nodes
    open_handoffs = [
        pod
        for pod in detached_pods(turn)
        if (pod.node == node.name or marks.SURPLUS in pod.annotations) and not _is_stuck(pod, turn)
    ]
    turn.go_over((put_back_node, node.name), open_handoffs, lambda pod: carry_on(pod, turn, back=True))
    if marks.run_of(node) == turn.run:
        _put_back_node(node, dict(_nodes_at_work(turn)).get(node.name), turn)
        return False
    return not open_handoffs


def _stays(node: Node, busy: Mapping[str, Ref]) -> bool:
    return marks.has_not_come_back(node) and node.name not in busy


def detached_pods(turn: Turn) -> list[Pod]:
    """Those of drains; a rollout sees to its own, and so do a quarantine and a scaling."""
    return [
        pod
        for pod in turn.state.marked_pods()
        if marks.pod_run(pod) == turn.run and not is_of_rollout(pod) and not shedding.is_shed(pod)
    ]


def _nodes_at_work(turn: Turn) -> Iterator[tuple[str, Ref]]:
    """The nodes on which a Job of the run is still at work, each with its Job."""
    for job in turn.state.marked_workloads():
        name = job.annotations.get(marks.JOB_NODE, "")
        node = turn.state.nodes.get(name)
        if name and marks.made_by(job) == turn.run and at_work(job, node, turn.now):
            yield name, job.ref
            if (end := last_moment(job, node)) is not None:
                turn.look_again(end)


def _put_back_node(node: Node, job: Ref | None, turn: Turn) -> None:
    if job is not None:
        turn.wait(node.ref, f"{job} is at work on it")
        return
    turn.act(marks.give_back(node, turn.run, done=False))


def _put_back_budgets(turn: Turn) -> list[Ref]:
    recount_budgets(turn)
    settling = {str(action.object) for action in turn.actions}
    changed = (pod for pod in turn.state.marked_pods() if pod.labels.get(MARK) == turn.run and marks.stage(pod))
    namespaces = {pod.namespace for pod in changed if not _is_stuck(pod, turn)}
    left = []
    for budget in turn.state.marked_budgets():
        if marks.run_of(budget) != turn.run:
            continue
        left.append(budget.ref)
        if budget.namespace not in namespaces and str(budget.ref) not in settling:
            turn.act(marks.forget_recount(budget))
    return left
