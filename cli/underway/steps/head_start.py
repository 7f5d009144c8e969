"""Head start: while a node is about to be given back, the pods of the next one are handed off already.

Their replacements warm up on nodes that are done, if there is room; the scheduler prefers those to nodes that wait with
their PreferNoSchedule taint, so no pod moves once more for it. The next node stays schedulable, and each of its pods
serves until its replacement does, and stays until the node's turn has come: so it does not count as unavailable.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from underway.cluster.model import Node, Pod
from underway.cluster.room import Room
from underway.playbook.models import NodesStep
from underway.steps import marks
from underway.steps.crowding import successor
from underway.steps.departure import carry_on, detach
from underway.steps.handoff import settle_total
from underway.steps.node_work import NodesWork, NodeWork
from underway.steps.progress import Turn
from underway.steps.treatment import treatment

_LATEST = 100
"""Room is looked for on so many of the nodes that were done last."""


def give_head_start(step: NodesStep, work: NodesWork, turn: Turn) -> None:
    nodes = turn.state.nodes
    coming = [nodes[name] for name in islice(work.waiting(), len(work.at_work)) if name in nodes]
    for node in coming:
        turn.go_over((give_head_start, node.name), turn.state.pods_on(node.name), lambda pod: _carry_on(pod, turn))
    if not all(_nearly_given_back(node, step) for node in work.at_work.values()):
        return
    if any(_lately_done(work)):
        room = Room(turn.state)
        for node in filter(_is_announced, coming):
            pods = turn.state.pods_on(node.name)
            key = _detach_early, node.name, work.index
            turn.go_over(key, pods, lambda pod: _detach_early(pod, step, room, work, turn))


def _lately_done(work: NodesWork) -> Iterator[str]:
    return (name for name in islice(reversed(work.ended), _LATEST) if work.ended[name].phase == "done")


def _carry_on(pod: Pod, turn: Turn) -> bool:
    begun = marks.pod_run(pod) == turn.run and pod.deleting is None
    return carry_on(pod, turn, early=True) if begun else True


def _nearly_given_back(here: NodeWork, step: NodesStep) -> bool:
    """It is being verified; or there is nothing to do on it, and every pod that has to leave is about to, which takes
    about as long as a replacement takes to start. While its cordon is still refused, nobody has been told to leave.
    """
    if here.phase == "verifying":
        return True
    nothing_to_do = step.maintain is None or step.maintain.job is None
    return (
        here.phase == "draining"
        and nothing_to_do
        and bool(here.staying)
        and all(pod.deleting is not None or marks.stage(pod) for pod in here.staying.values())
    )


def _is_announced(node: Node) -> bool:
    return node.ready and not node.unschedulable and any(taint.key == marks.PENDING_TAINT for taint in node.taints)


def _detach_early(pod: Pod, step: NodesStep, room: Room, work: NodesWork, turn: Turn) -> bool:
    """Begin the handoff of a pod, if there is one to begin and room. Returns what `Turn.go_over` asks for."""
    if pod.ref in turn.in_flight:
        return False
    judged = treatment(pod, step.drain, turn.state)
    if marks.stage(pod) or judged.handoff is None:
        return not judged.elsewhere
    if room.first_fit(successor(pod), _lately_done(work)) is not None:
        work.tell(pod, judged, turn)
        detach(pod, judged.handoff, settle_total(step.drain.settle, step.drain.linger), turn)
    return False
