"""A run that is paused from any terminal, by a word in its Lease: what is in flight is finished, nothing new begins."""

from __future__ import annotations

from datetime import timedelta

from underway.cluster.model import Lease, Ref
from underway.engine.run import Run, StepPlace
from underway.engine.stepping import in_flight
from underway.steps import undo
from underway.steps.departure import carry_on, recount_budgets
from underway.steps.progress import StepEnd, Turn

PAUSED = "underway.dev/paused"
"""On the Lease: who wants it, and since when."""


def wanted_by(lease: Lease | None) -> str:
    """Who wants the run to pause; empty if nobody does."""
    return lease.annotations.get(PAUSED, "") if lease is not None else ""


def holds(run: Run, turn: Turn) -> bool:
    """Whether the run pauses now. When it goes on, no deadline has come nearer meanwhile."""
    who = wanted_by(turn.state.leases.get(run.lease))
    if who:
        run.paused_since = run.paused_since or turn.now
        turn.wait(Ref("run", "", run.id), f"paused by {who}; to go on: underway resume {run.id}")
        return True
    if run.paused_since is not None:
        _later(run.place, turn.now - run.paused_since)
        run.paused_since = None
    return False


def finish(run: Run, turn: Turn) -> StepEnd | None:
    """Let handoffs come to where no pod is in between; a failure of what is in flight is told as ever."""
    turn.go_over(finish, undo.detached_pods(turn), lambda pod: carry_on(pod, turn))
    recount_budgets(turn)
    return in_flight(run, turn)


def _later(place: StepPlace | None, pause: timedelta) -> None:
    if place is None:
        return
    place.began += pause
    if place.stage_began is not None:
        place.stage_began += pause
    if place.nodes is not None:
        if place.nodes.idle_since is not None:
            place.nodes.idle_since += pause
        for node in place.nodes.at_work.values():
            node.since += pause
