"""Gates in a run: opened, looked at in every decision, told about when their verdict changes, and closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from underway.engine import job_gates
from underway.engine.events import Event, GateChanged, ProbeCount
from underway.engine.run import Run
from underway.engine.watched import Kept, Watched, http_count, label, look, next_look, open_gate
from underway.errors import Blocker
from underway.gates.measurements import Measurements
from underway.gates.sample import count_restarts
from underway.gates.verdict import Verdict
from underway.playbook.models import Gate
from underway.steps.progress import Turn


@dataclass
class Look:
    """One look at the gates: what it reads, whom it tells, and when to look again."""

    run: Run
    turn: Turn
    measurements: Measurements
    tell: Callable[[Event], None]

    def at(self, watched: Watched) -> Verdict:
        again = job_gates.tend(watched, self.run, self.turn)
        verdict = look(watched, self.turn.state, self.measurements, self.run.restarts, self.turn.now)
        if verdict.status != watched.told:
            watched.told = verdict.status
            self.tell(
                GateChanged(
                    at=self.turn.now,
                    run=self.run.id,
                    gate=watched.name,
                    kind=watched.gate.kind,
                    status=verdict.status,
                    reason=verdict.reason,
                )
            )
        for moment in (again, next_look(watched)):
            if moment is not None:
                self.turn.look_again(moment)
        return verdict

    def at_guards(self) -> list[tuple[Watched, Verdict]]:
        """The gates that have to hold all the time: guards, and `during` of the present step."""
        return [(watched, self.at(watched)) for watched in self.run.watched.values() if watched.kept == "guarded"]

    def begin(self) -> None:
        """From now on what is lost counts: the first change comes next."""
        self.run.restarts = count_restarts(self.turn.state)
        for watched in self.run.watched.values():
            watched.base = self.measurements.http(watched.name)

    def await_all(self, group: str, gates: Iterable[Gate], node: str | None = None) -> tuple[bool | None, str]:
        """Wait for a group of gates: (True, ""), (None, what is waited for) or (False, what has failed).

        The gates are opened on the first call and closed when they are decided.
        """
        names = open_group(self.run, group, gates, "awaited", self.turn.now, node)
        waiting, failed = [], []
        for name in names:
            verdict = self.at(self.run.watched[name])
            if verdict.status == "inconclusive":
                waiting.append(f"gate {name}: {verdict.reason}")
            elif verdict.status != "pass":
                failed.append(f"gate {name}: {verdict.reason}")
        if failed:
            close(self.run, names)
            return False, "; ".join(failed)
        if waiting:
            return None, "; ".join(waiting)
        return True, ""


def open_guards(run: Run, now: datetime) -> None:
    open_group(run, "guard", run.playbook.spec.guards, "guarded", now)


def open_group(
    run: Run, group: str, gates: Iterable[Gate], kept: Kept, now: datetime, node: str | None = None
) -> list[str]:
    """Open the gates of a group that are not open yet; returns the names by which the group's are known."""
    names = []
    for position, gate in enumerate(gates, 1):
        name = label(gate, f"{group} {position}") + (f" on {node}" if node else "")
        if name not in run.watched:
            run.watched[name] = open_gate(name, gate, kept, now, node)
        names.append(name)
    return names


def close(run: Run, names: Iterable[str]) -> None:
    for name in names:
        run.watched.pop(name, None)


def close_measured(look: Look, names: list[str]) -> None:
    """Close gates that have guarded a step; what they have measured stays in the receipt."""
    for watched in [found for name, found in look.run.watched.items() if name in names]:
        look.run.measured.extend(_counted(watched, look.measurements))
    close(look.run, names)


def blocker(watched: Watched, verdict: Verdict) -> Blocker:
    remedy = "mend what it measures, or correct the gate"
    return Blocker(f"gate/{watched.name}", f"does not hold before the first change: {verdict.reason}", remedy)


def probe_counts(run: Run, measurements: Measurements) -> tuple[ProbeCount, ...]:
    """Availability as the HTTP gates that guard the run, or a step of it, have measured it while they did."""
    return tuple(run.measured) + tuple(
        count for watched in run.watched.values() for count in _counted(watched, measurements)
    )


def _counted(watched: Watched, measurements: Measurements) -> Iterator[ProbeCount]:
    count = http_count(watched, measurements) if watched.gate.kind == "http" else None
    if count is not None and watched.kept == "guarded":
        yield ProbeCount(
            name=watched.name,
            sent=count.sent,
            lost=count.lost,
            longest_gap_seconds=round(count.longest_gap.total_seconds(), 3),
            last_error=count.last_error,
        )
