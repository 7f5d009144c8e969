"""The receipt: what a run's events add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from msgspec import UNSET

from underway.engine.events import (
    Ailing,
    Event,
    Kept,
    NodeChanged,
    NodeReceipt,
    PodEvidence,
    PodMoved,
    PodPlanned,
    ProbeCount,
    Receipt,
    Restoring,
    RunOutcome,
    RunStarted,
    StepEnded,
    StepStarted,
    WorkloadChanged,
    WorkloadReceipt,
)
from underway.engine.node_turns import NodeTurn, NodeTurns
from underway.engine.run import Run
from underway.errors import Blocker, ExitStatus


@dataclass
class _WorkloadTally:
    began: datetime
    ended: datetime | None = None
    back: datetime | None = None
    outcome: Literal["done", "failed", "restored"] = "failed"
    reason: str = ""


@dataclass
class Tally:
    """Events added up, one after another."""

    started: RunStarted | None = None
    turns: NodeTurns = field(default_factory=NodeTurns)
    workloads: dict[str, _WorkloadTally] = field(default_factory=dict)
    turned_back: datetime | None = None
    handed_off: int = 0
    evicted: int = 0
    gone: int = 0
    last: datetime | None = None
    step: str = ""
    remarks: list[str] = field(default_factory=list)

    def add(self, event: Event) -> None:
        self.last = event.at
        match event:
            case RunStarted():
                self.started = event
            case NodeChanged():
                self.turns.change(event)
            case WorkloadChanged():
                self._add_workload(event)
            case StepStarted():
                self.step = event.name
                self.turns.enter_step(event.step)
            case StepEnded() if event.outcome == "done" and event.reason:
                self.remarks.append(f"{self.step}: {event.reason}")
            case Restoring():
                self.turned_back = event.at
            case PodMoved():
                self._add_pod(event)
            case PodPlanned() | _:
                pass

    def _add_workload(self, event: WorkloadChanged) -> None:
        found = self.workloads.setdefault(event.workload, _WorkloadTally(event.at))
        match event.phase:
            case "rolling":
                found.outcome, found.ended, found.back, found.reason = "failed", None, None, event.reason
            case "back":
                found.back = event.at
            case "done" | "restored":
                found.outcome, found.ended = event.phase, event.at
            case _:
                pass

    def _add_pod(self, event: PodMoved) -> None:
        match event.how:
            case "handedOff":
                self.handed_off += 1
            case "evicted":
                self.evicted += 1
            case "gone":
                self.gone += 1
        self.turns.move(event)


def tally(events: Iterable[Event]) -> Tally:
    found = Tally()
    for event in events:
        found.add(event)
    return found


def exit_status(outcome: RunOutcome, *, restored: bool, stop: str) -> ExitStatus:
    """The one place that says with which status a run ends."""
    match outcome:
        case "done":
            return ExitStatus.DONE
        case "refused":
            return ExitStatus.REFUSED
        case "interrupted":
            return ExitStatus.TERMINATED if stop == "terminated" else ExitStatus.INTERRUPTED
        case "timedOut" | "inconclusive":
            return ExitStatus.PUT_BACK if restored else ExitStatus.PAUSED
        case "failed":
            return ExitStatus.PUT_BACK if restored else ExitStatus.PERSON_NEEDED


def receipt(  # noqa: PLR0913 - a receipt has many lines
    found: Tally,
    *,
    run: str,
    playbook: str,
    at: datetime,
    outcome: RunOutcome,
    reason: str,
    stop: str = "",
    probes: tuple[ProbeCount, ...] = (),
    left_changed: tuple[str, ...] = (),
    evidence: tuple[PodEvidence, ...] = (),
    blockers: tuple[Blocker, ...] = (),
    kept: tuple[Kept, ...] = (),
    ailing: tuple[Ailing, ...] = (),
) -> Receipt:
    """What there is to hand over. A node that was begun and not ended counts as restored if nothing is left changed."""
    started = found.started.at if found.started else at
    restored = not left_changed
    everything = "the rest" if kept else "everything"
    back = f"before {everything} was put back, " if restored and found.turned_back is not None else ""
    return Receipt(
        at=at,
        run=run,
        playbook=playbook,
        outcome=outcome,
        reason=reason,
        exit_status=exit_status(outcome, restored=restored, stop=stop),
        started=started,
        duration_seconds=_seconds(started, at),
        pods_moved=found.handed_off + found.evicted,
        evicted=found.evicted,
        handed_off=found.handed_off,
        nodes=tuple(name for name, turn in found.turns.latest.items() if turn.outcome == "done"),
        node_details=tuple(_node(turn, at, restored=restored) for turn in found.turns.every),
        probes=probes,
        workloads=tuple(_workload(name, one, at, found.turned_back) for name, one in found.workloads.items()),
        restored=restored,
        left_changed=left_changed,
        evidence=evidence,
        blockers=blockers,
        simulated=found.started.simulated if found.started else False,
        remarks=tuple(f"{back}{remark}" for remark in found.remarks) or UNSET,
        kept=kept or UNSET,
        ailing=ailing or UNSET,
    )


def receipt_of(run: Run, found: Tally, at: datetime, probes: tuple[ProbeCount, ...]) -> Receipt:
    """The receipt of a run that has ended."""
    return receipt(
        found,
        run=run.id,
        playbook=run.playbook.metadata.name,
        at=at,
        outcome=run.outcome,
        reason=run.reason,
        stop=run.stop,
        probes=probes,
        left_changed=run.left_changed,
        evidence=run.evidence,
        blockers=run.blockers,
        kept=tuple(Kept(object=str(ref), how=how) for ref, how in run.kept.items() if str(ref) not in run.left_changed),
        ailing=run.ailing,
    )


def _node(turn: NodeTurn, at: datetime, *, restored: bool) -> NodeReceipt:
    outcome = turn.outcome
    if outcome == "untouched":
        outcome = "restored" if restored else "failed"
    return NodeReceipt(
        name=turn.node,
        outcome=outcome,
        duration_seconds=_seconds(turn.began, turn.ended or at),
        emptied_seconds=_seconds(turn.began, turn.emptied) if turn.emptied else None,
        pods_moved=turn.moves,
        reason=turn.reason,
    )


def _workload(name: str, found: _WorkloadTally, at: datetime, turned_back: datetime | None) -> WorkloadReceipt:
    return WorkloadReceipt(
        name=name,
        outcome=found.outcome,
        duration_seconds=_seconds(found.began, found.ended or at),
        back_seconds=_seconds(turned_back, found.back) if turned_back and found.back else None,
        reason=found.reason,
    )


def _seconds(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds(), 3)
