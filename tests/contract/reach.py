"""How the tests reach the server: through a kubeconfig, as a user does, with short pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from api_server import ApiServer

from underway.cluster.wire import RESOURCES
from underway.live.cluster import LiveCluster, connect
from underway.live.connection import Connection, open_connection
from underway.live.reflector import Pace

PACE = Pace(page=2, watch=5, margin=5, first_pause=0.01, longest_pause=0.05)


def play(story: Coroutine[Any, Any, None]) -> None:
    """Run a test's story; nothing of the client may be left running after it."""

    async def whole() -> None:
        async with asyncio.timeout(20):
            await story
        others = asyncio.all_tasks() - {asyncio.current_task()}
        left = [
            task for task in others if not getattr(task.get_coro(), "__qualname__", "").startswith("RequestHandler.")
        ]
        assert not left, left

    asyncio.run(whole())


def kubeconfig(folder: Path, url: str, **user: Any) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return str(path)


async def reach(server: ApiServer, folder: Path, **options: Any) -> Connection:
    return await open_connection(kubeconfig=kubeconfig(folder, server.url), request_timeout=2, **options)


@asynccontextmanager
async def live(server: ApiServer, folder: Path, pace: Pace = PACE) -> AsyncIterator[LiveCluster]:
    cluster = await connect(await reach(server, folder), pace)
    try:
        await until(lambda: len(server.watchers) == len(RESOURCES) or server.mute)
        yield cluster
    finally:
        await cluster.close()


async def until(holds: Callable[[], object]) -> None:
    """Wait for a fact, looking often."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - it is a fact, nobody tells of it
            await asyncio.sleep(0.005)
