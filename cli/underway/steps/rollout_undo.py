"""A Deployment's rollout taken back, from its marks alone: the old template, its warm pods, and its history."""

from __future__ import annotations

from underway.cluster.actions import DeleteReplicaSet
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.steps import marks, rollout_marks
from underway.steps.handover import (
    clear_the_way,
    give_way,
    hand_over,
    is_of_one_template,
    is_of_rollout,
    serves_alone,
    tidy_up,
)
from underway.steps.handover_picture import Picture, picture
from underway.steps.progress import Turn
from underway.steps.rollout_marks import STRATEGY
from underway.steps.rollout_native import undo_natively


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - the shape of every undo
    left = []
    for found in _marked(turn):
        left.append(found.ref)
        if good and found.annotations.get(marks.PHASE) == "rolled":
            turn.act(rollout_marks.forget(found))
        elif found.annotations.get(STRATEGY) == "native":
            undo_natively(found, turn)
        else:
            _undo_handover(found, turn)
    return left + [pod.ref for pod in _pods(turn)]


def marked(turn: Turn) -> list[Ref]:
    return [found.ref for found in _marked(turn)] + [pod.ref for pod in _pods(turn)]


def _pods(turn: Turn) -> list[Pod]:
    """Those that a rollout of the turn's run has withdrawn."""
    return [pod for pod in turn.state.marked_pods() if marks.pod_run(pod) == turn.run and is_of_rollout(pod)]


def _marked(turn: Turn) -> list[Workload]:
    return [
        found
        for found in turn.state.marked_workloads()
        if found.kind == "deployment" and marks.run_of(found) == turn.run and STRATEGY in found.annotations
    ]


def _undo_handover(found: Workload, turn: Turn) -> None:
    turn.enter(found.ref, "restoring")
    made = Ref("replicaset", found.namespace, f"{found.name}-{found.annotations.get(rollout_marks.NEW_HASH)}")
    if made in turn.in_flight:
        turn.wait(made, "is being written")
        return
    seen = picture(found, turn.run, turn.state)
    if found.paused and not seen.at_old and _is_ours(seen, turn):
        _turn_back(seen, turn)
        return
    _tell_back(seen, turn)
    if hand_over(seen, turn, leave=True, back=True) and tidy_up(seen, turn):
        turn.enter(found.ref, "restored")
        turn.act(rollout_marks.forget(found))


def _turn_back(seen: Picture, turn: Turn) -> None:
    """The old template; the new pods do not wait for it: they leave traffic as soon as nothing makes more of them."""
    if not clear_the_way(seen, turn, leave_target=True):
        return
    found = seen.deployment
    turn.act(rollout_marks.restore(found, handoff=True))
    soon = picture(found, turn.run, turn.state, back=True)
    _tell_back(soon, turn)
    give_way(soon, turn, leave=True, back=True)


def _tell_back(seen: Picture, turn: Turn) -> None:
    if serves_alone(seen, turn, back=True):
        turn.enter(seen.deployment.ref, "back")


def _is_ours(seen: Picture, turn: Turn) -> bool:
    """Whether the template is the one that the run has written: its ReplicaSet has it, or there is none yet."""
    digest = seen.deployment.annotations.get(rollout_marks.NEW_HASH)
    template = seen.deployment.template.hash if seen.deployment.template else ""
    for one in turn.state.workloads_of(seen.deployment.uid):
        if one.labels.get(rollout_marks.HASH) == digest:
            return one.template is None or one.template.hash == template
    return True


def put_back_replicasets(turn: Turn) -> list[Ref]:
    """Once no Deployment is marked any more: the ReplicaSets that still are."""
    left = []
    for one in turn.state.marked_workloads():
        if one.kind != "replicaset" or marks.run_of(one) != turn.run:
            continue
        left.append(one.ref)
        if marks.LABELS not in one.annotations:
            turn.act(rollout_marks.remove_copies(one))
        elif _is_in_use_again(one, turn.state):
            turn.act(DeleteReplicaSet(one.ref, one.uid, says="delete, this version is in use again", orphan=False))
        else:
            turn.act(rollout_marks.unhide(one))
    return left


def _is_in_use_again(aside: Workload, state: ClusterState) -> bool:
    """Whether the Deployment that had this earlier revision has another ReplicaSet of the same version."""
    labels = {**aside.labels, **rollout_marks.hidden_labels(aside)}
    return any(
        found.kind == "deployment"
        and found.selector is not None
        and found.selector.matches(labels)
        and any(is_of_one_template(one, aside) for one in state.workloads_of(found.uid) if one.uid != aside.uid)
        for found in state.workloads_in(aside.namespace)
    )
