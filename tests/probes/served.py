"""A server on loopback that does with each request as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

DEADLINE = 30
Serve = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


class Served:
    """What a server has seen: connections and requests are the same here."""

    def __init__(self) -> None:
        self.url = ""
        self.number = 0
        self.arrived = asyncio.Condition()

    async def reach(self, number: int) -> None:
        async with self.arrived:
            await self.arrived.wait_for(lambda: self.number >= number)


def answer(status: int = 200, body: bytes = b"hello") -> bytes:
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[Served]:
    """`serve` gets each request's number, from 0, and the connection, which is closed afterwards."""
    served, tasks = Served(), set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            number = served.number
            async with served.arrived:
                served.number += 1
                served.arrived.notify_all()
            await serve(number, writer)
            await writer.drain()
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
        tasks.discard(asyncio.current_task())

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    try:
        yield served
    finally:
        listening.close()
        await listening.wait_closed()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
