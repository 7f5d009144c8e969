"""The prober as the engine uses it: start, read along, stop, close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from underway.gates.measurements import Measurements
from underway.playbook.gates import Gate
from underway.probes.prober import Prober

DEADLINE = 30


class Changes:
    """Wakes whoever waits until something about the measurements is so."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self._event.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not holds():
                self._event.clear()
                await self._event.wait()


async def said(_: web.Request) -> web.Response:
    return web.Response(text="hello")


def site() -> TestServer:
    app = web.Application()
    app.router.add_get("/", said)
    return TestServer(app, host="127.0.0.1")


def http(server: TestServer, **fields: object) -> Gate:
    return Gate.model_validate({"http": {"url": str(server.make_url("/")), "every": "5ms"}, **fields})


def command(*argv: str) -> Gate:
    return Gate.model_validate({"command": {"command": argv}, "every": "10ms"})


def test_an_http_gate_is_counted_until_it_is_stopped_and_keeps_its_count() -> None:
    async def counted() -> None:
        changes = Changes()
        async with site() as server, Prober(changes) as prober:
            measurements: Measurements = prober
            assert measurements.http("web") is None
            prober.start("web", http(server))
            await changes.until(lambda: prober.counts()["web"].answered > 0)
            await prober.stop("web")
            count = measurements.http("web")
            assert count is not None
            assert (count.lost, count.in_flight) == (0, 0)
            assert count.sent == count.answered > 0
            assert measurements.http("web") == count == prober.counts()["web"]

    asyncio.run(counted())


def test_starting_what_runs_changes_nothing_and_starting_after_a_stop_counts_anew() -> None:
    async def counted() -> None:
        changes = Changes()
        async with site() as server, Prober(changes) as prober:
            prober.start("web", http(server))
            await changes.until(lambda: prober.counts()["web"].answered > 0)
            prober.start("web", http(server))
            assert prober.counts()["web"].answered > 0
            await prober.stop("web")
            prober.start("web", http(server, initialDelay="1h"))
            assert prober.counts()["web"].sent == 0
            await prober.stop("web")
            await prober.stop("web")

    asyncio.run(counted())


def test_commands_need_to_be_allowed() -> None:
    async def looked(*, allowed: bool) -> bool | None:
        changes = Changes()
        async with Prober(changes, allow_commands=allowed) as prober:
            prober.start("smoke", command("true"))
            await changes.until(lambda: prober.samples()["smoke"].last is not None)
            history = prober.history("smoke")
            assert history is not None
            assert history.last is not None
            return history.last.holds

    assert asyncio.run(looked(allowed=True)) is True
    assert asyncio.run(looked(allowed=False)) is None


def test_a_gate_is_looked_at_again_and_again() -> None:
    async def failures() -> int:
        changes = Changes()
        async with Prober(changes, allow_commands=True) as prober:
            prober.start("smoke", command("false"))
            await changes.until(lambda: prober.samples()["smoke"].failures >= 3)
            await prober.stop("smoke")
            return prober.samples()["smoke"].failures

    assert asyncio.run(failures()) >= 3


def test_after_closing_no_task_is_left() -> None:
    async def left() -> set[asyncio.Task[object]]:
        changes = Changes()
        async with site() as server:
            prober = Prober(changes, allow_commands=True)
            before = asyncio.all_tasks()
            prober.start("web", http(server))
            prober.start("hanging", command("sleep", "600"))
            alerts = {"alerts": {"url": "http://127.0.0.1:1"}, "initialDelay": "1h"}
            prober.start("alerts", Gate.model_validate(alerts))
            await changes.until(lambda: prober.counts()["web"].answered > 0)
            await prober.aclose()
            return {task for task in asyncio.all_tasks() - before if "gate" in task.get_name()}

    assert asyncio.run(left()) == set()


def test_a_gate_that_the_state_answers_is_not_measured() -> None:
    async def start() -> None:
        async with Prober(Changes()) as prober:
            prober.start("web", Gate.model_validate({"service": {"name": "shop/web"}}))

    with pytest.raises(TypeError, match="service"):
        asyncio.run(start())
