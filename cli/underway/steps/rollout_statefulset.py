"""The verb `rollout` for StatefulSets: member by member, the highest first, as its partition or evictions allow.

The new template is written with a partition that keeps every member where it is. Then the partition is lowered by one
member at a time, each after the last one serves again: the StatefulSet controller asks no budget, so Underway does. One
of strategy OnDelete has no partition; its members are evicted. Forward and back are the same walk. Where the controller
is stuck (a member that never gets Ready is not replaced by itself under podManagementPolicy OrderedReady,
kubernetes/kubernetes#67250) the member is evicted, and made again of the version that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from underway.cluster.actions import Need, PatchWorkload
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import RolloutStep
from underway.steps import marks
from underway.steps import rollout_in_place as in_place
from underway.steps.departure import evict
from underway.steps.progress import PodLeft, StepEnd, Turn
from underway.steps.rollout_deployment import usual_warm_up
from underway.steps.rollout_gaps import ACCEPT, only_endpoints
from underway.steps.rollout_in_place import OLD_REVISIONS, PARTITION, InPlaceWork
from underway.steps.verb import Beginning, Scene

REVISION = "controller-revision-hash"
_Right: TypeAlias = Callable[[int, Pod], bool]


@dataclass(frozen=True)
class Members:
    """A StatefulSet's pods by ordinal, counted from the first one, as its partition does. `right`: whether a member is
    of the version that is wanted now.
    """

    found: Workload
    pods: dict[int, Pod]
    right: _Right

    @property
    def wrong(self) -> list[int]:
        return [ordinal for ordinal in sorted(self.pods) if not self.right(ordinal, self.pods[ordinal])]

    @property
    def fresh(self) -> list[Pod]:
        return [pod for ordinal, pod in self.pods.items() if self.right(ordinal, pod)]


def begin(step: RolloutStep, beginning: Beginning, _: ClusterState) -> InPlaceWork:
    return InPlaceWork(in_place.ref_of(step), beginning.now)


def needs(step: RolloutStep, namespace: str) -> Iterator[Need]:
    yield from in_place.needs(step, namespace)


def blockers(step: RolloutStep, scene: Scene) -> Iterator[Blocker]:
    yield from in_place.common_blockers(step, scene)
    found = scene.state.workloads.get(in_place.ref_of(step))
    if found is not None and not in_place.is_there(step, found) and marks.run_of(found) is None:
        yield from _in_the_way(step, found, scene.state)


def _in_the_way(step: RolloutStep, found: Workload, state: ClusterState) -> Iterator[Blocker]:
    name, members = str(found.ref), _pods(found, state)
    if sorted(members) != list(range(found.replicas)):
        here = ", ".join(pod.name for pod in members.values()) or "none"
        yield Blocker(
            name,
            f"it asks for {found.replicas} members from {found.first_ordinal} on and has {here}",
            "let it become whole",
        )
    for pod in members.values():
        if not pod.ready:
            waiting = f" ({pod.waiting})" if pod.waiting else ""
            remedy = "repair it first: another one would be away beside it"
            yield Blocker(name, f"{pod.ref} is not Ready{waiting}", remedy)
    late = [pod.name for ordinal, pod in members.items() if _is_late(ordinal, pod, found)]
    if late:
        remedy = f"finish it, or kubectl -n {found.namespace} rollout undo statefulset/{found.name}"
        yield Blocker(name, f"it is in the middle of another rollout ({', '.join(late)} of an old version)", remedy)
    yield from in_place.budget_blockers(found, state)
    gaps = (only_endpoints([pod], state) for pod in members.values() if step.strategy != "native")
    gap = next(filter(None, gaps), None)
    if gap is not None:
        yield Blocker(name, gap, f"add a replica, or {ACCEPT}")


def _is_late(ordinal: int, pod: Pod, found: Workload) -> bool:
    rolling = found.strategy != "OnDelete" and ordinal >= found.partition
    return rolling and bool(found.update_revision) and revision(pod, found) != found.update_revision


# -- forward -----------------------------------------------------------------------------------------------------


def proceed(step: RolloutStep, work: InPlaceWork, turn: Turn) -> StepEnd | None:
    found = turn.state.workloads.get(work.ref)
    if found is None:
        return StepEnd("failed", f"{work.ref} is gone")
    if marks.run_of(found) != turn.run:
        return _begin(step, work, found, turn)
    if found.annotations.get(marks.PHASE) == "rolled":
        return StepEnd("done", work.reason)
    end = in_place.interfered(step, work, found)
    if end is not None:
        return end
    if not in_place.is_seen(found, turn):
        return None
    lowest = _lowest(found)
    pods = _pods(found, turn.state)
    members = Members(
        found, pods, lambda ordinal, pod: ordinal < lowest or revision(pod, found) == found.update_revision
    )
    fresh = [pod for ordinal, pod in pods.items() if ordinal >= lowest and members.right(ordinal, pod)]
    wanted = max(0, found.replicas - lowest)
    end = in_place.failure(fresh, wanted, work, found, turn)
    if end is not None:
        return end
    if not _all_up(members, turn):
        work.whole_since = None
        return None
    batch = max(1, step.batch.of(found.replicas, round_up=True)) if step.batch is not None else 1
    if in_place.soaking(step, work, len(fresh), batch, wanted, turn) or turn.paused:
        return None
    if _replace_next(members, turn):
        turn.enter(found.ref, "done")
        turn.act(in_place.rolled(found, _own_partition(found)))
    return None


def _begin(step: RolloutStep, work: InPlaceWork, found: Workload, turn: Turn) -> StepEnd | None:
    if in_place.is_there(step, found):
        return StepEnd("done", "it has this version already")
    if not in_place.is_seen(found, turn):
        return None
    held = in_place.held_up(found, _in_the_way(step, found, turn.state), work, turn)
    if held:
        return held if isinstance(held, StepEnd) else None
    pods = _pods(found, turn.state)
    work.usual = usual_warm_up(pods.values())
    on_delete = found.strategy == "OnDelete"
    work.reason = "one member after another, the highest first, " + ("by eviction" if on_delete else "by partition")
    if not on_delete and found.partition:
        work.reason += f"; its partition leaves those below {found.partition} as they are"
    in_place.judge((pods[one] for one in sorted(pods, reverse=True) if on_delete or one >= found.partition), work, turn)
    turn.enter(found.ref, "rolling", work.reason)
    notes = {OLD_REVISIONS: ",".join(sorted({revision(pod, found) for pod in pods.values()}))}
    hold = None
    if not on_delete:
        notes[PARTITION] = str(found.partition)
        hold = max(found.replicas, found.partition)
    work.asked = True
    turn.act(in_place.roll(found, step, turn, notes=notes, partition=hold))
    return None


# -- both ways ---------------------------------------------------------------------------------------------------


def _all_up(members: Members, turn: Turn) -> bool:
    """Whether every member is there and serves, so that one more may go. Who is stuck on a wrong version is evicted."""
    found = members.found
    for ordinal in range(found.replicas):
        pod = members.pods.get(ordinal)
        if pod is None or pod.deleting is not None:
            turn.wait(Ref("pod", found.namespace, _name(found, ordinal)), "its replacement is on its way")
            return False
    down = [ordinal for ordinal in range(found.replicas) if not in_place.is_up(members.pods[ordinal], found, turn)]
    for ordinal in sorted(down, key=lambda one: members.right(one, members.pods[one])):
        pod = members.pods[ordinal]
        if not pod.ready and not members.right(ordinal, pod) and _comes_right(ordinal, found):
            evict(pod, turn, says="evict, its controller does not replace a member that is not Ready")
        elif not pod.ready and not members.right(ordinal, pod) and not _comes_on(found):
            turn.act(_lower(found, ordinal))
        else:
            turn.wait(pod.ref, f"does not serve yet{': ' + pod.waiting if pod.waiting else ''}")
        return False
    return True


def _comes_right(ordinal: int, found: Workload) -> bool:
    """Whether a member that goes now is made again of the version that is wanted: those below the partition are made of
    the current revision, all others of the update revision.
    """
    on_delete = found.strategy == "OnDelete"
    return on_delete or ordinal >= found.partition or found.current_revision == found.update_revision


def _comes_on(found: Workload) -> bool:
    """Whether the way leads to a new version, not back: a member of the old one that fails is then not helped."""
    return not in_place.at_old(found)


def _replace_next(members: Members, turn: Turn) -> bool:
    """While all members serve: let the highest of a wrong version go. Returns whether there is none left."""
    found = members.found
    wrong = members.wrong
    if not wrong:
        return True
    ordinal = wrong[-1]
    pod = members.pods[ordinal]
    if found.strategy == "OnDelete" or (ordinal < found.partition and _comes_right(ordinal, found)):
        evict(pod, turn, says="evict, it is made again of the other version")
    elif ordinal < found.partition:
        reason = in_place.may_go(pod, turn)
        if reason is not None:
            turn.wait(pod.ref, reason)
            return False
        turn.leaving[pod.uid] = PodLeft(pod, "evicted")
        turn.act(_lower(found, ordinal))
    else:
        turn.wait(pod.ref, "its controller is about to replace it")
    return False


def _lower(found: Workload, ordinal: int) -> PatchWorkload:
    says = f"lower the partition to {ordinal}: its controller replaces {_name(found, ordinal)}"
    return PatchWorkload(found.ref, found.uid, says=says, partition=ordinal)


def _pods(found: Workload, state: ClusterState) -> dict[int, Pod]:
    numbered = ((pod.name.rpartition("-")[2], pod) for pod in state.pods_of(found.uid))
    return {int(number) - found.first_ordinal: pod for number, pod in numbered if number.isdecimal()}


def _name(found: Workload, ordinal: int) -> str:
    return f"{found.name}-{found.first_ordinal + ordinal}"


def revision(pod: Pod, found: Workload) -> str:
    return pod.labels.get(REVISION, found.current_revision)


def _lowest(found: Workload) -> int:
    """The lowest member that is rolled: its partition, as it was before, leaves those below."""
    return in_place.number(found, PARTITION, 0)


def _own_partition(found: Workload) -> int | None:
    return None if PARTITION not in found.annotations else _lowest(found)


# -- undo --------------------------------------------------------------------------------------------------------


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - the shape of every undo
    left = []
    for found in in_place.marked(turn, "statefulset"):
        left.append(found.ref)
        if good and found.annotations.get(marks.PHASE) == "rolled":
            turn.act(in_place.forget(found))
        else:
            _undo(found, turn)
    return left


def marked(turn: Turn) -> list[Ref]:
    return [found.ref for found in in_place.marked(turn, "statefulset")]


def _undo(found: Workload, turn: Turn) -> None:
    turn.enter(found.ref, "restoring")
    own = _own_partition(found)
    hold = None if own is None else max(found.replicas, own)
    if not in_place.at_old(found):
        turn.act(in_place.restore(found, hold))
        return
    if not in_place.is_seen(found, turn):
        return
    old = found.annotations.get(OLD_REVISIONS, "").split(",")
    members = Members(found, _pods(found, turn.state), lambda _, pod: revision(pod, found) in old)
    if not _all_up(members, turn):
        return
    if _replace_next(members, turn):
        turn.enter(found.ref, "restored")
        turn.act(in_place.forget(found, own))
