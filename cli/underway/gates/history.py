"""All the looks at one gate, folded to what its limits are judged by.

Looking more often does not make a gate stricter: a failure that lasts counts once, and once more for each `every`
that it goes on. So a state may be looked at whenever it changes, and at the latest when it is `due`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from underway.gates.verdict import Sample, Verdict
from underway.playbook.gates import Gate
from underway.units import format_duration

AWAITED_TIMEOUT = timedelta(seconds=30)
UNMEASURED_LIMIT = timedelta(seconds=60)
EVERY = timedelta(seconds=1)
EVERY_OUTSIDE = timedelta(seconds=5)
"""Prometheus, Alertmanager, commands and Jobs: what they cost is somebody else's."""
JOB_TIMEOUT = timedelta(minutes=5)
"""For the Job of a gate that does not say how long it may take, as for the verb `job`."""
JOB_ALLOWANCE = timedelta(seconds=60)
"""What a Job may take beyond its own deadline to be seen as ended."""
SHORTEST = timedelta(milliseconds=10)
"""Not even `every: 0s` makes a busy loop."""


@dataclass(frozen=True, slots=True)
class History:
    """`began`: from when on looks count, after the initial delay. `failures` are counted as the module says.

    `failed_at`: when a failure was last counted, None once the gate holds again. `unmeasured_since`: None while the
    last look told something.
    """

    began: datetime
    every: timedelta = EVERY
    last: Sample | None = None
    holds_since: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None
    failure: str = ""
    errors: int = 0
    unmeasured_since: datetime | None = None


def every(gate: Gate) -> timedelta:
    """The gate's `every`; by default 1 s for what the cluster's state tells, 5 s for what has to be asked for."""
    if gate.every is not None:
        return max(gate.every, SHORTEST)
    return EVERY_OUTSIDE if gate.kind in ("prometheus", "alerts", "command", "job") else EVERY


def job_timeout(gate: Gate) -> timedelta:
    """How long a Job of this gate may take."""
    return (gate.job.timeout if gate.job else None) or gate.timeout or JOB_TIMEOUT


def opened(gate: Gate, now: datetime) -> History:
    """The history of a gate that is looked at from now on; its `initialDelay` starts now."""
    return History(began=now + (gate.initial_delay or timedelta()), every=every(gate))


def record(history: History, sample: Sample) -> History:
    """Add a look. One from before `began`, or older than the last, changes nothing."""
    if sample.at < history.began or (history.last is not None and sample.at < history.last.at):
        return history
    match sample.holds:
        case True:
            since = history.holds_since or sample.at
            return replace(history, last=sample, holds_since=since, failed_at=None, unmeasured_since=None)
        case False:
            seen = replace(history, last=sample, holds_since=None, unmeasured_since=None, failure=sample.reason)
            if history.failed_at is not None and sample.at - history.failed_at < history.every:
                return seen
            return replace(seen, failures=history.failures + 1, failed_at=sample.at)
        case None:
            since = history.unmeasured_since or sample.at
            return replace(history, last=sample, holds_since=None, errors=history.errors + 1, unmeasured_since=since)


def awaited(gate: Gate, history: History, now: datetime) -> Verdict:
    """Judge a gate that is waited for: in before, after, check, verify.

    It passes once it has held for `for` (default: once). It fails when `timeout` is over (default: 30 s more than
    `for`; for a Job a minute more than it may take), counted from `began`; if the last look could not measure, that is
    an error. A Job that fails is not run again in the hope of better, but for the `failures` that are allowed.
    """
    if gate.job is not None and history.failures > gate.failures:
        return Verdict("fail", history.failure)
    last, wanted = history.last, gate.for_ or timedelta()
    if last is not None and history.holds_since is not None:
        held = last.at - history.holds_since
        if held >= wanted:
            return Verdict("pass", last.reason)
        reason = f"{last.reason}, for {format_duration(held)} of {format_duration(wanted)}"
    else:
        reason = last.reason if last is not None else "not measured yet"
    if now < deadline(gate, history.began):
        return Verdict("inconclusive", reason)
    measured = last is not None and last.holds is not None
    return Verdict("fail" if measured else "error", f"{reason}, after {format_duration(now - history.began)}")


def guarded(gate: Gate, history: History, now: datetime) -> Verdict:
    """Judge a gate that must hold all the time: guards, during.

    It fails with the first failure beyond `failures` (default: none are allowed), and for good. Whenever it is not
    measured it is an error, and inconclusive when that has lasted for `timeout` (default: 60 s). `for` means nothing
    here. Before its initial delay is over it passes.
    """
    if now < history.began:
        return Verdict("pass", f"not judged during its first {format_duration(gate.initial_delay or timedelta())}")
    if history.failures > gate.failures:
        return Verdict("fail", history.failure + (f" ({history.failures} times)" if gate.failures else ""))
    last = history.last
    if last is None:
        return unmeasured(gate, history.began, now, "not measured yet")
    if history.unmeasured_since is not None:
        return unmeasured(gate, history.unmeasured_since, now, last.reason)
    silent = unmeasured(gate, last.at + history.every, now, "not measured any more")
    if silent.status == "inconclusive":
        return silent
    if last.holds:
        return Verdict("pass", last.reason)
    return Verdict("pass", f"{last.reason} (failure {history.failures} of {gate.failures} allowed)")


def unmeasured(gate: Gate, since: datetime, now: datetime, reason: str) -> Verdict:
    """The verdict of a guard that has not been measured since then: error, after its limit inconclusive."""
    if now - since < (gate.timeout or _patience(gate, UNMEASURED_LIMIT)):
        return Verdict("error", reason)
    return Verdict("inconclusive", f"{reason}, for {format_duration(now - since)}")


def deadline(gate: Gate, began: datetime) -> datetime:
    """When an awaited gate has taken too long."""
    return began + (gate.timeout or _patience(gate, AWAITED_TIMEOUT) + (gate.for_ or timedelta()))


def _patience(gate: Gate, usual: timedelta) -> timedelta:
    return usual if gate.job is None else job_timeout(gate) + JOB_ALLOWANCE


def due(gate: Gate, history: History) -> datetime:
    """When to look again at the latest, always after the last look: `every` later, or when a wait may be over."""
    if history.last is None:
        return history.began
    moments = [history.last.at + history.every, deadline(gate, history.began)]
    if history.holds_since is not None:
        moments.append(history.holds_since + (gate.for_ or timedelta()))
    return min(moment for moment in moments if moment > history.last.at)
