"""List and watch: one kind of objects, mirrored without ever losing an event silently.

A watch resumes where the last one ended. What cannot be resumed (410: the server has forgotten that version) is listed
anew. Watches are short, so that a connection that died without a word is found out within a minute.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from underway.cluster.model import LEASE_NAMESPACE
from underway.cluster.objects import Object
from underway.cluster.state import MARK
from underway.cluster.wire import RESOURCES, decode_event, decode_list
from underway.live.mirror import Mirror
from underway.live.paths import collection
from underway.live.refusal import error_message, retry_after
from underway.live.transport import Answer, NoAnswerError, Transport

_SHORT_LIFE = 1.0
_PAGED_ATTEMPTS = 2


class Pace(NamedTuple):
    """How a kind is read, in seconds but for `page`: a watch ends after about `watch`, and is given up when `margin`
    more have passed without a byte; pauses after failures double from `first_pause` to `longest_pause`.
    """

    page: int = 500
    watch: float = 30
    margin: float = 10
    first_pause: float = 0.1
    longest_pause: float = 10


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

    def __init__(self, kind: str, transport: Transport, mirror: Mirror, pace: Pace) -> None:
        self.kind = kind
        self.confirmed = time.monotonic()
        self._transport = transport
        self._mirror = mirror
        self._pace = pace
        self._path = collection(kind, LEASE_NAMESPACE if kind == "lease" else "")
        self._query = {"labelSelector": MARK} if kind == "lease" else {}
        self._version: str | None = None

    async def read(self) -> None:
        """Read everything. Raises NoAnswerError, ListRefusedError."""
        asked = time.monotonic()
        for _ in range(_PAGED_ATTEMPTS):
            with suppress(_ExpiredError):
                objects, version = await self._pages(self._pace.page)
                break
        else:
            # In one piece it cannot expire half-way.
            objects, version = await self._pages(0)
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
                longest = min(self._pace.first_pause * 2 ** min(failures, 20), self._pace.longest_pause)
                await asyncio.sleep(max(wait, longest * random.uniform(0.5, 1)))  # noqa: S311 - spreads load

    async def _pages(self, limit: int) -> tuple[list[Object], str]:
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
                raise ListRefusedError(self.kind, _words("this is not the Kubernetes API's answer", 200)) from None
            objects += page.items
            token = page.continue_token
            if not token:
                return objects, page.resource_version

    async def _watch(self, version: str) -> bool:
        """One watch to its end; False if it ended at once without a word. Raises for every end but a clean one."""
        seconds = self._pace.watch * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        query = self._query | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(max(round(seconds), 1)),
        }
        began, heard = time.monotonic(), False
        async with self._transport.stream(self._path, query, seconds + self._pace.margin) as (answer, lines):
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
                raise ListRefusedError(self.kind, _words(event.message, event.status_code or 500))
            case _:
                pass
        if event.resource_version:
            self._version = event.resource_version


def _words(message: str, status: int) -> Answer:
    return Answer(status, {}, msgspec.json.encode({"message": message}))
