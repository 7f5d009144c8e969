"""Head start: while a node is about to be given back, the pods of the next one are handed off already.

Their replacements warm up on nodes that are done, if there is room; the scheduler prefers those to nodes that wait with
their PreferNoSchedule taint, so no pod moves once more for it. The next node stays schedulable, and each of its pods
serves until its replacement does, and stays until the node's turn has come: so it does not count as unavailable.
"""

from __future__ import annotations

from itertools import islice

from underway.cluster.model import Node, Pod
from underway.cluster.room import Room
from underway.playbook.models import NodesStep
from underway.steps import marks
from underway.steps.departure import STAY, carry_on, detach
from underway.steps.handoff import settle_total
from underway.steps.node_work import NodesWork, NodeWork
from underway.steps.progress import PodJudged, Turn
from underway.steps.treatment import treatment

_LATEST = 100
"""Room is looked for on so many of the nodes that were done last."""


def give_head_start(step: NodesStep, work: NodesWork, turn: Turn) -> None:
    next_ones = islice(work.waiting(), len(work.at_work))
    coming = [turn.state.nodes[name] for name in next_ones if name in turn.state.nodes]
    for node in coming:
        for pod in turn.state.pods_on(node.name):
            if marks.pod_run(pod) == turn.run and pod.deleting is None:
                carry_on(pod, turn, early=True)
    if not all(_nearly_given_back(node, step) for node in work.at_work.values()):
        return
    staying = [pod for node in coming if _is_announced(node) for pod in _not_begun(node, turn)]
    if not staying:
        return
    done = [name for name in islice(reversed(work.ended), _LATEST) if work.ended[name].phase == "done"]
    if done:
        _detach_early(staying, step, done, work, turn)


def _nearly_given_back(here: NodeWork, step: NodesStep) -> bool:
    """It is being verified; or there is nothing to do on it, and every pod that has to leave is about to, which takes
    about as long as a replacement takes to start.
    """
    if here.phase == "verifying":
        return True
    nothing_to_do = step.maintain is None or step.maintain.job is None
    return (
        here.phase == "draining"
        and nothing_to_do
        and all(pod.deleting is not None or marks.stage(pod) for pod in here.staying.values())
    )


def _is_announced(node: Node) -> bool:
    return node.ready and not node.unschedulable and any(taint.key == marks.PENDING_TAINT for taint in node.taints)


def _not_begun(node: Node, turn: Turn) -> list[Pod]:
    """The pods of which no handoff has begun, but for those that may stay."""
    return [pod for pod in turn.state.pods_on(node.name) if not (marks.stage(pod) or turn.still(pod, STAY))]


def _detach_early(pods: list[Pod], step: NodesStep, done: list[str], work: NodesWork, turn: Turn) -> None:
    room = Room(turn.state)
    for pod in pods:
        judged = treatment(pod, step.drain, turn.state)
        if judged.verdict == "skip":
            turn.recall(pod, STAY)
        if judged.handoff is not None and room.first_fit(pod, done) is not None:
            if pod.uid not in work.judged:
                work.judged.add(pod.uid)
                turn.note(PodJudged(pod, judged.verdict, judged.reason))
            detach(pod, judged.handoff, settle_total(step.drain.settle, step.drain.linger), turn)
