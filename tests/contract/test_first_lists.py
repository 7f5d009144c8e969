"""The first look: every kind read whole, whatever happens to the lists."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from api_faults import Fault
from api_server import ApiServer, api_server
from reach import live, play

from underway.cluster.wire import RESOURCES
from underway.live.cluster import LiveCluster

POD = {"spec": {"nodeName": "worker"}, "status": {"phase": "Running"}}


def names(cluster: LiveCluster) -> set[str]:
    return {pod.name for pod in cluster.state().pods.values()}


def shop(server: ApiServer, count: int = 5) -> None:
    for number in range(count):
        server.put("pod", "shop", f"web-{number}", **POD)


def test_everything_is_read_page_by_page(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            shop(server)
            server.put("node", "", "worker")
            async with live(server, tmp_path) as cluster:
                assert names(cluster) == {f"web-{number}" for number in range(5)}
                assert list(cluster.state().nodes) == ["worker"]
            pages = [one for one in server.asked("GET", "/pods") if "watch" not in one.query]
            assert [one.query.get("continue", "") != "" for one in pages] == [False, True, True]

    play(story())


def test_a_list_that_expires_half_way_is_read_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            shop(server)
            server.faults.append(Fault("GET", "/pods?limit=2&continue", status=410))
            async with live(server, tmp_path) as cluster:
                assert len(names(cluster)) == 5

    play(story())


def test_a_list_that_keeps_expiring_is_read_in_one_piece(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            shop(server)
            server.faults.append(Fault("GET", "/pods?limit=2&continue", status=410, times=99))
            async with live(server, tmp_path) as cluster:
                assert len(names(cluster)) == 5

    play(story())


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/pods", cut=True),
        Fault("GET", "/pods", cut_after=40),
        Fault("GET", "/pods", status=500),
        Fault("GET", "/pods", status=429, headers={"Retry-After": "1"}),
        Fault("GET", "/pods", status=503, times=2),
    ],
    ids=["cut", "cut half-way", "500", "429", "503 twice"],
)
def test_the_first_list_outlasts(fault: Fault, tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            shop(server)
            server.faults.append(fault)
            async with live(server, tmp_path) as cluster:
                assert len(names(cluster)) == 5

    play(story())


def test_all_kinds_are_read_at_the_same_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            server.faults.append(Fault("GET", "limit=", delay=0.3, times=len(RESOURCES)))
            began = asyncio.get_running_loop().time()
            async with live(server, tmp_path):
                assert asyncio.get_running_loop().time() - began < 2

    play(story())
