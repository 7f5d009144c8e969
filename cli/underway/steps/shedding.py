"""Shedding: a workload gets fewer replicas without losing a request.

Its ReplicaSet would stop pods in the middle of their work. So as many as are too many are detached first, while they
still serve; what the ReplicaSet makes in their stead is not Ready yet, and goes first when it is told the lower number.
The detached ones leave traffic, settle, and are evicted.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from msgspec.structs import replace

from underway.cluster.model import Pod, Ref, Workload
from underway.steps import marks
from underway.steps.departure import carry_on, recount_budgets
from underway.steps.handoff import Handoff, handoff
from underway.steps.progress import Turn

SHED = "underway.dev/shed"
"""The annotation of a pod that its workload has no more use for."""
_SETTLE = timedelta(seconds=3)


def is_shed(pod: Pod) -> bool:
    return SHED in pod.annotations


def may_have(found: Workload, count: int, turn: Turn) -> bool:
    """Whether the workload may be told to have only `count` replicas now; until then the next steps are taken."""
    replicaset = _only_replicaset(found, turn)
    if replicaset is None or count >= found.replicas:
        return True
    held = [pod for pod in _shed(turn) if pod.owner is not None and pod.owner.uid == replicaset.uid]
    for pod in held:
        turn.wait(pod.ref, f"{replicaset.ref} has not released it yet")
    own = [
        pod for pod in turn.state.pods_of(replicaset.uid) if pod.ready and pod.deleting is None and not marks.stage(pod)
    ]
    ways = {pod.uid: way for pod in own if isinstance(way := handoff(pod, turn.state), Handoff) and way.withdraw}
    crowd = Counter(pod.node for pod in own)
    for _ in range(len(own) - count):
        chosen = max((pod for pod in own if pod.uid in ways), key=lambda pod: (crowd[pod.node], pod.name), default=None)
        if chosen is None:
            break
        way = ways.pop(chosen.uid)
        crowd[chosen.node] -= 1
        detached = marks.detach(chosen, turn.run, key=way.detach, withdraw=way.withdraw, needed=count, settle=_SETTLE)
        says = f"one too many: detach from its ReplicaSet (label {way.detach}), still serving"
        turn.act(replace(detached, says=says, annotations={**detached.annotations, SHED: turn.run}))
        held.append(chosen)
    return not held


def see_off(turn: Turn) -> list[Ref]:
    """Make the next move of each pod that has been shed; returns those that are still there."""
    found = _shed(turn)
    for pod in found:
        carry_on(pod, turn, why="the others are enough")
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
