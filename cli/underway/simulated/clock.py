"""Virtual time for several asyncio tasks: it moves only when every task waits for it.

asyncio cannot say whether its tasks have come to rest, so after each moment that woke somebody the clock lets the
event loop go round a fixed number of times before it moves on: many times for whom it does not know, and as often as
it takes for a run's own loop and its writes. That is the same every time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from underway.simulated.world import World

_ROUNDS = 9
BRISK = 2
"""The rounds of whoever waits for the clock again at once, or in a task that it starts."""


@dataclass(slots=True, eq=False)
class _Waiter:
    until: datetime
    wanted: Callable[[], timedelta | None] | None
    rounds: int
    future: asyncio.Future[None]
    called: bool = False
    """Something that was wanted has happened."""

    def is_due(self, now: datetime) -> bool:
        left = self.wanted() if self.wanted is not None else None
        if left is not None:
            self.until = min(self.until, now + left) if self.called else now + left
            self.called = True
        return self.until <= now


class VirtualClock:
    def __init__(self, world: World) -> None:
        self._world = world
        self._waiters: list[_Waiter] = []
        self._driver: asyncio.Task[None] | None = None
        self._rounds = _ROUNDS
        """Until those who have been woken last have come to rest."""
        self._pausing: asyncio.Future[None] | None = None

    async def wait(
        self,
        until: datetime,
        wanted: Callable[[], timedelta | None] | None = None,
        *,
        rounds: int = _ROUNDS,
    ) -> None:
        """Return at `until` unless something wanted has happened by then: `wanted` is asked after every moment in which
        something has, and says how long from then. `rounds`: of the event loop, until who waited has come to rest.
        """
        waiter = _Waiter(until, wanted, rounds, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        if self._driver is None or self._driver.done():
            self._rounds = _ROUNDS
            self._driver = asyncio.create_task(self._drive())
        try:
            await waiter.future
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def _drive(self) -> None:
        try:
            while await self._settled():
                if not self.wake():
                    await self._pace()
                    self._advance()
        except Exception as error:  # noqa: BLE001 - whatever went wrong in the simulation, those who wait for it get it
            for waiter in self._waiters:
                if not waiter.future.done():
                    waiter.future.set_exception(error)

    async def _settled(self) -> bool:
        """Let everybody else run; False if nobody waits for the clock any more."""
        while self._rounds:
            self._rounds -= 1
            await asyncio.sleep(0)
        return bool(self._waiters)

    def wake(self) -> bool:
        """Wake whose time has come."""
        now = self._world.now
        ready = [waiter for waiter in self._waiters if waiter.is_due(now)]
        for waiter in ready:
            self._rounds = max(self._rounds, waiter.rounds)
            self._waiters.remove(waiter)
            if not waiter.future.done():
                waiter.future.set_result(None)
        return bool(ready)

    def _next(self) -> datetime:
        moment = min([waiter.until for waiter in self._waiters])
        event = self._world.next_event
        return moment if event is None else min(moment, event)

    async def _pace(self) -> None:
        speed = self._world.settings.speed
        if speed is not None:
            pausing = self._pausing = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                await asyncio.wait_for(pausing, (self._next() - self._world.now).total_seconds() / speed)

    def hurry(self) -> None:
        """Somebody is to be woken earlier than was known when the clock began to let real time pass."""
        self.wake()
        if self._pausing is not None and not self._pausing.done():
            self._pausing.set_result(None)

    def _advance(self) -> None:
        """Run moment after moment until somebody has been woken; one moment alone while real time passes."""
        while self._waiters:
            self._world.run_until(self._next())
            if self.wake() or self._world.settings.speed is not None:
                return
