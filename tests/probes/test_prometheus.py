"""Queries and alerts, against a Prometheus and an Alertmanager on loopback."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from underway.playbook.gates import AlertsGate, PrometheusGate
from underway.probes.prometheus import Look, ask_alerts, ask_query, open_session


def told(path: str, status: int, body: object, limits: dict[str, Any]) -> Look:
    """What is made of one answer; any other path is not found."""

    async def ask() -> Look:
        async def handler(request: web.Request) -> web.Response:
            assert path != "/api/v1/query" or request.query["query"] == "errors"
            return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body))

        app = web.Application()
        app.router.add_get(path, handler)
        async with TestServer(app, host="127.0.0.1") as server, open_session() as session:
            url = str(server.make_url("/"))
            if path == "/api/v1/query":
                return await ask_query(
                    session, PrometheusGate.model_validate({"url": url, "query": "errors", **limits})
                )
            return await ask_alerts(session, AlertsGate.model_validate({"url": url, **limits}))

    return asyncio.run(ask())


def vector(*values: str) -> dict[str, Any]:
    series = [{"metric": {"pod": f"web-{number}"}, "value": [1.5, value]} for number, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": series}}


def query(body: object, status: int = 200, **limits: float) -> Look:
    return told("/api/v1/query", status, body, limits)


def test_a_query_holds_while_every_series_is_within_the_limit() -> None:
    assert query(vector("0.5", "0.9"), below=1) == (True, "`errors` is 0.5 for pod=web-0, 0.9 for pod=web-1")
    assert query(vector("0.5", "1"), below=1) == (False, "`errors` is 1 for pod=web-1, below 1 wanted")
    assert query(vector("2"), above=1)[0] is True
    assert query(vector("1"), above=1)[0] is False
    assert query(vector("3"), equals=3)[0] is True
    assert query(vector("3"), equals=4)[0] is False


def test_a_scalar_is_a_value_too() -> None:
    assert query({"data": {"resultType": "scalar", "result": [1.5, "7"]}}, above=6) == (True, "`errors` is 7")


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (vector(), 200, "has no value"),
        (vector("NaN"), 200, "is NaN"),
        ({"data": {"resultType": "matrix", "result": []}}, 200, "matrix"),
        ({"data": {"resultType": "vector", "result": [{"value": [1, "many"]}]}}, 200, "unreadable answer"),
        ({"data": {"resultType": "vector", "result": 5}}, 200, "unreadable answer"),
        ("<html>", 200, "unreadable answer"),
        ({"status": "error"}, 503, "status 503"),
    ],
)
def test_an_answer_that_tells_nothing_is_an_error_of_measuring(body: object, status: int, why: str) -> None:
    holds, reason = query(body, status, below=1)
    assert holds is None
    assert why in reason


def test_a_server_that_is_not_there_is_an_error_of_measuring() -> None:
    async def ask() -> Look:
        async with open_session() as session:
            return await ask_alerts(session, AlertsGate.model_validate({"url": "http://127.0.0.1:1"}))

    assert asyncio.run(ask())[0] is None


def alert(name: str, **fields: str) -> dict[str, Any]:
    return {"labels": {"alertname": name}, **fields}


def test_a_firing_alert_breaks_the_gate_unless_it_is_ignored() -> None:
    found = [alert("Watchdog", startsAt="2026"), alert("ShopDown")]
    assert told("/api/v2/alerts", 200, found, {}) == (False, "firing: ShopDown, Watchdog")
    assert told("/api/v2/alerts", 200, found, {"ignore": ["Watchdog"]}) == (False, "firing: ShopDown")
    assert told("/api/v2/alerts", 200, found, {"ignore": ["Watchdog", "ShopDown"]}) == (True, "no alert is firing")


def test_prometheus_itself_may_be_asked_and_its_pending_alerts_do_not_count() -> None:
    found = {"data": {"alerts": [alert("Slow", state="pending"), alert("ShopDown", state="firing")]}}
    assert told("/api/v1/alerts", 200, found, {}) == (False, "firing: ShopDown")


def test_an_alertmanager_in_trouble_is_an_error_of_measuring() -> None:
    assert told("/api/v2/alerts", 500, "oops", {})[0] is None
