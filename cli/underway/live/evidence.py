"""A pod's events and the end of its log, read once when something has gone wrong."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import msgspec

from underway.cluster.evidence import LINES, Evidence, last_lines
from underway.cluster.model import Ref
from underway.live.paths import resource
from underway.live.refusal import error_message
from underway.live.transport import Answer, NoAnswerError, Transport


class _Event(msgspec.Struct, rename="camel"):
    reason: str | None = None
    message: str | None = None
    type: str | None = None
    count: int | None = None
    last_timestamp: str | None = None
    event_time: str | None = None


class _Events(msgspec.Struct):
    items: list[_Event] = []


class _Status(msgspec.Struct, rename="camel"):
    name: str = ""
    ready: bool = False
    restart_count: int = 0


class _PodStatus(msgspec.Struct, rename="camel"):
    container_statuses: list[_Status] | None = None
    init_container_statuses: list[_Status] | None = None


class _Pod(msgspec.Struct):
    status: _PodStatus | None = None


async def evidence(transport: Transport, pod: Ref) -> Evidence:
    """What can be read of it; never raises for what a server answers or does not."""
    try:
        (events, trouble), (log, more) = await asyncio.gather(_events(transport, pod), _log(transport, pod))
    except (NoAnswerError, ValueError) as error:
        return Evidence(trouble=str(error))
    return Evidence(events, log, "; ".join(filter(None, (trouble, more))))


async def _events(transport: Transport, pod: Ref) -> tuple[tuple[str, ...], str]:
    query = {"fieldSelector": f"involvedObject.kind=Pod,involvedObject.name={pod.name}"}
    answer = await transport.send("GET", f"/api/v1/namespaces/{pod.namespace}/events", query)
    if answer.status != HTTPStatus.OK:
        return (), f"events: {error_message(answer)}"
    found = msgspec.json.decode(answer.body, type=_Events).items
    found.sort(key=lambda event: event.last_timestamp or event.event_time or "")
    said = (f"{event.reason}: {' '.join((event.message or '').split())}" for event in found)
    return last_lines(dict.fromkeys(said)), ""


async def _log(transport: Transport, pod: Ref) -> tuple[tuple[str, ...], str]:
    """Of the container that is not Ready; of its last life if it has been started again."""
    answer = await transport.send("GET", resource(pod))
    if answer.status != HTTPStatus.OK:
        return (), ""
    status = msgspec.json.decode(answer.body, type=_Pod).status or _PodStatus()
    containers = [*(status.init_container_statuses or ()), *(status.container_statuses or ())]
    late = next((one for one in containers if not one.ready), None)
    query = {"tailLines": str(LINES), "limitBytes": "20000"}
    if late is not None:
        query["container"] = late.name
        if late.restart_count:
            query["previous"] = "true"
    answer = await transport.send("GET", f"{resource(pod)}/log", query)
    if answer.status == HTTPStatus.FORBIDDEN:
        return (), f"log: {error_message(answer)}"
    return (_lines(answer), "") if answer.status == HTTPStatus.OK else ((), "")


def _lines(answer: Answer) -> tuple[str, ...]:
    return last_lines(answer.body.decode(errors="replace").splitlines())
