"""The real cluster behind the port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from underway.cluster.actions import Action, Need, Outcome
from underway.cluster.evidence import Evidence
from underway.cluster.model import Ref
from underway.cluster.state import ClusterState
from underway.cluster.wire import RESOURCES
from underway.errors import ClusterUnreachableError, UnderwayError
from underway.live.access import denied, unreachable
from underway.live.connection import Connection
from underway.live.evidence import evidence
from underway.live.mirror import Mirror
from underway.live.reflector import ListRefusedError, Pace, Reflector
from underway.live.transport import NoAnswerError, Transport
from underway.live.writes import Writer

_ATTEMPTS = 4
_PACE = Pace()


class LiveCluster:
    """Made by `connect`. Its watches run as tasks until `close`."""

    def __init__(self, transport: Transport, mirror: Mirror, reflectors: list[Reflector]) -> None:
        self._transport = transport
        self._mirror = mirror
        self._reflectors = reflectors
        self._writer = Writer(transport, mirror)
        self._tasks = [asyncio.create_task(found.run(), name=f"watch {found.kind}") for found in reflectors]

    def now(self) -> datetime:
        return datetime.now(UTC)

    def state(self) -> ClusterState:
        return self._mirror.state

    async def changed(self, until: datetime, *, statuses: bool = True) -> None:  # noqa: ARG002 - all of them count
        for task in self._tasks:
            if task.done():
                task.result()
        left = (until - self.now()).total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(left, 0)):
                await self._mirror.changed.wait()
        # What has arrived by now belongs to the same change.
        await asyncio.sleep(0)
        self._mirror.changed.clear()

    def stir(self) -> None:
        self._mirror.changed.set()

    async def perform(self, action: Action) -> Outcome:
        return await self._writer.perform(action)

    async def evidence(self, pod: Ref) -> Evidence:
        return await evidence(self._transport, pod)

    async def denied(self, needs: Iterable[Need]) -> tuple[Need, ...]:
        return await denied(self._transport, needs)

    def silence(self) -> timedelta:
        """How long the state may be out of date: since the server last confirmed the quietest of the watches. Around
        half a minute is usual when nothing happens; more than a minute is not.
        """
        oldest = min(found.confirmed for found in self._reflectors)
        return timedelta(seconds=time.monotonic() - oldest)

    async def close(self) -> None:
        """End the watches and the connections; the cluster is of no use afterwards."""
        await _end(self._tasks, self._transport)


async def connect(connection: Connection, pace: Pace = _PACE) -> LiveCluster:
    """Read everything once, all kinds at the same time, then keep it current. Raises ClusterUnreachableError."""
    transport, mirror = connection.transport, Mirror()
    reflectors = [Reflector(kind, transport, mirror, pace) for kind in RESOURCES]
    lists = [asyncio.create_task(_first_list(found, transport)) for found in reflectors]
    try:
        await asyncio.gather(*lists)
    except BaseException:
        await _end(lists, transport)
        raise
    return LiveCluster(transport, mirror, reflectors)


async def _end(tasks: list[asyncio.Task[None]], transport: Transport) -> None:
    """The connections are aborted before the tasks notice that they are cancelled: a task would begin to take leave
    of the server, TLS by TLS, and the loop would end before that does.
    """
    for task in tasks:
        task.cancel()
    await transport.close()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _first_list(reflector: Reflector, transport: Transport) -> None:
    trouble: UnderwayError = unreachable(transport, "")
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(0.2 * 3 ** (attempt - 1))
        try:
            await reflector.read()
        except NoAnswerError as error:
            trouble = unreachable(transport, str(error))
            if not error.sent and attempt:
                break
        except ListRefusedError as error:
            trouble = _refused(transport, error)
            if error.lasting:
                break
        else:
            return
    raise trouble


def _refused(transport: Transport, error: ListRefusedError) -> ClusterUnreachableError:
    match error.status:
        case HTTPStatus.UNAUTHORIZED:
            return ClusterUnreachableError(
                f"the API server {transport.server} does not accept the credentials",
                "log in again, or choose another context",
            )
        case HTTPStatus.FORBIDDEN:
            return ClusterUnreachableError(f"not permitted to read {error}", "grant what `underway rbac` prints")
        case _:
            return unreachable(transport, f"cannot read {error}")
