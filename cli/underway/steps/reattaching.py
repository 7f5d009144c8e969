"""Giving a detached pod back to its ReplicaSet, which stops one of its pods for it: it must be one that serves nobody.

A ReplicaSet stops first what has no running container, then what is not Ready (`ActivePodsWithRanks`). But a
replacement may become Ready, and get requests, in the very moment in which it decides. So where none is left to be
stopped that cannot serve soon, the replacement is detached in its turn: what the ReplicaSet makes next is what it
stops, and the replacement leaves as any pod does that is handed off, whether it has come to serve or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from underway.cluster import traffic
from underway.cluster.actions import PatchPod
from underway.cluster.model import Pod, Workload
from underway.cluster.ties import original_labels
from underway.steps import marks
from underway.steps.progress import Turn, Wait
from underway.steps.serving import detached_from, may_become_ready, needed_beside

_ENTERS = timedelta(seconds=10)
"""A pod that is Ready and for so long in no EndpointSlice is not expected in one any more; usually it takes 0.02 s."""


def give_back(pod: Pod, turn: Turn) -> None:
    """Reattach the pod as soon as its ReplicaSet can take it without stopping one that may serve; until then take the
    next step towards that, or say what is waited for. At once, if it has been withdrawn: then nobody serves.
    """
    uid = pod.annotations.get(marks.OWNER, "")
    controller = turn.state.workload(uid)
    serves = pod.ready and marks.stage(pod) == "detached"
    if serves and controller is not None and not has_place(controller, pod, turn):
        return
    turn.leaving.pop(pod.uid, None)
    turn.act(marks.reattach(pod))


def has_place(controller: Workload, pod: Pod, turn: Turn) -> bool:
    """Whether the pod may be given back in this look; otherwise what is to be done about that is done, and told."""
    if controller.kind != "replicaset" or not controller.replicas:
        return True
    own = _pods(controller, turn)
    siblings = (one for one in (*own, *detached_from(controller.uid, turn.state)) if one.uid != pod.uid)
    taken = turn.ledger.returned.get(controller.uid, 0)
    starting = [one for one in own if may_become_ready(one, turn.state)]
    idle = sum(not one.ready and (one.phase == "Pending" or not starting) for one in own)
    if any(one.ref in turn.in_flight for one in siblings):
        turn.wait(pod.ref, f"another pod of {controller.ref} is being given back")
        return False
    if len(own) - idle + taken < controller.replicas:
        turn.ledger.take(turn.ledger.returned, controller.uid)
        return True
    if len(own) > controller.replicas or taken:
        turn.wait(pod.ref, f"another pod of {controller.ref} returns first")
        return False
    entering = [one for one in own if one.ready and not traffic.serves(one, turn.state)]
    soon = max((one.ready_since + _ENTERS for one in entering if one.ready_since is not None), default=turn.now)
    if entering and turn.now < soon:
        turn.await_(Wait(str(pod.ref), f"{entering[0].ref} is Ready, and about to be in every EndpointSlice", soon))
        return False
    surplus, key = _latest(starting) or _latest(entering), _detached_by(pod)
    if surplus is None or key is None:
        # all of them serve, and what this pod is needed for is not theirs: a Service, or a budget that asks for more
        return True
    turn.ledger.take(turn.ledger.returned, controller.uid)
    turn.act(_make_room(surplus, key, pod, turn))
    turn.wait(pod.ref, f"{surplus.ref} makes room for it")
    return False


def _pods(controller: Workload, turn: Turn) -> list[Pod]:
    """Its active pods, those too that it is about to adopt."""
    if controller.selector is None:
        return []
    return [
        one
        for one in turn.state.selection(controller.namespace, controller.selector).pods
        if one.deleting is None
        and not one.finished
        and not marks.stage(one)
        and (one.owner is None or one.owner.uid == controller.uid)
    ]


def _latest(pods: Sequence[Pod]) -> Pod | None:
    return max(pods, key=lambda pod: (pod.created is not None, pod.created, pod.name), default=None)


def _detached_by(pod: Pod) -> str | None:
    """The label that was taken from it to have its ReplicaSet release it."""
    return next((key for key in original_labels(pod) if key not in _withdrawn_by(pod)), None)


def _withdrawn_by(pod: Pod) -> tuple[str, ...]:
    return tuple(filter(None, pod.annotations.get(marks.WITHDRAW, "").split(",")))


def _make_room(surplus: Pod, key: str, pod: Pod, turn: Turn) -> PatchPod:
    """Detach the replacement by the label by which the pod was, and to leave as it would have left."""
    needed = needed_beside(pod.annotations.get(marks.OWNER, ""), turn.state)
    settle = marks.settle_time(pod)
    detached = marks.detach(surplus, turn.run, key=key, withdraw=_withdrawn_by(pod), needed=needed, settle=settle)
    return replace(
        detached,
        says=f"put back: detach from its ReplicaSet (label {key}), {pod.ref} returns in its place",
        annotations={**detached.annotations, marks.INSTEAD: pod.name, marks.SURPLUS: "true"},
    )
