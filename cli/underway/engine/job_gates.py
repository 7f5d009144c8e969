"""Gates of kind `job`: the run makes a Job, and makes it again every `every`; how it ended is the look.

While a Job is at work the look before it stands. Each Job is deleted as soon as it has been looked at. Those of a run
that ends meanwhile are let finish, and deleted by the undo.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from underway.cluster.actions import DeleteJob, Need
from underway.cluster.model import Ref
from underway.engine.run import Run
from underway.engine.watched import Watched
from underway.gates.history import due, job_timeout, record
from underway.gates.verdict import Sample
from underway.playbook.gates import Gate
from underway.steps import maintenance
from underway.steps.progress import Turn


def needs(gate: Gate, namespace: str) -> list[Need]:
    """The permissions for its Jobs; `namespace`: where they run if the gate does not say."""
    if gate.job is None:
        return []
    return [Need(verb, "batch", "jobs", gate.job.namespace or namespace) for verb in ("create", "delete")]


def tend(watched: Watched, run: Run, turn: Turn) -> datetime | None:
    """Make the Job that is due, or look at how it has ended; returns when to come again if nothing changes."""
    gate, body = watched.gate, watched.gate.job
    if body is None:
        return None
    ref = _ref(watched, run, body.namespace or run.namespace)
    job = turn.state.workloads.get(ref)
    if job is None:
        moment = due(gate, watched.history)
        if turn.now < moment:
            return moment
        turn.act(maintenance.create_for_gate(body, ref, run.id, watched.name, job_timeout(gate), turn.now))
    elif job.complete or job.failure:
        if job.uid != watched.seen:
            watched.seen = job.uid
            reason = f"{ref}: complete" if job.complete else f"{ref} failed: {maintenance.failure(job, turn.state)}"
            watched.history = record(watched.history, Sample(turn.now, job.complete, reason))
        turn.act(DeleteJob(ref, job.uid, says=f"delete, gate {watched.name} has looked at it"))
    return None


def _ref(watched: Watched, run: Run, namespace: str) -> Ref:
    """Of this gate since it was opened: the Job of an earlier time may not have been deleted yet."""
    digest = sha256(f"{watched.name}/{watched.history.began.isoformat()}".encode()).hexdigest()[:10]
    return Ref("job", namespace, f"underway-{run.id}-gate-{digest}")
