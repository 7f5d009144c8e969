"""The loop: observe, decide, act, record. The only part of the engine that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from underway.cluster.actions import Action, DeleteLease, Evict, Outcome, PatchLease, PatchPod, PutLease
from underway.cluster.model import Ref
from underway.cluster.port import Cluster
from underway.engine.decide import decide
from underway.engine.events import Change, ChangeRefused, Event, PodEvidence, PodExamined, Pulse
from underway.engine.guarding import probe_counts
from underway.engine.run import Run
from underway.engine.watched import FROM_STATE
from underway.gates.measurements import Measurements
from underway.playbook.models import Gate

_PULSE = timedelta(seconds=1)
_LOOK_AGAIN = timedelta(milliseconds=100)
_FIRST_REST = 0.5
_LONGEST_REST = 8.0
_DENIED_LIMIT = timedelta(seconds=60)
"""A write that the server does not allow, a policy or a webhook, is tried for so long."""
_PATIENT = (Evict, PatchPod, PutLease, PatchLease, DeleteLease)
"""Those that have limits of their own: a drain's time-out, a Lease's time."""


class Measuring(Measurements, Protocol):
    """What measures the gates that the state does not answer."""

    def start(self, name: str, gate: Gate) -> None: ...

    async def stop(self, name: str) -> None: ...


@dataclass
class _Rest:
    """A write that was not accepted rests until then, or until what it depended on has changed."""

    until: datetime
    refusals: int
    budgets: tuple[str, ...] = ()
    said: str = ""
    """Why it will not be accepted as long as nobody allows it; empty if it may be, some time."""
    first: datetime | None = None
    last: datetime | None = None
    """When it was refused so for the first time, and for the last."""


@dataclass
class Loop:
    """One run against one cluster. `record` gets every event as it happens. What is new and not in the state, the end
    of a write, a measurement or a signal, wakes the loop by stirring the cluster.
    """

    run: Run
    cluster: Cluster
    measuring: Measuring
    record: Callable[[Event], None]
    sync: Callable[[], None] = lambda: None
    """What has been recorded is safe when it returns: called when changes have been announced, before they are sent."""
    pulses: bool = True
    """Whether somebody looks on and wants to be told every second what is measured."""
    _flying: dict[Ref, asyncio.Task[None]] = field(default_factory=dict)
    _resting: dict[Ref, _Rest] = field(default_factory=dict)
    _measured: set[str] = field(default_factory=set)
    _stopping: set[asyncio.Task[None]] = field(default_factory=set)
    _examining: set[asyncio.Task[None]] = field(default_factory=set)
    _claimed: bool = False

    async def drive(self) -> None:
        """Run until the run has ended. Cancelled, it leaves the cluster as it is, marks and all."""
        pulse = self.cluster.now()
        try:
            while True:
                now = self.cluster.now()
                wake = self._turn(now)
                self._measure()
                self._examine()
                if self.run.phase == "ended" and not self._flying and not self._examining:
                    return
                if self.pulses and now >= pulse + _PULSE:
                    pulse = now
                    self.record(Pulse(at=now, run=self.run.id, probes=probe_counts(self.run, self.measuring)))
                await self._something(min(wake, pulse + _PULSE) if self.pulses else wake)
        finally:
            for task in self._flying.values():
                task.cancel()
            for examining in self._examining:
                examining.cancel()
            await asyncio.gather(*self._flying.values(), *self._stopping, *self._examining, return_exceptions=True)

    def _turn(self, now: datetime) -> datetime:
        """Decide once and send what was decided; returns when to look again."""
        silence, in_flight = self.cluster.silence(), frozenset(self._flying)
        decision = decide(
            self.run,
            self.cluster.state(),
            self.measuring,
            now,
            silence=silence,
            in_flight=in_flight,
            refused=tuple(self._refused(now)),
        )
        for event in decision.events:
            self.record(event)
        wake = decision.wake or now + _PULSE
        announced = False
        for action in decision.actions:
            rest = self._resting.get(action.object)
            if action.object in self._flying:
                continue
            if rest is not None and now < rest.until and rest.budgets == self._budgets(action):
                wake = min(wake, rest.until)
                continue
            if not isinstance(action, PutLease) or not self._claimed:
                self._announce(action, now)
                announced = True
            self._flying[action.object] = asyncio.create_task(self._perform(action))
        if announced:
            self.sync()
        return wake

    def _announce(self, action: Action, now: datetime) -> None:
        self._claimed = self._claimed or isinstance(action, PutLease)
        verb = type(action).__struct_config__.tag
        self.record(Change(at=now, run=self.run.id, action=str(verb), object=str(action.object), says=action.says))

    async def _perform(self, action: Action) -> None:
        outcome = await self.cluster.perform(action)
        now = self.cluster.now()
        del self._flying[action.object]
        if outcome.status in ("done", "gone"):
            self._resting.pop(action.object, None)
        else:
            self._resting[action.object] = self._rest(action, outcome, now)
            if outcome.status != "conflict":
                self.record(
                    ChangeRefused(
                        at=now,
                        run=self.run.id,
                        action=str(type(action).__struct_config__.tag),
                        object=str(action.object),
                        says=action.says,
                        status=outcome.status,
                        message=outcome.message,
                    )
                )
        if not (isinstance(action, PutLease) and outcome.status == "done" and self.run.phase == "proceeding"):
            # on a sign of life that has been given, nothing is decided
            self.cluster.stir()

    def _rest(self, action: Action, outcome: Outcome, now: datetime) -> _Rest:
        """A conflict is looked at anew at once; a budget that says no is waited for; the rest backs off."""
        before = self._resting.get(action.object)
        refusals = before.refusals + 1 if before is not None else 0
        if outcome.status == "conflict":
            return _Rest(now + _LOOK_AGAIN, refusals)
        seconds = outcome.retry_after or min(_LONGEST_REST, _FIRST_REST * 2**refusals)
        rest = _Rest(now + timedelta(seconds=seconds), refusals, self._budgets(action))
        if outcome.status in ("denied", "invalid") and not isinstance(action, _PATIENT):
            rest.said = f"{action.says}: {outcome.message}"
            again = before is not None and before.last is not None and now - before.last < _DENIED_LIMIT
            rest.first, rest.last = (before.first if before is not None and again else now), now
        return rest

    def _refused(self, now: datetime) -> Iterator[str]:
        """The writes that are still tried and have not been allowed for too long."""
        for ref, rest in self._resting.items():
            if rest.first is not None and rest.last is not None and now - rest.first >= _DENIED_LIMIT > now - rest.last:
                yield f"{ref}: {rest.said}"

    def _budgets(self, action: Action) -> tuple[str, ...]:
        """What the answer to an eviction depends on: the versions of the pod's budgets."""
        state = self.cluster.state()
        pod = state.pods.get(action.object) if isinstance(action, Evict) else None
        return tuple(budget.resource_version for budget in state.budgets_of(pod)) if pod else ()

    def _measure(self) -> None:
        """Measure what is watched, and nothing else."""
        if self.run.phase in ("releasing", "ended") or not (self.run.watched or self._measured):
            return
        wanted = {name: found.gate for name, found in self.run.watched.items() if found.gate.kind not in FROM_STATE}
        for name, gate in wanted.items():
            if name not in self._measured:
                self._measured.add(name)
                self.measuring.start(name, gate)
        for name in self._measured - wanted.keys():
            self._measured.discard(name)
            stopping = asyncio.create_task(self.measuring.stop(name))
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)

    def _examine(self) -> None:
        """Ask what there is to tell about the pod whose fault it is, while the run goes on: soon it will be gone."""
        pod, self.run.examine = self.run.examine, None
        if pod is not None:
            examining = asyncio.create_task(self._ask_about(pod))
            self._examining.add(examining)
            examining.add_done_callback(self._examining.discard)

    async def _ask_about(self, pod: Ref) -> None:
        found = await self.cluster.evidence(pod)
        told = PodEvidence(pod=str(pod), events=found.events, log=found.log, trouble=found.trouble)
        self.run.evidence = (*self.run.evidence, told)
        self.record(PodExamined(at=self.cluster.now(), run=self.run.id, evidence=told))
        self.cluster.stir()

    async def _something(self, until: datetime) -> None:
        """Wait for a change, the end of a write, whatever else stirs the cluster, or the moment."""
        watched = any(found.gate.kind in FROM_STATE for found in self.run.watched.values())
        at_workloads = self.run.place is not None and self.run.place.work is not None
        statuses = watched or at_workloads or self.run.phase != "proceeding"
        await self.cluster.changed(until, statuses=statuses)
