"""What a journal says about a run afterwards: the lines that were shown, and each node's time in each phase."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from underway.engine.events import Event, NodeChanged, NodePhase
from underway.report.lines import Announcer, Line
from underway.report.progress import FINISHED, Progress


def said(events: Iterable[Event]) -> list[tuple[datetime, Line]]:
    """The lines of the plain view, with their times; already free of control characters."""
    announcer, progress = Announcer(verbose=False), Progress()
    lines = []
    for event in events:
        progress.take(event)
        lines += [(event.at, line) for line in announcer.lines(event, progress)]
    return lines


@dataclass(frozen=True)
class Span:
    node: str
    phase: NodePhase
    start: datetime
    end: datetime


def spans(events: Iterable[Event], end: datetime) -> dict[str, list[Span]]:
    """By node, in the order in which they were begun. A phase that the journal does not see ending lasts to `end`."""
    found: dict[str, list[Span]] = {}
    open_phases: dict[str, NodeChanged] = {}
    for event in events:
        if not isinstance(event, NodeChanged):
            continue
        if before := open_phases.pop(event.node, None):
            found[event.node].append(Span(event.node, before.phase, before.at, event.at))
        if event.phase not in FINISHED and event.phase != "pending":
            found.setdefault(event.node, [])
            open_phases[event.node] = event
    for node, event in open_phases.items():
        found[node].append(Span(node, event.phase, event.at, end))
    return found
