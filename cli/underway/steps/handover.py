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
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from underway.cluster import traffic
from underway.cluster.actions import CreateReplicaSet, DeleteReplicaSet, PatchWorkload
from underway.cluster.model import Pod, Workload
from underway.cluster.state import ClusterState
from underway.steps import marks, rollout_marks
from underway.steps.departure import evict, left_traffic, recount_budgets
from underway.steps.handoff import needed_by, settling, spend
from underway.steps.progress import PodLeft, Turn
from underway.steps.rollout_marks import HASH, NEW_HASH, OLD_HASH, OLD_REPLICASET, OLD_TEMPLATE, ROLLOUT


@dataclass(frozen=True)
class Picture:
    """A Deployment in a handover. `target`: the ReplicaSet of its present template, or None while there is none.
    `active`: its other ReplicaSets that have replicas or pods; `history`: those that have not; `aside`: those of the
    history that the run has set aside; `ending`: those whose pods are being orphaned.
    """

    deployment: Workload
    target: Workload | None
    active: tuple[Workload, ...]
    history: tuple[Workload, ...]
    aside: tuple[Workload, ...]
    ending: tuple[Workload, ...]
    keepers: tuple[Pod, ...]
    """The pods of the target's version, whoever owns them, but for those that are leaving."""
    leavers: tuple[Pod, ...]
    """The pods of any other version that nobody owns any more; withdrawn ones too, and those that are leaving."""
    at_old: bool
    """Whether the Deployment's template is the one that it had before, or will be."""

    @property
    def wanted(self) -> int:
        return rollout_marks.replicas(self.deployment)

    def needed(self, *, back: bool) -> int:
        """How many of the target's version have to serve; on the way back no more than served before."""
        return rollout_marks.needed_back(self.deployment) if back else self.wanted


def picture(found: Workload, run: str, state: ClusterState, *, back: bool = False) -> Picture:
    """As the Deployment's template is; `back`: as it will be when that is the old one again."""
    owned = [one for one in state.workloads_of(found.uid) if one.kind == "replicaset"]
    aside = [
        one
        for one in state.marked_workloads()
        if one.kind == "replicaset" and one.namespace == found.namespace and _is_aside(one, found, run)
    ]
    names = {one.name for one in aside}
    visible = [one for one in owned if one.name not in names]
    standing = [one for one in visible if not one.deleting]
    template = found.template.hash if found.template else ""
    at_old = back or template == found.annotations.get(OLD_TEMPLATE)
    digest = target_hash(found, at_old=at_old, visible=visible)
    # one of the history may have the same template: it is set aside like the others, and the run's own is known by its
    # hash, so that its pods are too
    same = (one for one in standing if one.template is not None and one.template.hash == template)
    target = next((one for one in same if one.labels.get(HASH) == digest), None)
    others = [one for one in standing if one is not target]
    active = [one for one in others if one.replicas or state.pods_of(one.uid)]
    ending = [one for one in visible if one.deleting]
    keepers, leavers = _pods(found, digest, frozenset(one.uid for one in standing), state)
    return Picture(
        found,
        target,
        tuple(active),
        tuple(one for one in others if one not in active),
        tuple(aside),
        tuple(ending),
        keepers,
        leavers,
        at_old,
    )


def _is_aside(one: Workload, found: Workload, run: str) -> bool:
    return marks.run_of(one) == run and one.name.startswith(f"{found.name}-") and marks.LABELS in one.annotations


def target_hash(found: Workload, *, at_old: bool, visible: list[Workload]) -> str:
    """The pod-template-hash of the version that the Deployment asks for now."""
    if at_old:
        return found.annotations.get(OLD_HASH, "")
    new = found.annotations.get(NEW_HASH, "")
    made = next((one for one in visible if one.labels.get(HASH) == new), None)
    if made is None or (made.template and found.template and made.template.hash == found.template.hash):
        return new
    # somebody else has asked for a third version meanwhile
    return sha256(f"{new}/{found.template.hash if found.template else ''}".encode()).hexdigest()[:10]


def _pods(
    found: Workload, digest: str, standing: frozenset[str], state: ClusterState
) -> tuple[tuple[Pod, ...], tuple[Pod, ...]]:
    """A ReplicaSet that is being deleted makes no pods any more: those that it has, or had, count as nobody's."""
    versions = {found.annotations.get(OLD_HASH), found.annotations.get(NEW_HASH), digest} - {None, ""}
    keepers, leavers = [], []
    for pod in _pods_of(found, state):
        version = pod.labels.get(HASH)
        if version not in versions or (pod.finished and not marks.stage(pod)):
            continue
        if pod.deleting is not None and marks.stage(pod):
            leavers.append(pod)
        elif version == digest:
            keepers.append(pod)
        elif pod.owner is None or pod.owner.uid not in standing:
            leavers.append(pod)
    return tuple(keepers), tuple(leavers)


def _pods_of(found: Workload, state: ClusterState) -> Iterator[Pod]:
    """Those that the Deployment selects, and those that have been withdrawn from it."""
    yield from state.selection(found.namespace, found.selector).pods if found.selector else ()
    for pod in state.marked_pods():
        withdrawn = pod.namespace == found.namespace and pod.annotations.get(ROLLOUT) == found.name
        if withdrawn and not (found.selector and found.selector.matches(pod.labels)):
            yield pod


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
    for pod in standing:
        is_up = pod in up
        if is_up and spare <= 0:
            turn.wait(pod.ref, "serves on until enough of the other version do")
            continue
        reason = needed_by(pod, turn.state, turn.ledger) if is_up else None
        if reason is not None:
            turn.wait(pod.ref, reason)
            continue
        spare -= is_up
        keys = spend(pod, turn.state, turn.ledger)
        if not back:
            # while it is being written, the endpoints may be gone already
            turn.leaving.setdefault(pod.uid, PodLeft(pod, "handedOff" if is_up else "gone"))
        settle = marks.DEFAULT_SETTLE if pod.ready else timedelta()
        turn.act(rollout_marks.withdraw(pod, keys, seen.deployment, turn.run, settle, turn.now))


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
