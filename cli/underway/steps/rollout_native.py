"""A Deployment rolled out, and back, by its own rolling update: watched, and undone when it cannot come to its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from underway.cluster.model import Workload
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
    for old in turn.state.workloads_of(found.uid):
        for pod in turn.state.pods_of(old.uid) if old.uid != new.uid else ():
            turn.leaving.setdefault(pod.uid, PodLeft(pod, "evicted"))


def is_rolled_out(found: Workload) -> bool:
    """As `kubectl rollout status` sees it."""
    seen = found.observed_generation >= found.generation
    return seen and found.updated == found.current == found.available == found.replicas


def undo_natively(found: Workload, turn: Turn) -> None:
    turn.enter(found.ref, "restoring")
    template = found.template.hash if found.template else ""
    if template != found.annotations.get(rollout_marks.OLD_TEMPLATE):
        turn.act(rollout_marks.restore(found, handoff=False))
    elif is_rolled_out(found):
        turn.enter(found.ref, "restored")
        turn.act(rollout_marks.forget(found))
    else:
        turn.wait(found.ref, f"rolls back: {found.updated} of {found.replicas}, {found.available} available")
