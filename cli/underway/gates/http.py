"""HTTP availability: what was sent and lost, the gaps in it, and whether that is within a gate's limits.

A gap is the time between the ends of two good answers, if a request that was sent in between got lost. It can only
be told from the run of answers, so a count carries its gaps with it: those after which no longer one has come. That
is enough to say the longest gap since any moment, and it stays short.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from underway.gates.history import deadline, unmeasured
from underway.gates.verdict import Verdict
from underway.playbook.gates import Gate, HttpGate
from underway.units import format_duration

SILENCE_LIMIT = timedelta(seconds=5)
"""A prober from which nothing has come for this long, beyond the request's time-out, does not measure any more."""


@dataclass(frozen=True, slots=True)
class Gap:
    ended: datetime
    length: timedelta


@dataclass(frozen=True, slots=True)
class HttpCount:
    """What was measured from `began` until `at`; sent = answered + lost + in_flight.

    `answered`: as the gate asks, in time. `measured_at`: when a request last came to its end, good or not;
    `answered_at`: when one last came to a good end; `good_since`: the first good end after the last lost request.
    `proven`: before `began` good answers had come, the last of them with nothing lost since.
    `failing`: requests have been lost since `answered_at`. `late`: times when a request was due or ran out of time,
    and it was our own process that was held up; nothing is known of those. `errors`: the lost ones by reason.
    """

    began: datetime
    at: datetime
    sent: int = 0
    answered: int = 0
    lost: int = 0
    in_flight: int = 0
    late: int = 0
    measured_at: datetime | None = None
    answered_at: datetime | None = None
    good_since: datetime | None = None
    failing: bool = False
    proven: bool = False
    gaps: tuple[Gap, ...] = ()
    """Oldest first, each shorter than the one before it."""
    last_error: str = ""
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def current_gap(self) -> timedelta:
        """How long there has been no good answer; zero unless a request was lost meanwhile."""
        return self.at - (self.answered_at or self.began) if self.failing else timedelta()

    @property
    def longest_gap(self) -> timedelta:
        return max(self.gaps[0].length if self.gaps else timedelta(), self.current_gap)


def with_gap(gaps: tuple[Gap, ...], gap: Gap) -> tuple[Gap, ...]:
    """Add a gap, and leave out each that another outlasts which ended no earlier."""
    if any(known.ended >= gap.ended and known.length >= gap.length for known in gaps):
        return gaps
    rest = (known for known in gaps if known.ended > gap.ended or known.length > gap.length)
    return tuple(sorted((*rest, gap), key=lambda known: known.ended))


def baseline(then: HttpCount, now: HttpCount) -> HttpCount:
    """What was measured after `then.at`. Requests that were in flight at that moment count; a gap counts from it on."""
    moment = then.at
    gaps: tuple[Gap, ...] = ()
    for gap in now.gaps:
        if gap.ended > moment:
            gaps = with_gap(gaps, Gap(gap.ended, min(gap.length, gap.ended - moment)))
    errors = {kind: number - then.errors.get(kind, 0) for kind, number in now.errors.items()}
    return HttpCount(
        began=moment,
        at=now.at,
        sent=now.sent - then.sent + then.in_flight,
        answered=now.answered - then.answered,
        lost=now.lost - then.lost,
        in_flight=now.in_flight,
        late=now.late - then.late,
        measured_at=_after(now.measured_at, moment),
        answered_at=_after(now.answered_at, moment),
        good_since=max(now.good_since, moment) if now.good_since and now.answered > then.answered else None,
        failing=now.failing,
        proven=then.answered > 0 and not then.failing,
        gaps=gaps,
        last_error=now.last_error if now.lost > then.lost else "",
        errors={kind: number for kind, number in errors.items() if number},
    )


def _after(found: datetime | None, moment: datetime) -> datetime | None:
    return found if found is not None and found > moment else None


def broken(body: HttpGate, count: HttpCount) -> str | None:
    """The limit that the count exceeds, in words; None if it is within both."""
    if count.lost > body.lost:
        return f"{count.lost} of {count.sent} requests lost, {body.lost} allowed; the last: {count.last_error}"
    if body.gap is not None and count.longest_gap > body.gap:
        longest = format_duration(count.longest_gap)
        return f"no good answer for {longest}, {format_duration(body.gap)} allowed; the last: {count.last_error}"
    return None


def http_guarded(gate: Gate, body: HttpGate, count: HttpCount, now: datetime) -> Verdict:
    """Judge an HTTP gate that must hold all the time; `count` is of the guarded time only (see `baseline`).

    Only `lost` and `gap` limit it, `failures` and `for` mean nothing here. Before the first good answer ever, and when
    the prober has fallen silent, it is an error, and inconclusive when that has lasted for `timeout` (default: 60 s).
    """
    if now < count.began:
        return Verdict("pass", f"not judged before {count.began:%H:%M:%S}")
    if (reason := broken(body, count)) is not None:
        return Verdict("fail", reason)
    if count.answered_at is None:
        if count.proven and now - count.began <= body.every + body.timeout:
            return Verdict("pass", "all were answered until now")
        return unmeasured(gate, count.began, now, count.last_error or "no answer yet")
    heard = count.measured_at or count.began
    if now - heard > SILENCE_LIMIT + body.every + body.timeout:
        return unmeasured(gate, heard, now, "not measured any more")
    return Verdict("pass", _good(count))


def http_awaited(gate: Gate, body: HttpGate, count: HttpCount, now: datetime) -> Verdict:
    """Judge an HTTP gate that is waited for; `count` begins with the wait (see `baseline`).

    It passes once requests were answered for `for` (default: one answer) within the limits: either since the wait
    began or, if they were exceeded, since the last lost request. It fails when `timeout` is over (default: 30 s more
    than `for`); if no request was answered or lost until then, that is an error.
    """
    wanted, reason = gate.for_ or timedelta(), broken(body, count)
    since = count.began if reason is None else count.good_since
    if count.answered_at is not None and since is not None and not count.failing:
        held = count.answered_at - since
        if held >= wanted:
            return Verdict("pass", _good(count))
        reason = f"{reason or _good(count)}; held for {format_duration(held)} of {format_duration(wanted)}"
    reason = reason or count.last_error or "no answer yet"
    if now < deadline(gate, count.began):
        return Verdict("inconclusive", reason)
    return Verdict("fail" if count.answered or count.lost else "error", reason)


def _good(count: HttpCount) -> str:
    return f"{count.answered} of {count.answered + count.lost} requests answered"
