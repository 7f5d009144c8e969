"""The verb `scale`: a workload gets another number of replicas, and afterwards the one it had."""

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
from underway.steps import autoscaling, marks, scale_marks, shedding
from underway.steps.diagnosis import fault
from underway.steps.progress import StepEnd, Turn
from underway.steps.rollout_choice import quota_below, room_for
from underway.steps.rollout_marks import remove_copies
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration

_LIMIT = timedelta(minutes=10)


@dataclass
class ScaleWork:
    """`count`: the replicas it is to have; None until the step is at work."""

    ref: Ref
    count: int | None = None
    before: int = 0
    """The replicas it had then."""
    began: datetime | None = None


def _ref(step: ScaleStep) -> Ref:
    return Ref(step.workload.kind, step.workload.namespace, step.workload.name)


def _begin(step: ScaleStep, _: Beginning, __: ClusterState) -> ScaleWork:
    return ScaleWork(_ref(step))


def wanted(step: ScaleStep, found: Workload) -> int:
    return max(0, step.to if step.to is not None else found.replicas + (step.by or 0))


def _proceed(step: ScaleStep, work: ScaleWork, turn: Turn) -> StepEnd | None:
    found = turn.state.workloads.get(work.ref)
    if found is None:
        return StepEnd("failed", f"{work.ref} is gone")
    if turn.paused and work.count is None:
        return None
    if work.count is None:
        work.count, work.before = wanted(step, found), found.replicas
    if work.began is None or turn.paused:
        work.began = turn.now
    leaving = shedding.see_off(turn)
    end = _take_further(step, work, found, work.count, turn)
    if end is not None and not (leaving and end.outcome == "done"):
        return end
    late = work.began + _LIMIT
    turn.look_again(min(late, turn.now + timedelta(seconds=1)))
    if turn.now < late:
        return None
    reasons = "; ".join(f"{wait.object}: {wait.reason}" for wait in turn.waits[:3])
    return StepEnd("timedOut", f"{work.ref}: not scaled within {format_duration(_LIMIT)}: {reasons}")


def _take_further(step: ScaleStep, work: ScaleWork, found: Workload, count: int, turn: Turn) -> StepEnd | None:
    """First what may keep it from the number, its autoscaler and pods that still serve; then the number itself."""
    refused = autoscaling.agree(found, count, step, turn)
    if refused is not None:
        return StepEnd("failed", refused) if refused else None
    if scale_marks.scaled_by(found) != turn.run or found.annotations.get(scale_marks.SCALED_TO) != str(count):
        if count == found.replicas and scale_marks.scaled_by(found) is None:
            return StepEnd("done", f"it has {count} replicas already")
        if shedding.may_have(found, count, turn):
            turn.act(_scale(found, count, step, turn.run))
        return None
    if found.replicas != count and (turn.state.autoscaler_of(found.ref) is None or count == 0):
        return StepEnd("failed", f"{found.ref}: somebody else wants {found.replicas} replicas, not {count}")
    return _healthy(work, found, count, turn)


def _healthy(work: ScaleWork, found: Workload, count: int, turn: Turn) -> StepEnd | None:
    """Once it has its replicas and all of them are Ready. An autoscaler may have given it more by then."""
    for pod in _pods(found, turn.state):
        reason = fault(pod, turn.now)
        if reason is not None:
            return StepEnd("failed", f"{pod.ref}: {reason}", pod.ref)
    refused = next((one for one in turn.state.workloads_of(found.uid) if one.failure and one.replicas), None)
    if refused is not None:
        return StepEnd("failed", f"{refused.ref}: {refused.failure}")
    goal = max(count, found.replicas)
    seen = found.observed_generation >= found.generation
    if seen and found.ready >= goal and found.current == found.replicas == goal:
        return StepEnd(
            "done", f"from {work.before} to {goal} replicas" + (", its autoscaler's number" if goal > count else "")
        )
    late = next((pod for pod in _pods(found, turn.state) if not pod.ready and pod.waiting), None)
    turn.wait(found.ref, f"{found.ready} of {goal} replicas Ready" + (f"; {late.name}: {late.waiting}" if late else ""))
    return None


def _scale(found: Workload, count: int, step: ScaleStep, run: str) -> PatchWorkload:
    return PatchWorkload(
        found.ref,
        found.uid,
        says=f"scale from {found.replicas} to {count}",
        resource_version=found.resource_version,
        annotations=scale_marks.marks(found, run, str(found.replicas), str(count), step),
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
    for marked in (found, scene.state.autoscaler_of(found.ref)):
        other = scale_marks.scaled_by(marked) if marked is not None else None
        if marked is not None and other is not None and other != scene.run:
            yield Blocker(str(marked.ref), f"run {other} has left it scaled", f"underway restore {other}")
    count = wanted(step, found)
    more = count - found.replicas
    room = room_for(found, more, scene.state) if more > 0 else 0
    if more > 0 and room < more:
        quota = quota_below(found, more, scene.state)
        remedy = f"raise {quota}" if quota else "free room, or add a node"
        yield Blocker(name, f"there is room for {room} more pods, {more} are needed", remedy)
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
    namespace = step.workload.namespace
    return [
        Need("patch", "apps", f"{step.workload.kind}s", namespace),
        Need("patch", "autoscaling", "horizontalpodautoscalers", namespace),
        Need("patch", "", "pods", namespace),
        Need("create", "", "pods/eviction", namespace),
        Need("patch", "policy", "poddisruptionbudgets", namespace),
    ]


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - the shape of every undo
    """The autoscalers first: they would keep what they were told to."""
    left = autoscaling.put_back(turn, good=good)
    held = bool(left)
    left += shedding.see_off(turn)
    for found in list(_scaled(turn)):
        left.append(found.ref)
        if found.kind == "replicaset" and found.owner is not None:
            owner = turn.state.controller_of(found)
            if owner is None or scale_marks.scaled_by(owner) != turn.run:
                turn.act(remove_copies(found))
        elif not (held or marks.run_of(found) == turn.run):
            # a rollout that is undone has a number of its own meanwhile
            back = _back(found, turn, good=good)
            if back.replicas is None or shedding.may_have(found, back.replicas, turn):
                turn.act(back)
    return left


def _back(found: Workload, turn: Turn, *, good: bool) -> PatchWorkload:
    """An autoscaler that knows how many are needed lowers the number itself, when the load allows it."""
    before = scale_marks.before(found, good=good)
    ours = before.isdecimal() and str(found.replicas) == found.annotations.get(scale_marks.SCALED_TO)
    autoscaler = turn.state.autoscaler_of(found.ref)
    decided = autoscaler is not None and autoscaler.measuring and found.replicas > int(before or 0) > 0
    back = scale_marks.returns(found, good=good) and ours and not decided
    lasting = scale_marks.lasts(found, str(found.replicas), good=good) if ours and not decided else ""
    turn.keep(found.ref, f"at {lasting} replicas" if lasting else "")
    return PatchWorkload(
        found.ref,
        found.uid,
        says=f"scale back to {before}" if back else "remove the marks of its scaling",
        annotations=scale_marks.NONE,
        replicas=int(before) if back else None,
    )


def marked(turn: Turn) -> list[Ref]:
    workloads = [found.ref for found in _scaled(turn) if found.owner is None]
    return [*workloads, *(found.ref for found in autoscaling.scaled(turn))]


def _scaled(turn: Turn) -> Iterator[Workload]:
    return (found for found in scale_marks.scaled_workloads(turn.state) if scale_marks.scaled_by(found) == turn.run)


SCALE: Verb[ScaleStep, ScaleWork] = Verb(_begin, _proceed, _blockers, _needs)
