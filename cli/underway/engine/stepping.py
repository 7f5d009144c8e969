"""Steps in order: before, the verb's own work with its `during` gates, after."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from underway.cluster.model import Ref
from underway.engine.events import Event, StepEnded, StepStarted
from underway.engine.foresight import is_foreseen
from underway.engine.guarding import Look, close, close_measured, open_group
from underway.engine.judging import blockers_at_its_turn
from underway.engine.run import Run, StepPlace
from underway.engine.verbs import VERBS
from underway.playbook.models import CheckStep, NodesStep, SoakStep, Step
from underway.steps import node_order, nodes
from underway.steps.node_work import NodesWork
from underway.steps.nodes import Checked
from underway.steps.progress import StepEnd, Turn, Wait
from underway.steps.verb import Beginning, Scene
from underway.units import format_duration

_TO_PASS = timedelta(minutes=1)


def on_failure(run: Run) -> Literal["restore", "stop"]:
    """What the present step, or else the playbook, wants done after a failure."""
    step = run.playbook.spec.steps[run.place.index] if run.place is not None else None
    return (step.on_failure if step is not None else None) or run.playbook.spec.on_failure


def step_name(step: Step, index: int) -> str:
    return step.name or f"step {index + 1}"


def proceed(run: Run, turn: Turn, look: Look, events: list[Event]) -> StepEnd | None:
    """Take the steps as far as they go now; returns how the last or a failed one ended, None while there is more."""
    while True:
        if run.place is None:
            run.place = _enter(run, 0, turn, events)
        place = run.place
        step = run.playbook.spec.steps[place.index]
        end = _advance(run, place, step, turn, look)
        if end is None:
            return _timed_out(place, step, turn)
        if end.outcome != "done":
            return end
        events.append(StepEnded(at=turn.now, run=run.id, step=place.index, outcome="done", reason=end.reason))
        if place.index + 1 == len(run.playbook.spec.steps):
            return end
        run.place = _enter(run, place.index + 1, turn, events)


def in_flight(run: Run, turn: Turn) -> StepEnd | None:
    """While the run is paused: what a verb has begun goes on as far as it cannot stay as it is. Returns how it failed,
    if it has.
    """
    place = run.place
    if place is None or place.stage != "work":
        return None
    body = run.playbook.spec.steps[place.index].body
    if type(body) not in VERBS:
        return None
    turn.paused = True
    end = VERBS[type(body)].proceed(body, place.work, turn)
    return end if end is not None and end.outcome != "done" else None


def _enter(run: Run, index: int, turn: Turn, events: list[Event]) -> StepPlace:
    step = run.playbook.spec.steps[index]
    place = StepPlace(index, turn.now)
    if isinstance(step.body, NodesStep):
        order = node_order.ordered(step.body, turn.state)
        place.nodes = NodesWork(index, run.namespace, order, keep_cordons=run.keep_cordons)
    elif type(step.body) in VERBS:
        beginning = Beginning(index, run.namespace, turn.now, step.timeout, step_name(step, index))
        place.work = VERBS[type(step.body)].begin(step.body, beginning, turn.state)
    names = place.nodes.order if place.nodes else ()
    name = step_name(step, index)
    events.append(StepStarted(at=turn.now, run=run.id, step=index, name=name, verb=step.verb, nodes=names))
    return place


def _timed_out(place: StepPlace, step: Step, turn: Turn) -> StepEnd | None:
    if step.timeout is None:
        return None
    end = place.began + step.timeout
    if turn.now < end:
        turn.look_again(end)
        return None
    waits = "; ".join(f"{wait.object}: {wait.reason}" for wait in turn.waits[:3])
    return StepEnd("timedOut", f"not done within {format_duration(step.timeout)}: {waits}")


def _advance(run: Run, place: StepPlace, step: Step, turn: Turn, look: Look) -> StepEnd | None:
    """Through the stages of one step; StepEnd with `done` means that all of it is."""
    if place.stage == "before":
        end = _gates(place, "before", step, turn, look)
        if end is not None and end.outcome == "done":
            end = _judged_again(run, place, step, turn)
        if end is None or end.outcome != "done":
            return end
        place.stage, place.stage_began = "work", turn.now
        opened = open_group(run, f"during {place.index + 1}", step.during, "guarded", turn.now)
        for name in opened:
            run.watched[name].base = look.measurements.http(name)
    if place.stage == "work":
        end = _work(place, step, turn, look)
        if end is None or end.outcome != "done":
            return end
        close_measured(look, open_group(run, f"during {place.index + 1}", step.during, "guarded", turn.now))
        place.stage, place.remark = "after", end.reason
    end = _gates(place, "after", step, turn, look)
    return StepEnd("done", place.remark) if end is not None and end.outcome == "done" else end


def _judged_again(run: Run, place: StepPlace, step: Step, turn: Turn) -> StepEnd | None:
    """A step that was judged by what those before it were to do is judged by what they have done, before its first
    change. What is in its way has a moment to pass: replacements of theirs may still be on their way into traffic.
    """
    if not is_foreseen(run.playbook, place.index):
        return StepEnd("done")
    scene = Scene(f"step/{step_name(step, place.index)}", place.index, turn.state, run.id, turn.now)
    found = next(iter(blockers_at_its_turn(step, scene, keep_cordons=run.keep_cordons)), None)
    if found is None:
        return StepEnd("done")
    place.obstructed = place.obstructed or turn.now
    end = place.obstructed + _TO_PASS
    if turn.now >= end:
        return StepEnd("failed", f"{found.object}: {found.reason}; {found.remedy}")
    turn.await_(Wait(found.object, found.reason))
    turn.look_again(min(end, turn.now + timedelta(seconds=1)))
    return None


def _gates(place: StepPlace, stage: Literal["before", "after"], step: Step, turn: Turn, look: Look) -> StepEnd | None:
    gates = step.before if stage == "before" else step.after
    group = f"{stage} {place.index + 1}"
    return _awaited(look, group, look.await_all(group, gates), turn)


def _awaited(look: Look, group: str, answer: tuple[bool | None, str], turn: Turn) -> StepEnd | None:
    holds, reason = answer
    if holds is None:
        turn.wait(Ref("gates", "", group), reason)
        return None
    close(look.run, [name for name, found in look.run.watched.items() if found.kept == "awaited"])
    return StepEnd("done") if holds else StepEnd("failed", reason)


def _work(place: StepPlace, step: Step, turn: Turn, look: Look) -> StepEnd | None:
    match step.body:
        case NodesStep() as body:
            return _nodes(body, place, turn, look)
        case SoakStep() as body:
            return _soak(body.for_, place, turn)
        case CheckStep() as body:
            group = f"check {place.index + 1}"
            return _awaited(look, group, look.await_all(group, body.gates), turn)
        case body:
            return VERBS[type(body)].proceed(body, place.work, turn)


def _nodes(body: NodesStep, place: StepPlace, turn: Turn, look: Look) -> StepEnd | None:
    def verify(node: str) -> Checked:
        group = f"verify {place.index + 1}"
        holds, reason = (True, "") if node in place.verified else look.await_all(group, body.verify, node)
        found = turn.state.nodes.get(node)
        if holds and (found is None or not found.ready):
            return Checked(None, "is not Ready")
        if holds is not None and node not in place.verified:
            close(look.run, open_group(look.run, group, body.verify, "awaited", turn.now, node))
        if holds:
            # giving the node back takes a while: what has held once is not measured again meanwhile
            place.verified.add(node)
        return Checked(holds, reason)

    if place.nodes is None:
        raise AssertionError("a nodes step has been entered without its nodes")
    return nodes.proceed(body, place.nodes, turn, verify)


def _soak(wanted: timedelta, place: StepPlace, turn: Turn) -> StepEnd | None:
    end = (place.stage_began or turn.now) + wanted
    if turn.now >= end:
        return StepEnd("done")
    turn.wait(Ref("soak", "", f"step {place.index + 1}"), f"until {end:%H:%M:%S}, gates holding")
    turn.look_again(end)
    return None
