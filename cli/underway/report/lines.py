"""What is said about an event, in one line or none: the same whether it is piped or scrolls above the live display."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from underway.engine.events import (
    Change,
    ChangeRefused,
    Event,
    GateChanged,
    NodeChanged,
    PodExamined,
    PodMoved,
    PodPlanned,
    Pulse,
    Receipt,
    Restoring,
    RunStarted,
    StepEnded,
    StepStarted,
    Waiting,
    WorkloadChanged,
)
from underway.report.evidence import evidence_lines
from underway.report.progress import Progress
from underway.report.words import between, count, in_words, visible

Mood: TypeAlias = Literal["plain", "good", "bad", "faint"]

LOSSES_EVERY = timedelta(seconds=10)
"""A probe that loses one request after another says so this often."""
NAMED = 10
"""So many nodes of a step are named; the others when it is their turn."""
PASSING = frozenset({"conflict", "gone"})
"""Refusals that only mean that the cluster was quicker; for those who want to hear everything."""
EXPECTED = PASSING | {"blocked"}
"""Refusals that need nobody: the run decides anew."""


_FIGURES = re.compile(r"\d[\dhms.,:]*")


@dataclass(frozen=True)
class Line:
    text: str
    mood: Mood = "plain"


class Announcer:
    """Decides what is worth a line. `verbose`: everything, skipped pods and passed gates included."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._refused: dict[str, tuple[str, str, str]] = {}
        self._waits: set[tuple[str, str]] = set()
        self._troubled_gates: set[str] = set()
        self._losses: dict[str, tuple[int, datetime]] = {}

    def lines(self, event: Event, progress: Progress) -> list[Line]:
        """`progress` has taken the event already."""
        return [Line(visible(line.text), line.mood) for line in self._lines(event, progress)]

    def _lines(self, event: Event, progress: Progress) -> list[Line]:  # noqa: C901, PLR0912 - one case for each event
        match event:
            case RunStarted():
                return [_run_started(event)]
            case StepStarted():
                return [_step_started(event, progress)]
            case PodPlanned():
                return self._pod_planned(event)
            case NodeChanged():
                return [_node_changed(event, progress)]
            case WorkloadChanged():
                return _workload_changed(event)
            case Change():
                return self._change(event)
            case ChangeRefused():
                return self._change_refused(event)
            case PodMoved():
                how = "by itself" if event.how == "gone" else in_words(event.how)
                return [Line(f"pod/{event.namespace}/{event.pod}: has left node/{event.node}, {how}", "good")]
            case Waiting():
                return self._waiting(event) if self._verbose else []
            case GateChanged():
                return self._gate_changed(event, progress)
            case Pulse():
                return self._pulse(event)
            case StepEnded():
                return [_step_ended(event, progress)]
            case PodExamined():
                return [Line(line, "faint") for line in evidence_lines(event.evidence)]
            case Restoring():
                return [Line(f"{in_words(event.cause)}: {event.reason}; putting back what was changed", "bad")]
            case Receipt():
                return []

    def _pod_planned(self, event: PodPlanned) -> list[Line]:
        if event.verdict in {"handoff", "skip"} and not self._verbose:
            return []
        said = f"pod/{event.namespace}/{event.pod}: {event.verdict} from node/{event.node}"
        reason = event.reason.removeprefix("evicted: ")
        mood: Mood = "bad" if event.verdict == "blocked" else "faint"
        return [Line(f"{said} ({reason})" if reason else said, mood)]

    def _change(self, event: Change) -> list[Line]:
        """A write that was refused before is tried again and again: that is said once."""
        says, _, _ = self._refused.get(event.object, ("", "", ""))
        return [] if says == event.says and not self._verbose else [Line(f"{event.object}: {event.says}")]

    def _change_refused(self, event: ChangeRefused) -> list[Line]:
        answer = (event.says, event.status, event.message)
        known = self._refused.get(event.object) == answer
        self._refused[event.object] = answer
        if not self._verbose and (known or event.status in PASSING):
            return []
        message = f": {event.message}" if event.message else ""
        mood: Mood = "faint" if event.status in EXPECTED else "bad"
        return [Line(f"{event.object}: not accepted ({event.status}): {event.says}{message}", mood)]

    def _waiting(self, event: Waiting) -> list[Line]:
        """Reasons may count; a wait is told anew when more than its figures has changed."""
        waits = {(named, _FIGURES.sub("", reason)): f"waiting for {named}: {reason}" for named, reason in event.waits}
        before, self._waits = self._waits, set(waits)
        return [Line(said, "faint") for wait, said in waits.items() if wait not in before]

    def _gate_changed(self, event: GateChanged, progress: Progress) -> list[Line]:
        troubled = event.gate in self._troubled_gates
        reason = f": {event.reason}" if event.reason else ""
        if event.status == "pass":
            self._troubled_gates.discard(event.gate)
            if not troubled and not self._verbose:
                return []
            return [Line(f"gate {event.gate} {'holds again' if troubled else 'holds'}{reason}", "good")]
        if progress.gates[event.gate].awaited:
            return [Line(f"gate {event.gate} does not hold yet{reason}", "faint")] if self._verbose else []
        self._troubled_gates.add(event.gate)
        status = {"fail": "fails", "inconclusive": "is inconclusive", "error": "cannot be measured"}[event.status]
        return [Line(f"gate {event.gate} {status}{reason}", "bad")]

    def _pulse(self, event: Pulse) -> list[Line]:
        lines = []
        for probe in event.probes:
            said, said_at = self._losses.get(probe.name, (0, event.at - LOSSES_EVERY))
            if probe.lost > said and event.at - said_at >= LOSSES_EVERY:
                self._losses[probe.name] = (probe.lost, event.at)
                error = f": {probe.last_error}" if probe.last_error else ""
                lost = f"probe {probe.name} has lost {probe.lost:,} of {count(probe.sent, 'request')}"
                lines.append(Line(lost + error, "bad"))
        return lines


def _run_started(event: RunStarted) -> Line:
    kind = "simulated run" if event.simulated else "run"
    where = f"on {event.cluster} by {event.operator}" if event.operator else f"on {event.cluster}"
    return Line(f"{kind} {event.run}: {event.playbook} ({event.source}) {where}, underway {event.version}")


def _step_started(event: StepStarted, progress: Progress) -> Line:
    position = progress.steps.index(progress.current()) + 1
    said = f"step {position} of {len(progress.steps)}, {event.name}"
    if not event.nodes:
        return Line(said)
    more = f" and {len(event.nodes) - NAMED:,} more" if len(event.nodes) > NAMED else ""
    return Line(f"{said}: {count(len(event.nodes), 'node')}, {', '.join(event.nodes[:NAMED])}{more}")


def _step_ended(event: StepEnded, progress: Progress) -> Line:
    step = progress.current()
    took = f" after {between(step.started, event.at)}" if step.started else ""
    reason = f": {event.reason}" if event.reason else ""
    mood: Mood = "good" if event.outcome == "done" else "bad"
    return Line(f"step {step.name} {in_words(event.outcome)}{took}{reason}", mood)


def _workload_changed(event: WorkloadChanged) -> list[Line]:
    said: dict[str, tuple[str, Mood]] = {
        "rolling": (event.reason, "plain"),
        "serving": ("all of the new version serve", "plain"),
        "alone": ("the new version alone gets traffic", "good"),
        "back": ("the old version alone gets traffic", "good"),
        "restored": ("is as it was before", "good"),
    }
    words, mood = said.get(event.phase, ("", "plain"))
    return [Line(f"{event.workload}: {words}", mood)] if words else []


def _node_changed(event: NodeChanged, progress: Progress) -> Line:
    node = progress.node(event.node)
    reason = f": {event.reason}" if event.reason else ""
    said = f"node/{event.node}: {event.phase}"
    match event.phase:
        case "draining":
            return Line(f"{said}, {count(event.pods, 'pod')} to move{reason}")
        case "done" | "failed" | "restored":
            took = f" after {between(node.started, event.at)}" if node.started else ""
            return Line(f"{said}{took}{reason}", "bad" if event.phase == "failed" else "good")
        case _:
            return Line(said + reason)
