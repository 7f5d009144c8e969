"""The tasks that measure, one for each gate that the cluster's state does not answer. The engine reads along.

`job` gates are not measured here: the run makes the Jobs itself (`engine/job_gates.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import aiohttp

from underway.gates.history import History, due, opened, record
from underway.gates.http import HttpCount
from underway.gates.verdict import Sample
from underway.playbook.gates import AlertsGate, CommandGate, Gate, HttpGate, PrometheusGate
from underway.probes.clock import steady_clock
from underway.probes.command import run_command
from underway.probes.http import HttpProbe
from underway.probes.prometheus import Look, ask_alerts, ask_query, open_session

COMMAND_TIMEOUT = timedelta(seconds=30)
"""For a `command` that does not say how long it may take."""


class Prober:
    """Measures gates, each under a name that the caller gives it, until it is stopped. It is the live `Measurements`.

    `changed` is called whenever there is something new to judge: a request lost, the first one answered (again), a
    look taken. A gate that was stopped keeps what was measured. Close it: `async with`, or `aclose`.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        *,
        allow_commands: bool = False,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._changed = changed
        self._allow_commands = allow_commands
        self._clock = clock or steady_clock()
        self._probes: dict[str, HttpProbe] = {}
        self._final: dict[str, HttpCount] = {}
        self._histories: dict[str, History] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def start(self, name: str, gate: Gate) -> None:
        """Begin to measure, anew if it was stopped before; the gate's `initialDelay` starts now. What is being
        measured under this name goes on as it is. TypeError for a kind that the state answers.
        """
        if name in self._tasks:
            return
        match gate.body:
            case HttpGate() as body:
                began = self._clock() + (gate.initial_delay or timedelta())
                self._final.pop(name, None)
                probe = self._probes[name] = HttpProbe(body, began, self._clock, self._changed)
                work = probe.run()
            case PrometheusGate() | AlertsGate() | CommandGate():
                self._histories[name] = opened(gate, self._clock())
                work = self._look_again_and_again(name, gate)
            case _:
                raise TypeError(f"a gate of kind `{gate.kind}` is not measured")
        self._tasks[name] = asyncio.create_task(work, name=f"gate {name}")

    async def stop(self, name: str) -> None:
        """Send nothing more, and wait for the requests in flight: at most their time-out."""
        task = self._tasks.get(name)
        if task is None:
            return
        if (probe := self._probes.get(name)) is not None:
            probe.stop()
        else:
            task.cancel()
        await self._ended(name, task)

    async def aclose(self) -> None:
        """End all at once. Requests in flight are not counted. Raises what a task has failed with."""
        for task in self._tasks.values():
            task.cancel()
        for name, task in tuple(self._tasks.items()):
            await self._ended(name, task)

    async def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        await asyncio.wait((task,))
        if self._tasks.get(name) is task:
            del self._tasks[name]
            if (probe := self._probes.pop(name, None)) is not None:
                self._final[name] = probe.count()
        with suppress(asyncio.CancelledError):
            task.result()

    def http(self, name: str) -> HttpCount | None:
        probe = self._probes.get(name)
        return probe.count() if probe is not None else self._final.get(name)

    def history(self, name: str) -> History | None:
        return self._histories.get(name)

    def counts(self) -> Mapping[str, HttpCount]:
        """Of all HTTP gates, also of those that were stopped."""
        return self._final | {name: probe.count() for name, probe in self._probes.items()}

    def samples(self) -> Mapping[str, History]:
        """Of all other gates, also of those that were stopped."""
        return self._histories

    async def _look_again_and_again(self, name: str, gate: Gate) -> None:
        async with open_session() as session:
            while True:
                await asyncio.sleep((due(gate, self._histories[name]) - self._clock()).total_seconds())
                holds, reason = await self._look(gate, session)
                self._histories[name] = record(self._histories[name], Sample(self._clock(), holds, reason))
                self._changed()

    async def _look(self, gate: Gate, session: aiohttp.ClientSession) -> Look:
        match gate.body:
            case PrometheusGate() as body:
                return await ask_query(session, body)
            case AlertsGate() as body:
                return await ask_alerts(session, body)
            case CommandGate() as body if self._allow_commands:
                return await run_command(body.command, body.timeout or COMMAND_TIMEOUT)
            case CommandGate():
                return None, "not run: commands need --allow-commands"
            case _:
                raise TypeError(f"a gate of kind `{gate.kind}` is not measured")
