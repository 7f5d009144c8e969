"""What goes wrong between a client and the server of these tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Fault:
    """What happens instead of the answer to a request whose method and path match, or around it.

    `perform`: the request is carried out before the connection is cut. `cut_after`: how many bytes of the ordinary
    answer are still sent.
    """

    method: str
    part: str
    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    perform: bool = True
    cut_after: int | None = None
    delay: float = 0
    times: int = 1


def next_fault(faults: Iterable[Fault], request: web.Request) -> Fault:
    """The first that matches and is not used up, which uses it once; one that does nothing if there is none."""
    for fault in faults:
        if fault.times and fault.method == request.method and fault.part in f"{request.path}?{request.query_string}":
            fault.times -= 1
            return fault
    return Fault("", "")


def cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
