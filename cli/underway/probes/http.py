"""Ask for a URL again and again on a fixed schedule, a new connection each time, and count what gets lost.

The loop is open: a slow answer delays no other request, so an outage of a second costs as many requests as clients
would have sent in it. What our own process is to blame for (it was held up, it ran out of sockets) is not counted as
lost, it is noted as late.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import aiohttp

from underway.gates.http import HttpCount
from underway.playbook.gates import HttpGate
from underway.probes.tally import Tally
from underway.units import format_duration

MOST_IN_FLIGHT = 500
"""Requests without an answer at one time; half of the usual limit of 1,024 open files."""
MOST_READ = 1 << 20
"""Bytes read of one answer: one that is longer is good so far as it was read."""
MOST_SEARCHED = 1 << 16
"""Bytes of the answer in which `body` is looked for: a pattern may be slow."""
SHORTEST = 0.001
"""Seconds between two requests at the least."""
CATCH_UP = 0.1
"""Seconds: requests that are overdue by no more are sent at once, others are given up as late."""
HELD_UP = 0.1
"""Seconds: a time-out that comes so much too late says more of us than of the server."""
_OUR_LIMITS = frozenset((errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM))


class HttpProbe:
    """One gate's prober. `clock` gives the moments of the count, `changed` is called when a request is lost, and for
    the first good answer, also after a loss. It begins at `began`.
    """

    def __init__(
        self, body: HttpGate, began: datetime, clock: Callable[[], datetime], changed: Callable[[], None]
    ) -> None:
        self._url = body.url
        self._status = body.status
        self._pattern = re.compile(body.body.encode()) if body.body else None
        self._every, self._timeout = max(body.every.total_seconds(), SHORTEST), body.timeout.total_seconds()
        self.most_in_flight = min(MOST_IN_FLIGHT, math.ceil(self._timeout / self._every) + 1)
        self._began, self._clock, self._changed = began, clock, changed
        self._tally = Tally(began, body.timeout + timedelta(seconds=HELD_UP))
        self._in_flight: set[asyncio.Task[None]] = set()
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def count(self) -> HttpCount:
        return self._tally.count(self._clock())

    def stop(self) -> None:
        """Send no more; `run` returns when the requests in flight have ended."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def run(self) -> None:
        """Probe until stopped or cancelled. Requests that are in flight at a cancellation are not counted."""
        await self._sleep((self._began - self._clock()).total_seconds())
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            middlewares=(_ask_once,),
            auto_decompress=self._pattern is not None,
            trust_env=False,
        ) as session:
            try:
                await self._send_on_schedule(session)
                await asyncio.gather(*self._in_flight)
            finally:
                for task in self._in_flight:
                    task.cancel()
                await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until stopped."""
        await asyncio.wait((self._stopped,), timeout=max(0.0, seconds))

    async def _send_on_schedule(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._stopped.done():
            overdue = loop.time() - due
            if overdue > max(CATCH_UP, self._every):
                for _ in range(missed := int(overdue / self._every)):
                    self._tally.forgo()
                due += missed * self._every
            self._send(session)
            due += self._every
            await self._sleep(due - loop.time())

    def _send(self, session: aiohttp.ClientSession) -> None:
        self._tally.send()
        if len(self._in_flight) >= self.most_in_flight:
            now = self._clock()
            self._lose(now, now, f"not sent, {self.most_in_flight} requests are without an answer")
            return
        task = asyncio.create_task(self._request(session))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _request(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        sent_at, started = self._clock(), loop.time()
        try:
            async with asyncio.timeout(self._timeout):
                error = await self._ask(session)
        except asyncio.CancelledError:
            self._tally.withdraw()
            raise
        except TimeoutError:
            error = f"no answer within {format_duration(timedelta(seconds=self._timeout))}"
            ours = loop.time() - started > self._timeout + HELD_UP
        except (_BrokenError, aiohttp.ClientError, OSError) as broken:
            cause = broken.error if isinstance(broken, _BrokenError) else broken
            error = _in_words(cause)
            ours = isinstance(cause, OSError) and cause.errno in _OUR_LIMITS
        else:
            ours = False
        if ours:
            self._tally.forgo(in_flight=True)
        elif error:
            self._lose(sent_at, self._clock(), error)
        else:
            self._answer()

    def _answer(self) -> None:
        was_good = self._tally.good
        self._tally.answer(self._clock())
        if not was_good:
            self._changed()

    def _lose(self, sent_at: datetime, at: datetime, error: str) -> None:
        self._tally.lose(sent_at, at, error)
        self._changed()

    async def _ask(self, session: aiohttp.ClientSession) -> str:
        """What is wrong with the answer; empty if nothing is."""
        async with session.get(self._url, allow_redirects=False) as response:
            if response.status not in self._status:
                return f"status {response.status}"
            read, start = 0, bytearray()
            async for chunk in response.content.iter_any():
                read += len(chunk)
                if self._pattern is not None and len(start) < MOST_SEARCHED:
                    start += chunk[: MOST_SEARCHED - len(start)]
                if read >= MOST_READ:
                    break
        if self._pattern is not None and not self._pattern.search(start):
            return "the body does not match"
        return ""


def _in_words(error: Exception) -> str:
    """What went wrong, without anything that differs from request to request."""
    match error:
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number).lower()
        case aiohttp.ServerDisconnectedError():
            return "connection closed without an answer"
        case aiohttp.ClientPayloadError():
            return "answer cut short"
        case aiohttp.InvalidURL():
            return "not a URL"
        case aiohttp.ClientResponseError():
            return "the answer is not HTTP"
        case _:
            return type(error).__name__


class _BrokenError(Exception):
    """The connection broke. It is no ClientError: after one of those aiohttp would ask again."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


async def _ask_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """When a connection broke, aiohttp silently sends a GET a second time. Here that is a lost request."""
    try:
        return await handler(request)
    except (aiohttp.ClientError, OSError) as error:
        raise _BrokenError(error) from error
