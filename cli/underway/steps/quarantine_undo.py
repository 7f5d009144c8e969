"""A quarantine undone: the pod is back in traffic and with its controller; or, after a good end, left to a person.

A controller that gets a pod back while all its others are Ready stops one of those at once, in the midst of its
requests. So the pod serves first; then the latest of the others is handed off to it, and it takes that one's place.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from msgspec.structs import replace

from underway.cluster import traffic
from underway.cluster.actions import PatchPod
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import MARK
from underway.cluster.ties import original_labels
from underway.steps import marks
from underway.steps.handoff import handoff
from underway.steps.progress import PodLeft, Turn
from underway.steps.quarantine import KEEP_UNTIL, SINCE, WHY, stays
from underway.steps.reattaching import has_place
from underway.steps.serving import needed_beside

_BACK = "returning"


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - the shape of every undo
    pods = _quarantined(turn)
    look = _Look()
    for pod in pods:
        if good:
            turn.keep(pod.ref, stays(pod))
            turn.act(_left_to_a_person(pod))
        else:
            _give_back(pod, look, turn)
    return [pod.ref for pod in pods]


def marked(turn: Turn) -> list[Ref]:
    return [pod.ref for pod in _quarantined(turn)]


def _quarantined(turn: Turn) -> list[Pod]:
    """The pods that the turn's run has put in quarantine, or was about to. Those of runs that have ended well are a
    person's: they do not have the run's mark any more.
    """
    return [
        pod
        for pod in turn.state.marked_pods()
        if pod.labels.get(MARK) == turn.run and marks.quarantined_by(pod) == turn.run and pod.deleting is None
    ]


def _left_to_a_person(pod: Pod) -> PatchPod:
    return PatchPod(
        pod.ref,
        pod.uid,
        says=f"leave it in quarantine, to a person (label {marks.QUARANTINED})",
        labels={MARK: None},
        annotations=dict.fromkeys((marks.STAGE, marks.OWNER, marks.WITHDRAW, marks.WITHDRAWN_AT)),
    )


@dataclass
class _Look:
    """By their UIDs: the controllers for which this look has begun to make room, and those it has given a pod back."""

    begun: set[str] = field(default_factory=set)
    given: Counter[str] = field(default_factory=Counter)


def _give_back(pod: Pod, look: _Look, turn: Turn) -> None:
    uid = pod.annotations.get(marks.OWNER, "")
    controller = turn.state.workload(uid)
    surplus = _in_its_place(controller, look, turn) if pod.ready else None
    if surplus is None:
        if pod.ready and controller is not None and not has_place(controller, pod, turn):
            return
        look.given[uid] += pod.ready
        turn.act(_reattach(pod))
    elif marks.stage(pod) == "quarantined":
        turn.act(_into_traffic(pod))
    elif not traffic.serves(pod, turn.state):
        turn.wait(pod.ref, "is not in every EndpointSlice yet")
    elif uid in look.begun:
        turn.wait(pod.ref, "another one returns first")
    else:
        look.begun.add(uid)
        way = handoff(surplus, turn.state)
        if isinstance(way, str):
            turn.act(_reattach(pod))
            return
        needed = needed_beside(uid, turn.state)
        detached = marks.detach(surplus, turn.run, key=way.detach, withdraw=way.withdraw, needed=needed)
        turn.leaving[surplus.uid] = PodLeft(surplus, "handedOff")
        turn.act(replace(detached, annotations={**detached.annotations, marks.INSTEAD: pod.name}))


def _in_its_place(found: Workload | None, look: _Look, turn: Turn) -> Pod | None:
    """The serving pod that its ReplicaSet would stop for it; None if it would stop none that is Ready."""
    if found is None or found.selector is None or found.kind != "replicaset" or found.replicas == 0:
        return None
    # those too that it is about to adopt
    own = [pod for pod in turn.state.selection(found.namespace, found.selector).pods if not marks.stage(pod)]
    ready = [pod for pod in own if pod.ready and pod.deleting is None]
    if not ready or len(ready) + look.given[found.uid] < found.replicas:
        return None
    return max(ready, key=lambda pod: (pod.created is not None, pod.created, pod.name))


def _into_traffic(pod: Pod) -> PatchPod:
    keys = pod.annotations.get(marks.WITHDRAW, "").split(",")
    labels = {key: value for key, value in original_labels(pod).items() if key in keys}
    return PatchPod(
        pod.ref,
        pod.uid,
        says=f"put back: into traffic (label {', '.join(labels)})",
        labels=labels,
        annotations={marks.STAGE: _BACK},
    )


def _reattach(pod: Pod) -> PatchPod:
    undo = marks.reattach(pod)
    return replace(
        undo,
        says="put back: into traffic, and to its controller",
        labels={**undo.labels, marks.QUARANTINED: None},
        annotations={**undo.annotations, **dict.fromkeys((SINCE, KEEP_UNTIL, WHY))},
    )
