from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from scenes import advance, evict, node, pods, run, settled, workload

from underway.cluster.model import Pod
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import Settings


def shop(settings: Settings | None = None) -> SimulatedCluster:
    return settled(node("a"), node("b"), workload("deployment", "web", 2), settings=settings)


def test_the_clock_stands_still_while_somebody_works_and_wakes_everybody_in_time() -> None:
    async def story() -> None:
        cluster = shop()
        begin = cluster.now()
        seen: list[tuple[str, float]] = []

        async def worker(name: str, *pauses: float) -> None:
            for pause in pauses:
                await cluster.sleep_until(cluster.now() + timedelta(seconds=pause))
                for _ in range(5):
                    await asyncio.sleep(0)
                seen.append((name, (cluster.now() - begin).total_seconds()))

        await asyncio.gather(worker("slow", 2, 2), worker("quick", 1, 1.5, 1))
        assert seen == [("quick", 1), ("slow", 2), ("quick", 2.5), ("quick", 3.5), ("slow", 4)]

    run(story())


def test_changed_returns_at_a_change_or_in_time_and_at_once_for_a_change_that_was_missed() -> None:
    async def story() -> None:
        cluster = shop()
        await cluster.changed(cluster.now())
        begin = cluster.now()
        await cluster.changed(begin + timedelta(seconds=7))
        assert cluster.now() == begin + timedelta(seconds=7), "a cluster at rest"
        await evict(cluster, pods(cluster)[0])
        after: datetime = cluster.now()
        await cluster.changed(after + timedelta(hours=1))
        assert cluster.now() == after + Settings().look_delay, "the eviction itself was not seen yet"
        await cluster.changed(after + timedelta(hours=1))
        assert after < cluster.now() < after + timedelta(seconds=1)

    run(story())


def test_a_waiter_that_is_cancelled_holds_up_nobody() -> None:
    async def story() -> None:
        cluster = shop()
        begin = cluster.now()
        waiting = asyncio.create_task(cluster.sleep_until(begin + timedelta(seconds=1)))
        await asyncio.sleep(0)
        waiting.cancel()
        await advance(cluster, 3)
        assert waiting.cancelled()
        assert cluster.now() == begin + timedelta(seconds=3)

    run(story())


def test_a_mistake_in_the_simulation_reaches_whoever_waits() -> None:
    def stumble(_: Pod) -> None:
        raise ZeroDivisionError

    async def story() -> None:
        cluster = shop()
        cluster.kubelets.on_exit.append(stumble)
        await evict(cluster, pods(cluster)[0])
        with pytest.raises(ZeroDivisionError):
            await advance(cluster, 5)
        await advance(cluster, 1)

    run(story())


def test_a_speed_is_kept_in_real_time() -> None:
    async def story() -> float:
        cluster = shop(Settings(speed=100))
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await advance(cluster, 10)
        return loop.time() - begin

    assert 0.09 < run(story()) < 1


def test_whoever_is_stirred_does_not_wait_for_real_time_to_pass() -> None:
    async def story() -> None:
        cluster = SimulatedCluster(ClusterState(), settings=Settings(speed=1))
        await cluster.changed(cluster.now())
        asyncio.get_running_loop().call_later(0.1, cluster.stir)
        await asyncio.wait_for(cluster.changed(cluster.now() + timedelta(hours=1)), timeout=60)

    run(story())
