"""The one place where a run's status changes.

`decide` looks at what is so and says what to do next. It reads no clock and does no I/O: the same run, state,
measurements and moment give the same decision. It may be asked as often as one likes; while a write is on its way the
state is still the old one, and deciding the same again does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, assert_never

from underway.cluster.actions import Action, Evict, PatchPod, PutLease
from underway.cluster.model import Ref
from underway.cluster.state import MARK, ClusterState
from underway.engine import claiming, guarding, pausing, stepping
from underway.engine.events import (
    Ailing,
    Event,
    NodeChanged,
    PodMoved,
    PodPlanned,
    Restoring,
    StepEnded,
    StepOutcome,
    Waiting,
    WorkloadChanged,
)
from underway.engine.run import Disturbed, Run
from underway.gates.measurements import Measurements
from underway.steps import undo
from underway.steps.handoff import Ledger
from underway.steps.progress import Fact, NodeEntered, PodJudged, PodLeft, Turn, WorkloadEntered
from underway.units import format_duration

PUT_BACK_LIMIT = timedelta(minutes=10)
WHOLE_LIMIT = timedelta(minutes=2)
COME_BACK_LIMIT = timedelta(seconds=30)
"""For nodes that are not Ready after their maintenance; whoever waits for them has waited before."""
SILENCE_LIMIT = timedelta(seconds=90)
"""A state that the server has not confirmed for so long is no ground to act on. Half a minute is usual when nothing
happens (`Cluster.silence`)."""


@dataclass
class Decision:
    """`wake`: look again then at the latest, even if nothing changes."""

    actions: list[Action] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    wake: datetime | None = None


def decide(
    run: Run,
    state: ClusterState,
    measurements: Measurements,
    now: datetime,
    *,
    silence: timedelta = timedelta(),
    in_flight: frozenset[Ref] = frozenset(),
    refused: tuple[str, ...] = (),
) -> Decision:
    """Decide once. `silence`: how long the state may be out of date; `in_flight`: what is being written just now;
    `refused`: what has not been allowed to be written for too long, each with its reason.
    """
    decision = Decision()
    tell = decision.events.append
    turn = Turn(
        run.id,
        state,
        now,
        run.left_traffic,
        lambda fact: tell(_told(fact, run, now)),
        run.leaving,
        in_flight,
        run.phases,
        run.kept,
    )
    look = guarding.Look(run, turn, measurements, tell)
    turn.tell_left()
    claiming.renew(run, turn)
    if silence > SILENCE_LIMIT and run.phase == "proceeding" and not run.stop:
        turn.wait(Ref("cluster", "", "state"), f"not confirmed by the API server for {format_duration(silence)}")
    else:
        if refused and run.phase == "proceeding" and not run.stop:
            _turn_back(run, turn, decision, "failed", "; ".join(refused))
        _advance(run, turn, look, decision)
    _remember_disturbed(run, turn)
    decision.actions += turn.actions
    waits = tuple([(wait.object, wait.reason) for wait in turn.waits])
    if waits != run.told_waits and run.phase != "ended":
        run.told_waits = waits
        tell(Waiting(at=now, run=run.id, waits=waits))
    decision.wake = turn.wake
    return decision


def _advance(run: Run, turn: Turn, look: guarding.Look, decision: Decision) -> None:
    """Go on from phase to phase as far as this look allows."""
    while True:
        before = run.phase
        match run.phase:
            case "claiming":
                claiming.claim(run, turn)
            case "checking":
                _check(run, turn, look)
            case "proceeding":
                _proceed(run, turn, look, decision)
            case "putting back":
                _put_back(run, turn)
            case "leaving it":
                _leave_it(run, turn)
            case "releasing":
                turn.tell_left(leaving=True)
                claiming.release(run, turn)
            case "ended":
                return
            case never:
                assert_never(never)
        if run.phase == before:
            return


def _check(run: Run, turn: Turn, look: guarding.Look) -> None:
    """Every guard has to hold before anything is changed."""
    if run.stop:
        _end_early(run, turn, "interrupted", "stopped before the first change")
        return
    guarding.open_guards(run, turn.now)
    verdicts = look.at_guards()
    refused = [found for found in verdicts if found[1].status in ("fail", "inconclusive")]
    if refused:
        run.blockers = tuple(guarding.blocker(watched, verdict) for watched, verdict in refused)
        _end_early(run, turn, "refused", "a guard does not hold")
        return
    waiting = [found for found in verdicts if found[1].status != "pass"]
    for watched, verdict in waiting:
        turn.wait(Ref("gate", "", watched.name), verdict.reason)
    if not waiting:
        look.begin()
        run.phase = "proceeding"


def _end_early(run: Run, turn: Turn, outcome: Literal["interrupted", "refused"], reason: str) -> None:
    """Before the first change there is nothing to put back, but for the Jobs of gates."""
    run.end(outcome, reason)
    if any(watched.gate.job for watched in run.watched.values()):
        run.phase, run.putting_back_since = "putting back", turn.now


def _proceed(run: Run, turn: Turn, look: guarding.Look, decision: Decision) -> None:
    if run.stop:
        _turn_back(run, turn, decision, "interrupted", f"stopped by a signal ({run.stop})")
        return
    held = False
    for watched, verdict in look.at_guards():
        if verdict.status in ("fail", "inconclusive"):
            outcome: StepOutcome = "failed" if verdict.status == "fail" else "inconclusive"
            _turn_back(run, turn, decision, outcome, f"gate {watched.name}: {verdict.reason}")
            return
        if verdict.status == "error":
            held = True
            turn.wait(Ref("gate", "", watched.name), f"cannot be measured: {verdict.reason}")
    if held:
        return
    paused = pausing.holds(run, turn)
    end = pausing.finish(run, turn) if paused else stepping.proceed(run, turn, look, decision.events)
    if end is None:
        return
    if end.outcome == "done":
        run.reason = end.reason
        run.phase, run.putting_back_since = "putting back", turn.now
    else:
        run.examine = end.pod
        _turn_back(run, turn, decision, end.outcome, end.reason)


def _turn_back(run: Run, turn: Turn, decision: Decision, outcome: StepOutcome, reason: str) -> None:
    """End the work: put back what was changed, or leave it as it is if the playbook says so. What the step has wanted
    at this same look comes too late.
    """
    run.outcome, run.reason = outcome, reason
    turn.actions[:] = [action for action in turn.actions if isinstance(action, PutLease)]
    turn.ledger = Ledger()
    if run.place is not None:
        step = run.place.index
        decision.events.append(StepEnded(at=turn.now, run=run.id, step=step, outcome=outcome, reason=reason))
    policy = stepping.on_failure(run)
    if outcome != "interrupted" and policy == "stop":
        run.phase = "leaving it"
        return
    decision.events.append(Restoring(at=turn.now, run=run.id, cause=outcome, reason=reason))
    run.phase, run.putting_back_since = "putting back", turn.now


def _leave_it(run: Run, turn: Turn) -> None:
    """Leave everything as it is, as soon as it is known what that is."""
    if not _on_their_way(run, turn):
        run.left_changed = tuple(str(ref) for ref in undo.marked(turn))
        run.phase = "releasing"


def _put_back(run: Run, turn: Turn) -> None:
    since = run.putting_back_since or turn.now
    good = run.outcome == "done" and not run.only_restore
    left = undo.put_back(turn, keep_cordons=run.keep_cordons and good, good=good) or _on_their_way(run, turn)
    if left:
        turn.look_again(since + PUT_BACK_LIMIT)
        if turn.now >= since + PUT_BACK_LIMIT:
            limit = format_duration(PUT_BACK_LIMIT)
            changed = dict.fromkeys(str(ref) for ref in (*left, *undo.not_back(turn)))
            _leave_changed(run, tuple(changed), f"not put back within {limit}")
        return
    ailing, away = _ailing(run, turn), undo.not_back(turn)
    for ref, reason in away.items():
        turn.wait(ref, reason)
    if (ailing and turn.now < since + WHOLE_LIMIT) or (away and turn.now < since + COME_BACK_LIMIT):
        turn.look_again(since + (WHOLE_LIMIT if ailing else COME_BACK_LIMIT))
        return
    if ailing or away:
        run.ailing = tuple(ailing)
        said = [f"{one.object} {one.reason}" for one in ailing]
        reasons = [*said, *(f"{ref} {reason}" for ref, reason in away.items())]
        _leave_changed(run, (*said, *map(str, away)), "; ".join(reasons))
    run.phase = "releasing"


def _on_their_way(run: Run, turn: Turn) -> list[Ref]:
    """Nothing is left changed only when nothing is being changed any more."""
    found = sorted(turn.in_flight - {run.lease})
    for ref in found:
        turn.wait(ref, "is being written")
    return found


def _leave_changed(run: Run, left: tuple[str, ...], reason: str) -> None:
    """Putting back has not come to its end: whatever was the matter before, a person is needed now."""
    run.left_changed = left
    run.outcome = run.outcome if run.outcome == "interrupted" else "failed"
    run.reason = "; ".join(filter(None, (run.reason, reason)))
    run.phase = "releasing"


def _ailing(run: Run, turn: Turn) -> list[Ailing]:
    """The controllers whose pods were moved and that have neither all of them Ready yet nor as many as before. What
    was there before an earlier process is not known to the one that puts it back.
    """
    found = []
    for uid, disturbed in run.disturbed.items():
        controller = turn.state.workload(uid)
        if controller is None or controller.kind == "job":
            continue
        if controller.ready < (controller.replicas if run.only_restore else min(controller.replicas, disturbed.ready)):
            reason = f"has {controller.ready} of {controller.replicas} replicas Ready"
            turn.wait(disturbed.ref, reason)
            pods = sorted(str(pod.ref) for pod in turn.state.pods_of(uid) if not pod.ready)
            found.append(Ailing(object=str(disturbed.ref), reason=reason, pods=tuple(pods)))
    return found


def _remember_disturbed(run: Run, turn: Turn) -> None:
    for action in turn.actions:
        if isinstance(action, Evict) or (isinstance(action, PatchPod) and MARK in action.labels):
            pod = turn.state.pods.get(action.object)
            controller = turn.state.controller_of(pod) if pod else None
            if controller is not None:
                run.disturbed.setdefault(controller.uid, Disturbed(controller.ref, controller.ready))


def _told(fact: Fact, run: Run, now: datetime) -> Event:
    match fact:
        case NodeEntered(node, phase, reason, pods):
            return NodeChanged(at=now, run=run.id, node=node, phase=phase, reason=reason, pods=pods)
        case PodJudged(pod, verdict, reason):
            return PodPlanned(
                at=now,
                run=run.id,
                pod=pod.name,
                namespace=pod.namespace,
                uid=pod.uid,
                node=pod.node,
                verdict=verdict,
                reason=reason,
            )
        case WorkloadEntered(workload, phase, reason):
            return WorkloadChanged(at=now, run=run.id, workload=str(workload), phase=phase, reason=reason)
        case PodLeft(pod, way):
            return PodMoved(
                at=now, run=run.id, pod=pod.name, namespace=pod.namespace, uid=pod.uid, node=pod.node, how=way
            )
        case never:
            assert_never(never)
