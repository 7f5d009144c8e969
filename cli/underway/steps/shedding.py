"""Shedding: a workload gets fewer replicas without losing a request.

Its ReplicaSet would stop pods in the middle of their work, or those that have just begun it. So as many as are too many
are detached first, while they still serve, and those that are about to; what the ReplicaSet makes in their stead is not
Ready yet, and goes first when it is told the lower number. The detached ones leave traffic, settle, and are evicted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from underway.cluster import disruption
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.steps import marks
from underway.steps.departure import carry_on, recount_budgets
from underway.steps.handoff import Handoff, handoff
from underway.steps.progress import Turn
from underway.steps.serving import may_become_ready, warm_ups

SHED = "underway.dev/shed"
"""The annotation of a pod that its workload has no more use for."""
_NEARLY = timedelta(seconds=2)
"""The API tells moments in whole seconds, and a ReplicaSet stops a pod a moment after it was told."""


def is_shed(pod: Pod) -> bool:
    return SHED in pod.annotations


def may_have(found: Workload, count: int, turn: Turn) -> bool:
    """Whether the workload may be told to have only `count` replicas now; until then the next steps are taken. Where
    none is to be left, nobody could serve meanwhile.
    """
    replicaset = _only_replicaset(found, turn)
    if replicaset is None or count >= found.replicas or count == 0:
        return True
    held = [pod for pod in _shed(turn) if pod.owner is not None and pod.owner.uid == replicaset.uid]
    for pod in held:
        turn.wait(pod.ref, f"{replicaset.ref} has not released it yet")
    standing = [pod for pod in turn.state.pods_of(replicaset.uid) if pod.deleting is None and not marks.stage(pod)]
    own = [pod for pod in standing if pod.ready or _is_nearly_ready(pod, standing, turn)]
    surplus = len(own) - count
    ways = {pod.uid: way for pod in own if (way := _way(pod, surplus, turn.state)) is not None}
    crowd = Counter(pod.node for pod in own)
    for _ in range(surplus):
        able = (pod for pod in own if pod.uid in ways)
        chosen = max(able, key=lambda pod: (not pod.ready, crowd[pod.node], pod.name), default=None)
        if chosen is None:
            break
        way = ways.pop(chosen.uid)
        crowd[chosen.node] -= 1
        detached = marks.detach(chosen, turn.run, key=way.detach, withdraw=way.withdraw, needed=count)
        says = f"one too many: detach from its ReplicaSet (label {way.detach}), still serving"
        turn.act(replace(detached, says=says, annotations={**detached.annotations, SHED: turn.run}))
        held.append(chosen)
    return not held


def _is_nearly_ready(pod: Pod, siblings: Sequence[Pod], turn: Turn) -> bool:
    """Whether it may serve before its ReplicaSet, told the lower number, stops it. One that has just been made for a
    pod that was detached would otherwise be detached in its turn, and so on, for as long as the number is refused.
    """
    if not may_become_ready(pod, turn.state):
        return False
    took = warm_ups(siblings)
    return not took or pod.started is None or turn.now >= pod.started + min(took) - _NEARLY


def _way(pod: Pod, surplus: int, state: ClusterState) -> Handoff | None:
    """How it leaves; None where that makes no difference, or where no budget could be met by those that stay."""
    way = handoff(replace(pod, ready=True), state)
    budgets = state.budgets_of(pod) if pod.ready else ()
    if isinstance(way, str) or not way.withdraw or len(budgets) > 1:
        return None
    for budget in budgets:
        needed = disruption.desired(budget, disruption.expected(budget, state) - surplus)
        if disruption.healthy(budget, state) - surplus < needed:
            return None
    return way


def see_off(turn: Turn) -> list[Ref]:
    """Make the next move of each pod that has been shed; returns those that are still there."""
    found = _shed(turn)
    turn.go_over(see_off, found, lambda pod: carry_on(pod, turn, why="the others are enough"))
    for pod in found:
        # nothing takes its place: it has not been moved
        turn.leaving.pop(pod.uid, None)
    if found:
        recount_budgets(turn)
    return [pod.ref for pod in found]


def _shed(turn: Turn) -> list[Pod]:
    return [pod for pod in turn.state.marked_pods() if is_shed(pod) and marks.pod_run(pod) == turn.run]


def _only_replicaset(found: Workload, turn: Turn) -> Workload | None:
    if found.kind == "replicaset":
        return found
    rolled = [one for one in turn.state.workloads_of(found.uid) if one.kind == "replicaset" and one.replicas]
    return rolled[0] if found.kind == "deployment" and len(rolled) == 1 else None
