"""The verb `job`: a Job runs to completion once, such as a migration or a smoke test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from underway.cluster.actions import DeleteJob, Need
from underway.cluster.model import Ref, Workload
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import JobStep
from underway.steps import maintenance
from underway.steps.progress import StepEnd, Turn
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration

_SEEN = timedelta(seconds=60)
"""What a Job may take beyond its own deadline to be seen as ended."""


@dataclass
class JobWork:
    index: int
    namespace: str
    began: datetime


def _begin(step: JobStep, beginning: Beginning, _: ClusterState) -> JobWork:
    return JobWork(beginning.index, step.namespace or beginning.namespace, beginning.now)


def _proceed(step: JobStep, work: JobWork, turn: Turn) -> StepEnd | None:
    ref = Ref("job", work.namespace, f"underway-{turn.run}-step-{work.index + 1}")
    found = turn.state.workloads.get(ref)
    limit = format_duration(step.timeout)
    if found is None:
        turn.act(maintenance.create_alone(step, ref, turn.run, work.began))
    elif found.complete:
        turn.act(DeleteJob(ref, found.uid, says="delete, it is done"))
        return StepEnd("done")
    elif found.failure:
        return _failed(found, turn, limit, late=turn.now >= work.began + step.timeout)
    else:
        waiting = next((pod.waiting for pod in turn.state.pods_of(found.uid) if pod.waiting), "")
        turn.wait(ref, f"is at work{': ' + waiting if waiting else ''}")
    end = work.began + step.timeout + _SEEN
    turn.look_again(end)
    return StepEnd("timedOut", f"{ref} did not end within {limit}") if turn.now >= end else None


def _failed(found: Workload, turn: Turn, limit: str, *, late: bool) -> StepEnd:
    if late:
        return StepEnd("timedOut", f"{found.ref} did not end within {limit}")
    pod = next((pod.ref for pod in turn.state.pods_of(found.uid)), None)
    return StepEnd("failed", f"{found.ref} failed: {maintenance.failure(found, turn.state)}", pod)


def _blockers(_: JobStep, __: Scene) -> Iterable[Blocker]:
    return ()


def _needs(step: JobStep, namespace: str) -> Iterable[Need]:
    where = step.namespace or namespace
    return [Need(verb, "batch", "jobs", where) for verb in ("create", "delete")]


JOB: Verb[JobStep, JobWork] = Verb(_begin, _proceed, _blockers, _needs)
