"""Virtual time for several asyncio tasks: it moves only when every task waits for it.

asyncio cannot say whether its tasks have come to rest, so after each moment that woke somebody the clock lets the
event loop go round a fixed number of times before it moves on: many times for whom it does not know, and as often as
it takes for a run's own loop and its writes. That is the same every time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from underway.simulated.world import World

_ROUNDS = 9
BRISK = 2
"""The rounds of whoever waits for the clock again at once, or in a task that it starts."""


@dataclass(slots=True, eq=False)
class _Waiter:
    until: datetime
    wanted: Callable[[], bool] | None
    rounds: int
    future: asyncio.Future[None]


class VirtualClock:
    def __init__(self, world: World) -> None:
        self._world = world
        self._waiters: list[_Waiter] = []
        self._driver: asyncio.Task[None] | None = None
        self._rounds = _ROUNDS
        """Until those who have been woken last have come to rest."""

    async def wait(self, until: datetime, wanted: Callable[[], bool] | None = None, *, rounds: int = _ROUNDS) -> None:
        """Return at `until`, or as soon as `wanted()` is true after some event. `rounds`: of the event loop, until
        who waited has come to rest again.
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
                    self.wake()
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
        ready = [
            waiter
            for waiter in self._waiters
            if waiter.until <= self._world.now or (waiter.wanted is not None and waiter.wanted())
        ]
        for waiter in ready:
            self._rounds = max(self._rounds, waiter.rounds)
            self._waiters.remove(waiter)
            if not waiter.future.done():
                waiter.future.set_result(None)
        return bool(ready)

    def _next(self) -> datetime:
        moment = min(waiter.until for waiter in self._waiters)
        event = self._world.next_event
        return moment if event is None else min(moment, event)

    async def _pace(self) -> None:
        speed = self._world.settings.speed
        if speed is not None:
            await asyncio.sleep((self._next() - self._world.now).total_seconds() / speed)

    def _advance(self) -> None:
        """Run moment after moment until somebody has to be woken."""
        while self._waiters:
            moment = self._next()
            self._world.run_until(moment)
            if self._world.settings.speed is not None or any(
                waiter.until <= moment or (waiter.wanted is not None and waiter.wanted()) for waiter in self._waiters
            ):
                return
