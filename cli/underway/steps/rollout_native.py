"""A Deployment rolled out, and back, by its own rolling update: watched, and undone when it cannot come to its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from underway.cluster.model import Pod, Workload
from underway.steps import rollout_marks
from underway.steps.diagnosis import fault
from underway.steps.progress import PodLeft, StepEnd, Turn
from underway.steps.rollout_choice import replicaset_in_use
from underway.units import format_duration


def proceed_natively(began: datetime, usual: timedelta | None, found: Workload, turn: Turn) -> StepEnd | None:
    new = replicaset_in_use(found, turn.state)
    template = found.template.hash if found.template else ""
    if new is not None and new.template is not None and new.template.hash == template:
        _expect_the_old_to_go(found, new, turn)
        if new.failure:
            return StepEnd("failed", f"{new.ref}: {new.failure}")
        for pod in turn.state.pods_of(new.uid):
            reason = fault(pod, turn.now, usual)
            if reason is not None:
                return StepEnd("failed", f"{pod.ref}: {reason}", pod.ref)
    if is_rolled_out(found):
        if not _wait_for_the_old(found, new, turn):
            turn.enter(found.ref, "done")
            turn.act(rollout_marks.rolled(found))
        return None
    end = began + timedelta(seconds=found.progress_deadline_seconds)
    turn.wait(found.ref, f"{found.updated} of {found.replicas} are of the new version, {found.available} available")
    turn.look_again(min(end, turn.now + timedelta(seconds=1)))
    if turn.now >= end:
        limit = format_duration(end - began)
        return StepEnd("timedOut", f"{found.ref}: {found.updated} of {found.replicas} updated after {limit}")
    return None


def _expect_the_old_to_go(found: Workload, new: Workload, turn: Turn) -> None:
    for pod in _old_pods(found, new, turn):
        turn.leaving.setdefault(pod.uid, PodLeft(pod, "evicted"))


def _old_pods(found: Workload, new: Workload | None, turn: Turn) -> Iterator[Pod]:
    for old in turn.state.workloads_of(found.uid):
        if new is None or old.uid != new.uid:
            yield from turn.state.pods_of(old.uid)


def _wait_for_the_old(found: Workload, new: Workload | None, turn: Turn) -> bool:
    """Whether pods of the old version are still being stopped: what is lost with them is the rollout's doing. One that
    is still there when its grace period is over is not waited for.
    """
    waits = False
    for pod in _old_pods(found, new, turn):
        if pod.deleting is not None and turn.now < pod.deleting:
            turn.wait(pod.ref, "terminating")
            turn.look_again(pod.deleting)
            waits = True
    return waits


def is_rolled_out(found: Workload, needed: int | None = None) -> bool:
    """As `kubectl rollout status` sees it; `needed`: how many being available is enough, all if it is None."""
    seen = found.observed_generation >= found.generation
    enough = found.available >= (found.replicas if needed is None else needed)
    return seen and enough and found.updated == found.current == found.replicas


def undo_natively(found: Workload, turn: Turn) -> None:
    turn.enter(found.ref, "restoring")
    template = found.template.hash if found.template else ""
    if template != found.annotations.get(rollout_marks.OLD_TEMPLATE):
        turn.act(rollout_marks.restore(found, handoff=False))
    elif is_rolled_out(found, rollout_marks.needed_back(found)):
        turn.enter(found.ref, "restored")
        turn.act(rollout_marks.forget(found))
    else:
        turn.wait(found.ref, f"rolls back: {found.updated} of {found.replicas}, {found.available} available")
