"""Head start: while a node is about to be given back, the next one's replacements warm up already.

Only where they find room on nodes that are done, which the scheduler prefers to those that wait with their
PreferNoSchedule taint: so no pod moves once more for it. The next node stays schedulable and its pods go on serving,
so it does not count as unavailable.
"""

from __future__ import annotations

from underway.cluster.model import Node
from underway.cluster.room import Room
from underway.playbook.models import NodesStep
from underway.steps import marks
from underway.steps.departure import detach
from underway.steps.handoff import settle_total
from underway.steps.node_work import NodesWork, NodeWork
from underway.steps.progress import PodJudged, Turn
from underway.steps.treatment import treatment


def give_head_start(step: NodesStep, work: NodesWork, turn: Turn) -> None:
    done = {name for name, node in work.ended.items() if node.phase == "done"}
    if not done or not work.at_work or not all(_nearly_given_back(node, step) for node in work.at_work.values()):
        return
    waiting = [name for name in work.order if name not in work.at_work and name not in work.ended]
    room, closed = Room(turn.state), turn.state.nodes.keys() - done
    for name in waiting[: len(work.at_work)]:
        node = turn.state.nodes.get(name)
        if node is not None and _is_announced(node):
            _detach_early(node, step, room, closed, work, turn)


def _nearly_given_back(here: NodeWork, step: NodesStep) -> bool:
    """All that is left to do on the node takes seconds: no maintenance, and no pod that has to be replaced."""
    if here.phase == "verifying":
        return True
    nothing_to_do = step.maintain is None or step.maintain.job is None
    return (
        here.phase == "draining"
        and nothing_to_do
        and all(pod.deleting is not None or marks.stage(pod) == "withdrawn" for pod in here.staying.values())
    )


def _is_announced(node: Node) -> bool:
    return node.ready and not node.unschedulable and any(taint.key == marks.PENDING_TAINT for taint in node.taints)


def _detach_early(node: Node, step: NodesStep, room: Room, closed: set[str], work: NodesWork, turn: Turn) -> None:
    for pod in turn.state.pods_on(node.name):
        judged = treatment(pod, step.drain, turn.state)
        if judged.handoff is not None and isinstance(room.place(pod, closed=closed), str):
            if pod.uid not in work.judged:
                work.judged.add(pod.uid)
                turn.note(PodJudged(pod, judged.verdict, judged.reason))
            detach(pod, judged.handoff, settle_total(step.drain.settle, step.drain.linger), turn)
