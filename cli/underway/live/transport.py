"""Requests to the API server: raw bytes in and out, each with a time-out, credentials renewed when they ran out."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp

from underway.live.library import ApiClient, Configuration

_CONNECT_SECONDS = 10.0
_RENEW_AT_MOST_EVERY = 30.0
_UNAUTHORIZED = 401


class NoAnswerError(Exception):
    """The server did not answer. `sent` is False if the request cannot have reached it."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Answer(NamedTuple):
    """Whatever the server answered; the headers' names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """`renew` loads the credentials anew after a 401: tokens expire during a long maintenance."""

    def __init__(
        self,
        client: ApiClient,
        configuration: Configuration,
        renew: Callable[[], Awaitable[None]],
        headers: Mapping[str, str],
        seconds: float,
    ) -> None:
        self._client = client
        self._configuration = configuration
        self._renew = renew
        self._headers = headers
        self._seconds = seconds
        self._renewed: float | None = None
        self._renewing = asyncio.Lock()

    @property
    def server(self) -> str:
        return self._configuration.host

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Raises NoAnswerError; any answer, an error too, is returned."""
        limits = aiohttp.ClientTimeout(total=self._seconds, sock_connect=_CONNECT_SECONDS)
        try:
            response = await self._open(method, path, query, body, content_type, limits)
            async with response:
                data = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _no_answer(error, self._seconds) from None
        return Answer(response.status, _lowered(response.headers), data)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], silence: float
    ) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """An answer whose lines come as they are written; NoAnswerError after `silence` seconds without a byte."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=silence)
        try:
            response = await self._open("GET", path, query, None, "application/json", limits)
            async with response:
                good = response.status == 200  # noqa: PLR2004 - HTTP's OK
                answer = Answer(response.status, _lowered(response.headers), b"" if good else await response.read())
                yield answer, _lines(response.content)
        except (aiohttp.ClientError, OSError) as error:
            raise _no_answer(error, silence) from None

    async def close(self) -> None:
        await self._client.close()

    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        limits: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        url = self._configuration.host + path + ("?" + urlencode(query) if query else "")
        asked = time.monotonic()
        response = await self._call(method, url, body, content_type, limits)
        if response.status == _UNAUTHORIZED and await self._renewed_since(asked):
            response.release()
            response = await self._call(method, url, body, content_type, limits)
        return response

    async def _call(
        self, method: str, url: str, body: Any, content_type: str, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": content_type, **self._headers}
        token = await self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            headers["Authorization"] = token
        wrapped = await self._client.call_api(
            method, url, headers, body, _request_timeout=limits, _preload_content=False
        )
        response: aiohttp.ClientResponse = wrapped.response
        return response

    async def _renewed_since(self, asked: float) -> bool:
        """Whether there are newer credentials than those of a request of that time."""
        async with self._renewing:
            if self._renewed is not None and self._renewed > asked:
                return True
            if self._renewed is not None and time.monotonic() < self._renewed + _RENEW_AT_MOST_EVERY:
                return False
            await self._renew()
            self._renewed = time.monotonic()
            return True


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines of any length: aiohttp's own `readline` has a limit. What a cut leaves of a line is no line."""
    parts: list[bytes] = []
    async for chunk in content.iter_any():
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            parts.append(line)
            yield b"".join(parts)
            parts.clear()
        if rest:
            parts.append(rest)


def _no_answer(error: aiohttp.ClientError | OSError, seconds: float) -> NoAnswerError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return NoAnswerError(f"its certificate is not trusted: {error.certificate_error}", sent=False)
        case aiohttp.ClientConnectorError():
            return NoAnswerError(_reason(error.os_error), sent=False)
        case aiohttp.ConnectionTimeoutError():
            return NoAnswerError(f"no connection within {_CONNECT_SECONDS:g} s", sent=False)
        case TimeoutError():
            return NoAnswerError(f"no answer within {seconds:g} s", sent=True)
        case _:
            return NoAnswerError(f"the connection was cut ({type(error).__name__})", sent=True)


def _reason(error: OSError) -> str:
    """In the system's words; asyncio puts its own in their place. Negative numbers are those of name resolution."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or type(error).__name__
