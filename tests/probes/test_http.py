"""The HTTP prober against servers on loopback that answer, drop, hang, refuse and flood: exact counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

from served import DEADLINE, Serve, answer, server

from underway.gates.http import HttpCount
from underway.playbook.gates import HttpGate
from underway.probes.clock import steady_clock
from underway.probes.http import HttpProbe


def prober(url: str, changed: Callable[[], None] = lambda: None, **body: object) -> HttpProbe:
    gate = HttpGate.model_validate({"url": url, "every": "10ms", "timeout": "5s", **body})
    clock = steady_clock()
    return HttpProbe(gate, clock(), clock, changed)


async def measured(serve: Serve, requests: int, **body: object) -> HttpCount:
    """Probe until that many requests have reached the server, let the last ones end, and count."""
    async with asyncio.timeout(DEADLINE), server(serve) as served:
        probe = prober(served.url, **body)
        running = asyncio.create_task(probe.run())
        await served.reach(requests)
        probe.stop()
        await running
        count = probe.count()
        assert count.sent + count.late >= served.number
        assert count.in_flight == 0
        return count


def test_a_healthy_server_loses_nothing() -> None:
    async def serve(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(answer())

    count = asyncio.run(measured(serve, 30))
    assert (count.answered, count.lost, count.longest_gap) == (count.sent, 0, timedelta())


def test_every_dropped_connection_is_one_lost_request_and_is_not_asked_again() -> None:
    async def serve(number: int, writer: asyncio.StreamWriter) -> None:
        if number % 5 != 0:
            writer.write(answer())

    count = asyncio.run(measured(serve, 30))
    assert count.lost == (count.sent + 4) // 5
    assert count.errors == {"connection closed without an answer": count.lost}
    assert count.longest_gap > timedelta()


def test_another_status_is_a_lost_request() -> None:
    async def serve(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(500 if number == 3 else 200))

    count = asyncio.run(measured(serve, 10))
    assert (count.lost, count.last_error) == (1, "status 500")


def test_a_redirect_is_judged_as_it_stands() -> None:
    async def serve(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n")

    count = asyncio.run(measured(serve, 3))
    assert (count.lost, count.last_error) == (count.sent, "status 302")


def test_a_body_that_does_not_match_is_a_lost_request() -> None:
    async def serve(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body=b"all broken" if number == 3 else b"all is well"))

    count = asyncio.run(measured(serve, 10, body="is w.ll$"))
    assert (count.lost, count.last_error) == (1, "the body does not match")


def test_an_answer_that_is_cut_short_is_a_lost_request() -> None:
    async def serve(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(answer()[: -2 if number == 3 else None])

    count = asyncio.run(measured(serve, 10))
    assert (count.lost, count.last_error) == (1, "answer cut short")


def test_what_is_not_http_is_a_lost_request() -> None:
    async def serve(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    count = asyncio.run(measured(serve, 3))
    assert count.lost == count.sent


def test_a_server_that_hangs_delays_no_other_request() -> None:
    async def serve(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 3:
            await asyncio.Event().wait()
        writer.write(answer())

    count = asyncio.run(measured(serve, 60, timeout="300ms"))
    assert (count.lost, count.last_error) == (1, "no answer within 300ms")


def test_an_answer_that_never_ends_is_lost_at_its_timeout() -> None:
    async def serve(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    count = asyncio.run(measured(serve, 3, timeout="300ms"))
    assert count.errors == {"no answer within 300ms": count.sent}


def test_an_endless_flood_is_read_only_so_far() -> None:
    async def serve(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    count = asyncio.run(measured(serve, 3, every="100ms", body="^xx"))
    assert (count.answered, count.lost) == (count.sent, 0)


def test_a_refused_connection_is_a_lost_request() -> None:
    async def refused() -> HttpCount:
        async with server(_never) as served:
            url = served.url
        changes = asyncio.Semaphore(0)
        probe = prober(url, changes.release)
        running = asyncio.create_task(probe.run())
        async with asyncio.timeout(DEADLINE):
            for _ in range(5):
                await changes.acquire()
            probe.stop()
            await running
        return probe.count()

    count = asyncio.run(refused())
    assert count.errors == {"connection refused": count.sent}
    assert count.failing


async def _never(_: int, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def test_requests_beyond_the_bound_are_lost_and_not_sent() -> None:
    async def bounded() -> HttpCount:
        async with asyncio.timeout(DEADLINE), server(_never) as served:
            lost = asyncio.Event()
            probe = prober(served.url, lost.set, every="2ms", timeout="20s")
            probe.most_in_flight = 3
            running = asyncio.create_task(probe.run())
            await lost.wait()
            count = probe.count()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return count

    count = asyncio.run(bounded())
    assert (count.lost, count.in_flight) == (1, 3)
    assert count.last_error == "not sent, 3 requests are without an answer"


def test_a_cancelled_prober_counts_nothing_that_it_gave_up_itself() -> None:
    async def cancelled() -> HttpCount:
        async with asyncio.timeout(DEADLINE), server(_never) as served:
            probe = prober(served.url)
            running = asyncio.create_task(probe.run())
            await served.reach(3)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert asyncio.all_tasks() - {asyncio.current_task()} <= _of_the_server()
            return probe.count()

    count = asyncio.run(cancelled())
    assert (count.sent, count.answered, count.lost, count.in_flight) == (0, 0, 0, 0)


def _of_the_server() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if "connected" in repr(task.get_coro())}


def test_when_our_own_process_is_held_up_nothing_is_lost_and_it_is_noted() -> None:
    async def held_up() -> HttpCount:
        async def serve(number: int, writer: asyncio.StreamWriter) -> None:
            writer.write(answer())
            if number == 5:
                time.sleep(1)  # noqa: ASYNC251 - this is the disturbance

        return await measured(serve, 30, timeout="500ms")

    count = asyncio.run(held_up())
    assert count.lost == 0
    assert count.late > 0


def test_a_request_in_flight_while_we_are_held_up_is_not_lost_by_its_timeout() -> None:
    async def held_up() -> HttpCount:
        async with asyncio.timeout(DEADLINE), server(_never) as served:
            probe = prober(served.url, timeout="200ms")
            running = asyncio.create_task(probe.run())
            await served.reach(1)
            probe.stop()
            # Blocking is the disturbance: the time-out is over before the loop runs again.
            time.sleep(1)  # noqa: ASYNC251 - this is the disturbance
            await running
            return probe.count()

    count = asyncio.run(held_up())
    assert (count.sent, count.lost) == (0, 0)
    assert count.late > 0


def test_changes_are_told_at_the_first_good_answer_at_each_loss_and_at_recovery() -> None:
    async def told() -> list[tuple[int, int]]:
        async def serve(number: int, writer: asyncio.StreamWriter) -> None:
            if number not in {2, 3}:
                writer.write(answer())

        seen: list[tuple[int, int]] = []
        async with asyncio.timeout(DEADLINE), server(serve) as served:
            probe = prober(served.url, lambda: seen.append((count().lost, int(count().failing))))
            count = probe.count
            running = asyncio.create_task(probe.run())
            await served.reach(10)
            probe.stop()
            await running
        return seen

    seen = asyncio.run(told())
    assert (seen[0], seen[-1]) == ((0, 0), (2, 0))
    # on a busy machine a later request may be answered before an earlier one is lost, and be a recovery
    lost = [number for number, _ in seen]
    assert (sorted(set(lost)), lost) == ([0, 1, 2], sorted(lost))
    assert all(before != after for before, after in pairwise(seen))


def test_a_prober_that_is_stopped_before_it_begins_sends_nothing() -> None:
    async def stopped() -> HttpCount:
        clock = steady_clock()
        gate = HttpGate.model_validate({"url": "http://127.0.0.1:1/"})
        probe = HttpProbe(gate, clock() + timedelta(hours=1), clock, lambda: None)
        running = asyncio.create_task(probe.run())
        await asyncio.sleep(0)
        probe.stop()
        async with asyncio.timeout(DEADLINE):
            await running
        return probe.count()

    assert asyncio.run(stopped()).sent == 0
