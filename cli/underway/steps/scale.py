"""The verb `scale`: a workload gets another number of replicas, and afterwards the one it had.

Its marks have names of their own, so that a rollout of the same workload can stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from underway.cluster import disruption
from underway.cluster.actions import Need, PatchWorkload
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import ScaleStep
from underway.steps.diagnosis import fault
from underway.steps.progress import StepEnd, Turn
from underway.steps.rollout_choice import room_for
from underway.steps.rollout_marks import remove_copies
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration

SCALED = "underway.dev/scaled"
"""The run that has scaled it."""
SCALED_FROM = "underway.dev/scaled-from"
SCALED_TO = "underway.dev/scaled-to"
RESTORE = "underway.dev/scale-restore"
_LIMIT = timedelta(minutes=10)


@dataclass
class ScaleWork:
    ref: Ref
    began: datetime


def _ref(step: ScaleStep) -> Ref:
    return Ref(step.workload.kind, step.workload.namespace, step.workload.name)


def _begin(step: ScaleStep, beginning: Beginning, _: ClusterState) -> ScaleWork:
    return ScaleWork(_ref(step), beginning.now)


def wanted(step: ScaleStep, found: Workload) -> int:
    return max(0, step.to if step.to is not None else found.replicas + (step.by or 0))


def _proceed(step: ScaleStep, work: ScaleWork, turn: Turn) -> StepEnd | None:
    found = turn.state.workloads.get(work.ref)
    if found is None:
        return StepEnd("failed", f"{work.ref} is gone")
    if found.annotations.get(SCALED) != turn.run:
        count = wanted(step, found)
        if count == found.replicas:
            return StepEnd("done", f"it has {count} replicas already")
        turn.act(_scale(found, count, step, turn.run))
        return None
    count = int(found.annotations[SCALED_TO])
    if found.replicas != count:
        return StepEnd("failed", f"{work.ref}: somebody else wants {found.replicas} replicas, not {count}")
    for pod in _pods(found, turn.state):
        reason = fault(pod, turn.now)
        if reason is not None:
            return StepEnd("failed", f"{pod.ref}: {reason}", pod.ref)
    if found.observed_generation >= found.generation and found.ready >= count and found.current == count:
        return StepEnd("done")
    end = work.began + _LIMIT
    late = next((pod for pod in _pods(found, turn.state) if not pod.ready and pod.waiting), None)
    waiting = f"; {late.name}: {late.waiting}" if late is not None else ""
    turn.wait(found.ref, f"{found.ready} of {count} replicas Ready{waiting}")
    turn.look_again(min(end, turn.now + timedelta(seconds=1)))
    if turn.now < end:
        return None
    return StepEnd("timedOut", f"{work.ref}: {found.ready} of {count} Ready after {format_duration(_LIMIT)}{waiting}")


def _scale(found: Workload, count: int, step: ScaleStep, run: str) -> PatchWorkload:
    return PatchWorkload(
        found.ref,
        found.uid,
        says=f"scale from {found.replicas} to {count}",
        resource_version=found.resource_version,
        annotations={
            SCALED: run,
            SCALED_FROM: str(found.replicas),
            SCALED_TO: str(count),
            RESTORE: step.restore,
        },
        replicas=count,
    )


def _pods(found: Workload, state: ClusterState) -> Iterator[Pod]:
    yield from state.pods_of(found.uid)
    for owned in state.workloads_of(found.uid):
        yield from state.pods_of(owned.uid)


def _blockers(step: ScaleStep, scene: Scene) -> Iterator[Blocker]:
    found = scene.state.workloads.get(_ref(step))
    name = str(_ref(step))
    if found is None:
        yield Blocker(name, "there is no such workload", f"correct the name: kubectl get {_ref(step).kind}s -A")
        return
    if found.owner is not None:
        reason = f"its {found.owner.kind} {found.owner.name} decides how many replicas it has"
        yield Blocker(name, reason, f"scale {found.owner.kind.lower()}/{found.namespace}/{found.owner.name} instead")
        return
    other = found.annotations.get(SCALED)
    if other is not None and other != scene.run:
        yield Blocker(name, f"run {other} has left it scaled", f"underway restore {other}")
    count = wanted(step, found)
    more = count - found.replicas
    room = room_for(found, more, scene.state) if more > 0 else 0
    if more > 0 and room < more:
        yield Blocker(name, f"there is room for {room} more pods, {more} are needed", "free room, or add a node")
    if more < 0:
        yield from _too_few(found, count, scene.state)


def _too_few(found: Workload, count: int, state: ClusterState) -> Iterator[Blocker]:
    pod = next((pod for pod in _pods(found, state) if pod.deleting is None), None)
    if pod is None:
        return
    for budget in state.budgets_of(pod):
        needed = disruption.desired(budget, count)
        if budget.min_available is not None and not budget.min_available.percent and needed > count:
            yield Blocker(
                str(found.ref), f"{budget.ref} needs {needed} healthy pods", f"keep as many, or loosen {budget.ref}"
            )
    for service in state.services_of(pod) if count == 0 else ():
        yield Blocker(str(found.ref), f"{service.ref} would have no endpoint", "keep one replica")


def _needs(step: ScaleStep, _: str) -> Iterable[Need]:
    group, plural = "apps", f"{step.workload.kind}s"
    return [Need("patch", group, plural, step.workload.namespace)]


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - the shape of every undo
    left = []
    for found in list(_scaled(turn)):
        left.append(found.ref)
        if found.kind == "replicaset" and found.owner is not None:
            owner = turn.state.controller_of(found)
            if owner is None or owner.annotations.get(SCALED) != turn.run:
                turn.act(remove_copies(found))
            continue
        lasts = found.annotations.get(RESTORE)
        restores = lasts == "end" or (lasts == "failure" and not good)
        before, after = found.annotations.get(SCALED_FROM, ""), found.annotations.get(SCALED_TO, "")
        ours = before.isdecimal() and str(found.replicas) == after
        turn.act(
            PatchWorkload(
                found.ref,
                found.uid,
                says=f"scale back to {before}" if restores and ours else "remove the marks of its scaling",
                annotations=dict.fromkeys((SCALED, SCALED_FROM, SCALED_TO, RESTORE)),
                replicas=int(before) if restores and ours else None,
            )
        )
    return left


def marked(turn: Turn) -> list[Ref]:
    return [found.ref for found in _scaled(turn) if found.owner is None]


def _scaled(turn: Turn) -> Iterator[Workload]:
    return (found for found in turn.state.workloads.values() if found.annotations.get(SCALED) == turn.run)


SCALE: Verb[ScaleStep, ScaleWork] = Verb(_begin, _proceed, _blockers, _needs)
