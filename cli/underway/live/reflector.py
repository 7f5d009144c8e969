"""List and watch: one kind of objects, mirrored without ever losing an event silently.

A watch resumes where the last one ended. What cannot be resumed (410: the server has forgotten that version) is listed
anew. Watches are short, so that a connection that died without a word is found out within a minute.
"""

from __future__ import annotations

import asyncio
import random
import time
from http import HTTPStatus

from underway.cluster.model import LEASE_NAMESPACE, Object
from underway.cluster.state import MARK
from underway.cluster.wire import RESOURCES, decode_event, decode_list
from underway.live.mirror import Mirror
from underway.live.paths import collection
from underway.live.refusal import error_message, retry_after
from underway.live.transport import Answer, NoAnswerError, Transport

_PAGE = 500
_WATCH_SECONDS = 30
_MARGIN_SECONDS = 10
_SHORT_LIFE = 1.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0


class ListRefusedError(Exception):
    """The server answers a list or a watch with an error."""

    def __init__(self, kind: str, answer: Answer) -> None:
        super().__init__(f"{RESOURCES[kind].plural}: {error_message(answer)}")
        self.kind = kind
        self.status = answer.status
        self.retry_after = retry_after(answer)

    @property
    def lasting(self) -> bool:
        """Whether asking again is no use."""
        busy = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        return self.status < HTTPStatus.INTERNAL_SERVER_ERROR and self.status not in busy


class _ExpiredError(Exception):
    """410: the version or the continue token is too old."""


class Reflector:
    """`confirmed` is when (`time.monotonic`) the server last proved that the mirror is current."""

    def __init__(self, kind: str, transport: Transport, mirror: Mirror, *, watch_seconds: int = _WATCH_SECONDS) -> None:
        self.kind = kind
        self.confirmed = time.monotonic()
        self._transport = transport
        self._mirror = mirror
        self._watch_seconds = watch_seconds
        self._path = collection(kind, LEASE_NAMESPACE if kind == "lease" else "")
        self._query = {"labelSelector": MARK} if kind == "lease" else {}
        self._version: str | None = None

    async def read(self) -> None:
        """Read everything. Raises NoAnswerError, ListRefusedError."""
        asked = time.monotonic()
        try:
            objects, version = await self._pages(_PAGE)
        except _ExpiredError:
            # In one piece it cannot expire half-way.
            objects, version = await self._pages(None)
        self._mirror.replace(self.kind, objects, version)
        self._version, self.confirmed = version, asked

    async def run(self) -> None:
        """Keep the mirror current until cancelled."""
        failures = 0
        while True:
            began, wait, well = time.monotonic(), 0.0, False
            try:
                if self._version is None:
                    await self.read()
                well = await self._watch(self._version or "")
            except (_ExpiredError, ValueError):
                # A line that is no JSON: nothing from this stream can be trusted.
                self._version = None
            except NoAnswerError:
                pass
            except ListRefusedError as error:
                wait = error.retry_after or 0.0
            lasted = time.monotonic() - began > _SHORT_LIFE
            failures = 0 if well or lasted else failures + 1
            if not well:
                await _rest(max(wait, min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE)))

    async def _pages(self, limit: int | None) -> tuple[list[Object], str]:
        objects: list[Object] = []
        token = ""
        while True:
            query = dict(self._query)
            if limit:
                query["limit"] = str(limit)
            if token:
                query["continue"] = token
            answer = await self._transport.send("GET", self._path, query)
            if answer.status == HTTPStatus.GONE:
                raise _ExpiredError
            if answer.status != HTTPStatus.OK:
                raise ListRefusedError(self.kind, answer)
            try:
                page = decode_list(self.kind, answer.body)
            except ValueError:
                raise NoAnswerError("its answer is not the Kubernetes API's", sent=True) from None
            objects += page.items
            token = page.continue_token
            if not token:
                return objects, page.resource_version

    async def _watch(self, version: str) -> bool:
        """One watch to its end; False if it ended at once without a word. Raises for every end but a clean one."""
        seconds = round(self._watch_seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
        query = self._query | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(max(seconds, 1)),
        }
        began, heard = time.monotonic(), False
        silence = self._watch_seconds * 1.2 + _MARGIN_SECONDS
        async with self._transport.stream(self._path, query, silence) as (answer, lines):
            if answer.status == HTTPStatus.GONE:
                raise _ExpiredError
            if answer.status != HTTPStatus.OK:
                raise ListRefusedError(self.kind, answer)
            self.confirmed = time.monotonic()
            async for line in lines:
                if not line.strip():
                    continue
                heard = True
                self._take(line)
                self.confirmed = time.monotonic()
        self.confirmed = time.monotonic()
        return heard or self.confirmed - began > _SHORT_LIFE

    def _take(self, line: bytes) -> None:
        event = decode_event(self.kind, line)
        match event.type:
            case "ADDED" | "MODIFIED" if event.object is not None:
                self._mirror.put(event.object)
            case "DELETED" if event.object is not None:
                self._mirror.remove(event.object)
            case "ERROR" if event.status_code == HTTPStatus.GONE:
                raise _ExpiredError
            case "ERROR":
                body = b'{"message":"the watch has failed"}'
                raise ListRefusedError(self.kind, Answer(event.status_code or 500, {}, body))
            case _:
                pass
        if event.resource_version:
            self._version = event.resource_version


async def _rest(seconds: float) -> None:
    await asyncio.sleep(seconds * random.uniform(0.75, 1.25))  # noqa: S311 - spreads load
