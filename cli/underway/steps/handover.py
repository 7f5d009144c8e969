"""Handover: a Deployment's pods of one version give way to those of another, which serve before the first one stops.

The Deployment stays paused meanwhile, so that neither its controller nor anybody who re-applies a manifest rolls in
between. Its ReplicaSet in use is deleted with its pods orphaned: they go on serving. The ReplicaSet of the template
that the Deployment has now gets all replicas, and adopts pods of its own version that are there. Then the orphans of
the other version are withdrawn from traffic, settle, and are evicted. Forward and back are the same walk: undo puts the
old template back, and the old pods that are still there are adopted, warm.

Earlier revisions are set aside while no ReplicaSet is in use: a paused Deployment would scale up the latest of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from underway.cluster import traffic
from underway.cluster.actions import CreateReplicaSet, DeleteReplicaSet, PatchWorkload
from underway.cluster.model import Pod, Workload
from underway.steps import marks, rollout_marks
from underway.steps.departure import evict, left_traffic, recount_budgets
from underway.steps.handoff import needed_by, settling, spend
from underway.steps.handover_picture import Picture, target_hash
from underway.steps.progress import PodLeft, Turn
from underway.steps.rollout_marks import OLD_REPLICASET, ROLLOUT

_NOTICED = timedelta(seconds=0.5)
"""How long an EndpointSlice may take to show the first pods that have been withdrawn, before nobody waits for it."""
_RESTS = timedelta(seconds=0.15)
"""When it has shown one so long ago and still lists others, its controller rests."""


def hand_over(seen: Picture, turn: Turn, *, leave: bool, back: bool = False) -> bool:
    """Take the next steps towards the version that the Deployment asks for. `leave`: the other version may be withdrawn
    now as far as it can be spared; `back`: on the way of an undo. Returns whether only that version is left.
    """
    found = seen.deployment
    if not found.paused:
        turn.act(PatchWorkload(found.ref, found.uid, says="pause, two versions stand for a while", paused=True))
        return False
    in_use = seen.target is not None or seen.active or seen.ending
    if clear_the_way(seen, turn) and not in_use:
        turn.act(_target(seen, turn))
    give_way(seen, turn, leave=leave, back=back)
    others = seen.leavers or seen.active or seen.ending
    return seen.target is not None and not others and serving(seen, turn) >= seen.needed(back=back)


def give_way(seen: Picture, turn: Turn, *, leave: bool, back: bool) -> None:
    """The pods alone, as of `hand_over`: into traffic what is of the target's version, out of it what can be spared."""
    _keep(seen, turn)
    if leave:
        _withdraw_spare(seen, turn, back=back)
    _see_off(seen, turn)
    recount_budgets(turn)


def clear_the_way(seen: Picture, turn: Turn, *, leave_target: bool = False) -> bool:
    """First the history out of sight, then the ReplicaSets in use away from their pods, with `leave_target` that of the
    present template too. Returns whether all of them are gone, going, or told to go in this look.
    """
    if seen.target is not None and not seen.active and not leave_target:
        return True
    selector = seen.deployment.selector
    keys = selector.keys() if selector else frozenset[str]()
    history = [one for one in seen.history if one.name != seen.deployment.annotations.get(OLD_REPLICASET)]
    for one in history:
        taken = {key: one.labels[key] for key in sorted(keys & one.labels.keys())}
        turn.act(rollout_marks.hide(one, taken, turn.run))
    if history or _unreleased(seen):
        turn.wait(seen.deployment.ref, "its earlier revisions are being set aside")
        return False
    doomed = (*seen.active, *((seen.target,) if leave_target and seen.target else ()))
    for one in doomed:
        turn.act(DeleteReplicaSet(one.ref, one.uid, says="delete, its pods stay and serve on (orphaned)"))
    for one in (*doomed, *seen.ending):
        turn.wait(one.ref, "is being deleted, its pods stay")
    return True


def _unreleased(seen: Picture) -> list[Workload]:
    return [one for one in seen.aside if one.owner is not None]


def _target(seen: Picture, turn: Turn) -> CreateReplicaSet:
    found = seen.deployment
    if seen.at_old:
        return rollout_marks.create_old(found, seen.wanted, "make its ReplicaSet again, which adopts its pods")
    visible = [one for one in turn.state.workloads_of(found.uid) if one.kind == "replicaset"]
    return rollout_marks.create_new(found, target_hash(found, at_old=False, visible=visible))


def serving(seen: Picture, turn: Turn) -> int:
    """How many pods of the target's version serve."""
    return len(traffic.among_serving((pod for pod in seen.keepers if not marks.stage(pod)), turn.state))


def serves_alone(seen: Picture, turn: Turn, *, back: bool = False) -> bool:
    """Whether the target's version serves, and no pod of another gets traffic any more."""
    others = any(traffic.in_traffic(pod, turn.state) for pod in seen.leavers)
    return not others and not seen.active and serving(seen, turn) >= seen.needed(back=back)


def _keep(seen: Picture, turn: Turn) -> None:
    """What is of the right version after all comes back into traffic."""
    for pod in seen.keepers:
        if marks.stage(pod) and pod.deleting is None:
            turn.leaving.pop(pod.uid, None)
            turn.act(rollout_marks.give_back(pod))


def _withdraw_spare(seen: Picture, turn: Turn, *, back: bool) -> None:
    standing = [pod for pod in seen.leavers if not marks.stage(pod) and pod.deleting is None]
    up = [pod for pod in standing if traffic.serves(pod, turn.state)]
    spare = serving(seen, turn) + len(up) - seen.needed(back=back)
    last = next((pod for pod in reversed(up) if traffic.in_traffic(pod, turn.state)), None) if back else None
    others_go = False
    for pod in sorted(standing, key=lambda pod: pod is last):
        is_up = pod in up
        if is_up and spare <= 0:
            turn.wait(pod.ref, "serves on until enough of the other version do")
            continue
        if pod is last and (others_go or _are_unnoticed(seen, turn)):
            turn.wait(pod.ref, "leaves traffic after the others")
            continue
        reason = needed_by(pod, turn.state, turn.ledger) if is_up else None
        if reason is not None:
            turn.wait(pod.ref, reason)
            continue
        others_go = True
        spare -= is_up
        keys = spend(pod, turn.state, turn.ledger)
        if not back:
            # while it is being written, the endpoints may be gone already
            turn.leaving.setdefault(pod.uid, PodLeft(pod, "handedOff" if is_up else "gone"))
        settle = marks.DEFAULT_SETTLE if pod.ready else timedelta()
        turn.act(rollout_marks.withdraw(pod, keys, seen.deployment, turn.run, settle, turn.now))


def _are_unnoticed(seen: Picture, turn: Turn) -> bool:
    """Whether it may help to wait until the EndpointSlices show that others have been withdrawn.

    Their controller writes a slice for the first pod that it sees leave. Told of another before that write has come
    back to it, it takes its own view for out of date and rests a second; a pod that leaves then wakes it at once, and
    takes the others along.
    """
    out = [pod for pod in _withdrawn(seen) if pod.ready]
    left = [at for pod in out if (at := left_traffic(pod, turn)) is not None]
    if len(left) == len(out):
        return False
    until = max(left) + _RESTS if left else max(marks.withdrawn_at(pod) or turn.now for pod in out) + _NOTICED
    if turn.now >= until:
        return False
    turn.look_again(until)
    return True


def _see_off(seen: Picture, turn: Turn) -> None:
    """Withdrawn pods go when every proxy has noticed."""
    for pod in _withdrawn(seen):
        if pod.deleting is not None:
            turn.wait(pod.ref, "terminating")
            continue
        waits = settling(pod, _settle_time(pod), turn.state, left_traffic(pod, turn), turn.now)
        if waits is None:
            known = turn.leaving.get(pod.uid)
            evict(pod, turn, says="hand over: evict, the other version serves")
            if known is None:
                turn.leaving.pop(pod.uid, None)
            else:
                turn.leaving[pod.uid] = known
            continue
        turn.wait(pod.ref, waits.reason)
        if waits.until is not None:
            turn.look_again(waits.until)


def _settle_time(pod: Pod) -> timedelta:
    """One that was not Ready when it was withdrawn has nothing to settle, but it may have become so just before that:
    then it may be listed for a moment after all.
    """
    return max(marks.settle_time(pod), marks.DEFAULT_SETTLE if pod.ready else timedelta())


def _withdrawn(seen: Picture) -> Iterator[Pod]:
    return (pod for pod in seen.leavers if marks.stage(pod))


def tidy_up(seen: Picture, turn: Turn) -> bool:
    """When one version is left: its history as it was, with the replaced version in it. Returns whether it is so."""
    found = seen.deployment
    name = found.annotations.get(OLD_REPLICASET)
    owned = {one.name for one in turn.state.workloads_of(found.uid)}
    complete = True
    if not seen.at_old and name and name not in owned:
        turn.act(rollout_marks.create_old(found, 0, "keep the replaced version in the history"))
        complete = False
    for one in seen.aside:
        # of the version that is in use again there would be two: it stays aside while the run may still be undone
        if seen.at_old or not is_of_one_template(found, one):
            complete = False
            turn.act(rollout_marks.unhide(one))
    return complete


def is_of_one_template(one: Workload, other: Workload) -> bool:
    return one.template is not None and other.template is not None and one.template.hash == other.template.hash


def is_of_rollout(pod: Pod) -> bool:
    return ROLLOUT in pod.annotations
