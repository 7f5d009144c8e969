"""`underway restore` and a pod that was left in quarantine: evicted when its time is over, not a moment before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api_server import ApiServer, api_server
from invoke import Ended, underway
from reach import kubeconfig, play


async def restored(server: ApiServer, folder: Path, until: str) -> Ended:
    marks = {"quarantined-at": "2026-01-01T00:00:00+00:00", "keep-until": until, "why": "slow"}
    metadata = {
        "labels": {"underway.dev/quarantined": "r"},
        "annotations": {f"underway.dev/{name}": value for name, value in marks.items()},
    }
    server.put("pod", "shop", "bad", metadata=metadata, spec={"nodeName": "a"}, status={"phase": "Running"})
    options = ("--kubeconfig", kubeconfig(folder, server.url))
    return await asyncio.to_thread(underway, "restore", *options, XDG_STATE_HOME=str(folder))


@pytest.mark.parametrize("over", [True, False])
def test_it_is_evicted_when_its_time_is_over_and_until_then_it_is_said_how_long_it_stays(
    tmp_path: Path,
    over: bool,  # noqa: FBT001
) -> None:
    end = datetime.now(UTC) + timedelta(hours=-1 if over else 1)

    async def story() -> None:
        async with api_server() as server:
            ended = await restored(server, tmp_path, end.isoformat())
            assert ended.status == 0, ended.err
            assert len(server.asked("POST", "/eviction")) == over
            stays = f"pod/shop/bad stays in quarantine until {end:%Y-%m-%dT%H:%M:%SZ} (then underway restore r evicts"
            assert ("pod/shop/bad evicted, its time in quarantine is over" in ended.err) is over
            assert (stays in ended.err) is not over

    play(story())


def test_one_without_a_time_is_a_persons(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            ended = await restored(server, tmp_path, "a person deletes it")
            assert ended.status == 0, ended.err
            assert server.asked("POST", "/eviction") == []
            assert "pod/shop/bad stays in quarantine until a person deletes it" in ended.err

    play(story())
