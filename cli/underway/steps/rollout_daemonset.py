"""The verb `rollout` for DaemonSets: node by node, or by the DaemonSet's own rolling update.

One of strategy OnDelete replaces no pod by itself: its pods are evicted, so many nodes at a time as `batch` says, each
batch after the last one runs the new version. One of strategy RollingUpdate begins as soon as its template is written
and heeds no gate between nodes; it is watched, and its template is put back when the new version will not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from underway.cluster.actions import Need
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import RolloutStep
from underway.steps import marks
from underway.steps import rollout_in_place as in_place
from underway.steps.departure import evict
from underway.steps.progress import PodLeft, StepEnd, Turn
from underway.steps.rollout_deployment import usual_warm_up
from underway.steps.rollout_in_place import BATCH, OLD_REVISIONS, InPlaceWork
from underway.steps.verb import Beginning, Scene

GENERATION = "pod-template-generation"


@dataclass(frozen=True)
class Fleet:
    """A DaemonSet's pods on nodes that are Ready: those of the `wrong` version and the others. `lost`: those of the
    wrong version on nodes that are not Ready; nobody can stop them there.
    """

    found: Workload
    wrong: tuple[Pod, ...]
    right: tuple[Pod, ...]
    lost: tuple[Pod, ...]


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
    name = str(found.ref)
    if found.strategy == "OnDelete":
        yield from in_place.budget_blockers(found, state)
        return
    if found.updated < found.replicas:
        remedy = f"finish it, or kubectl -n {found.namespace} rollout undo daemonset/{found.name}"
        yield Blocker(name, "it is in the middle of another rollout", remedy)
    for asked in ("batch", "soak"):
        if getattr(step, asked) is not None:
            reason = f"its own rolling update heeds no `{asked}` (updateStrategy RollingUpdate)"
            yield Blocker(name, reason, f"leave out {asked}, or give it updateStrategy OnDelete")


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
    fleet = _fleet(found, turn.state, lambda pod: _generation(pod) >= _own_generation(found))
    wanted = found.replicas - len(fleet.lost)
    end = in_place.failure(fleet.right, wanted, work, found, turn)
    if end is not None:
        return end
    by_eviction = found.strategy == "OnDelete"
    for pod in () if by_eviction else fleet.wrong:
        turn.leaving.setdefault(pod.uid, PodLeft(pod, "evicted"))
    if _by_eviction(step, work, fleet, wanted, turn) if by_eviction else _is_whole(fleet, turn):
        if fleet.lost:
            names = ", ".join(sorted(pod.node for pod in fleet.lost))
            work.reason += f"; the pods on {names}, which are not Ready, are still of the old version"
        turn.enter(found.ref, "done", work.reason)
        turn.act(in_place.rolled(found))
    return None


def _by_eviction(step: RolloutStep, work: InPlaceWork, fleet: Fleet, wanted: int, turn: Turn) -> bool:
    batch = in_place.number(fleet.found, BATCH, 1)
    up = sum(in_place.is_up(pod, fleet.found, turn) for pod in fleet.right)
    if up < len(fleet.right):
        work.whole_since = None
    elif in_place.soaking(step, work, up, batch, wanted, turn):
        return False
    return not turn.paused and _replace_next(fleet, batch, turn)


def _begin(step: RolloutStep, work: InPlaceWork, found: Workload, turn: Turn) -> StepEnd | None:
    if in_place.is_there(step, found):
        return StepEnd("done", "it has this version already")
    if not in_place.is_seen(found, turn):
        return None
    held = in_place.held_up(found, _in_the_way(step, found, turn.state), work, turn)
    if held:
        return held if isinstance(held, StepEnd) else None
    pods = sorted(turn.state.pods_of(found.uid), key=lambda pod: pod.node)
    work.usual = usual_warm_up(pods)
    notes = {OLD_REVISIONS: str(_own_generation(found))}
    if found.strategy == "OnDelete":
        batch = max(1, step.batch.of(found.replicas, round_up=False)) if step.batch is not None else 1
        notes[BATCH] = str(batch)
        work.reason = "node by node, by eviction" if batch == 1 else f"by eviction, {batch} nodes at a time"
    else:
        work.reason = "by its own rolling update (updateStrategy RollingUpdate)"
    in_place.judge(pods, work, turn)
    turn.enter(found.ref, "rolling", work.reason)
    work.asked = True
    turn.act(in_place.roll(found, step, turn, notes=notes))
    return None


# -- both ways ---------------------------------------------------------------------------------------------------


def _fleet(found: Workload, state: ClusterState, right: Callable[[Pod], bool]) -> Fleet:
    fresh, wrong, lost = [], [], []
    for pod in sorted(state.pods_of(found.uid), key=lambda one: (one.node, one.name)):
        node = state.nodes.get(pod.node)
        if right(pod):
            fresh.append(pod)
        elif node is not None and not node.ready:
            lost.append(pod)
        else:
            wrong.append(pod)
    return Fleet(found, tuple(wrong), tuple(fresh), tuple(lost))


def _replace_next(fleet: Fleet, batch: int, turn: Turn) -> bool:
    """Evict a batch of the wrong version when all other pods serve; those that do not serve anyway go at once. Returns
    whether none is left.
    """
    found = fleet.found
    down = [pod for pod in fleet.wrong if not pod.ready and pod.deleting is None]
    up = [pod for pod in fleet.wrong if pod.ready and pod.deleting is None]
    for pod in down:
        evict(pod, turn, says="evict, it is made again of the other version")
    standing = len(up) + sum(in_place.is_up(pod, found, turn) for pod in fleet.right)
    if not down and standing >= found.replicas - len(fleet.lost):
        for pod in up[:batch]:
            evict(pod, turn, says="evict, it is made again of the other version")
    return _is_whole(fleet, turn)


def _is_whole(fleet: Fleet, turn: Turn) -> bool:
    """Whether no pod of the wrong version is left and enough of the other serve; else what is waited for is said."""
    found = fleet.found
    late = next((pod for pod in fleet.right if not in_place.is_up(pod, found, turn)), None)
    wanted = found.replicas - len(fleet.lost)
    up = sum(in_place.is_up(pod, found, turn) for pod in fleet.right)
    if not fleet.wrong and up >= wanted:
        return True
    about = f", {late.name} does not serve yet" + (f": {late.waiting}" if late.waiting else "") if late else ""
    turn.wait(found.ref, f"{up} of {wanted} pods are of the version that is wanted{about}")
    return False


def _generation(pod: Pod) -> int:
    """Of which number of the template it is; one without the label is as old as can be."""
    text = pod.labels.get(GENERATION, "")
    return int(text) if text.isdecimal() else 0


def _own_generation(found: Workload) -> int:
    return int(found.update_revision) if found.update_revision.isdecimal() else 0


# -- undo --------------------------------------------------------------------------------------------------------


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - the shape of every undo
    left = []
    for found in in_place.marked(turn, "daemonset"):
        left.append(found.ref)
        if good and found.annotations.get(marks.PHASE) == "rolled":
            turn.act(in_place.forget(found))
        else:
            _undo(found, turn)
    return left


def marked(turn: Turn) -> list[Ref]:
    return [found.ref for found in in_place.marked(turn, "daemonset")]


def _undo(found: Workload, turn: Turn) -> None:
    turn.enter(found.ref, "restoring")
    if not in_place.at_old(found):
        turn.act(in_place.restore(found))
        return
    if not in_place.is_seen(found, turn):
        return
    before, now = in_place.number(found, OLD_REVISIONS, 0), _own_generation(found)
    fleet = _fleet(found, turn.state, lambda pod: not before < _generation(pod) < now)
    for pod in fleet.right:
        turn.leaving.pop(pod.uid, None)
    batch = in_place.number(found, BATCH, 1)
    if _replace_next(fleet, batch, turn) if found.strategy == "OnDelete" else _is_whole(fleet, turn):
        turn.enter(found.ref, "restored")
        turn.act(in_place.forget(found))
