"""Ask Prometheus for a query's value, and Prometheus or Alertmanager for firing alerts.

Answers come as (holds, reason); `holds` is None if there was no usable answer, and also if the query found nothing:
a series that has vanished is not health.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias, TypeVar

import aiohttp
import msgspec

from underway.playbook.gates import AlertsGate, PrometheusGate

Look: TypeAlias = tuple[bool | None, str]

TIMEOUT = 10.0
"""Seconds for one answer."""
MOST_READ = 10 << 20
"""Bytes of an answer; a longer one is refused."""

_T = TypeVar("_T")


class _Series(msgspec.Struct):
    value: tuple[float, str]
    metric: dict[str, str] = {}


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: Any


class _Query(msgspec.Struct):
    data: _Data


class _Alert(msgspec.Struct):
    """Alertmanager lists only what is active (it is asked so), Prometheus says pending or firing in `state`."""

    labels: dict[str, str] = {}
    state: str = "firing"


class _Alerts(msgspec.Struct):
    alerts: list[_Alert]


class _Rules(msgspec.Struct):
    data: _Alerts


class _UnansweredError(Exception):
    """No usable answer; the message says why."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


def open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=False)


async def ask_query(session: aiohttp.ClientSession, body: PrometheusGate) -> Look:
    """Every series of the answer must be within all the limits given."""
    try:
        found = await _get(session, f"{body.url.rstrip('/')}/api/v1/query", {"query": body.query}, _Query)
        values = _values(found.data)
    except _UnansweredError as error:
        return None, f"prometheus: {error}"
    if not values:
        return None, f"prometheus: `{body.query}` has no value"
    for name, value in values:
        if math.isnan(value):
            return None, f"prometheus: `{body.query}` is NaN{name}"
        if (wanted := _beyond(body, value)) is not None:
            return False, f"`{body.query}` is {value:g}{name}, {wanted} wanted"
    return True, f"`{body.query}` is {', '.join(f'{value:g}{name}' for name, value in values[:3])}"


def _values(data: _Data) -> list[tuple[str, float]]:
    """The values of a vector or a scalar, each with its labels in words."""
    try:
        if data.result_type == "scalar":
            return [("", float(msgspec.convert(data.result, tuple[float, str])[1]))]
        if data.result_type == "vector":
            series = msgspec.convert(data.result, list[_Series])
            return [(_labels(found.metric), float(found.value[1])) for found in series]
    except (msgspec.ValidationError, ValueError) as error:
        raise _UnansweredError(f"unreadable answer: {error}") from error
    raise _UnansweredError(f"the query gives a {data.result_type}, a vector or a scalar is needed")


def _labels(metric: dict[str, str]) -> str:
    return f" for {','.join(f'{key}={value}' for key, value in sorted(metric.items()))}" if metric else ""


def _beyond(body: PrometheusGate, value: float) -> str | None:
    """The limit that the value does not keep."""
    if body.below is not None and not value < body.below:
        return f"below {body.below:g}"
    if body.above is not None and not value > body.above:
        return f"above {body.above:g}"
    if body.equals is not None and value != body.equals:
        return f"{body.equals:g}"
    return None


async def ask_alerts(session: aiohttp.ClientSession, body: AlertsGate) -> Look:
    """No alert may be firing but the ignored ones (by alertname). Alertmanager is tried first, then Prometheus."""
    try:
        alerts = await _alerts(session, body.url.rstrip("/"))
    except _UnansweredError as error:
        return None, f"alerts: {error}"
    firing = {found.labels.get("alertname", "without a name") for found in alerts if found.state == "firing"}
    counted = sorted(firing.difference(body.ignore))
    if counted:
        return False, f"firing: {', '.join(counted)}"
    return True, "no alert is firing"


async def _alerts(session: aiohttp.ClientSession, url: str) -> list[_Alert]:
    active = {"active": "true", "silenced": "false", "inhibited": "false"}
    try:
        return await _get(session, f"{url}/api/v2/alerts", active, list[_Alert])
    except _UnansweredError as error:
        if error.status != 404:  # noqa: PLR2004 - Prometheus knows no v2
            raise
    return (await _get(session, f"{url}/api/v1/alerts", {}, _Rules)).data.alerts


async def _get(session: aiohttp.ClientSession, url: str, params: dict[str, str], shape: type[_T]) -> _T:
    try:
        async with session.get(url, params=params) as response:
            if response.status != 200:  # noqa: PLR2004 - OK
                raise _UnansweredError(f"status {response.status} from {url}", response.status)
            body = await response.content.read(MOST_READ)
            while not response.content.at_eof():
                body += await response.content.read(MOST_READ)
                if len(body) > MOST_READ:
                    raise _UnansweredError(f"more than {MOST_READ} bytes from {url}")
        return msgspec.json.decode(body, type=shape)
    except TimeoutError as error:
        raise _UnansweredError(f"no answer within {TIMEOUT:g}s from {url}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise _UnansweredError(f"{url}: {error}") from error
    except msgspec.DecodeError as error:
        raise _UnansweredError(f"unreadable answer from {url}: {error}") from error
