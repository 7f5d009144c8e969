"""Stopped at any moment, also between two events, no request is lost: replacements that are just about to serve, or
have just begun to, are stopped only once nobody sends them requests.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from stage import HERE, Stage, but_revisions, left, shipped

from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.load import load, simulate
from underway.simulated.settings import Settings

LATENCY = timedelta(milliseconds=20)
EVERY = timedelta(milliseconds=250)
FIRST = timedelta(seconds=1)
PACES: dict[str, dict[str, Any]] = {
    "prompt": {},
    "slow controllers": {"controller_delay": timedelta(milliseconds=700)},
    "all slow": {"controller_delay": timedelta(milliseconds=900), "endpoints_delay": timedelta(milliseconds=400)},
}


SOAK: dict[str, Any] = {"soak": {"for": "1h"}}
WEB = "deployment/shop/web"
STEPS: dict[str, list[dict[str, Any]]] = {
    "quarantine": [{"quarantine": {"select": "app=web"}}],
    "rollout": [{"rollout": {"workload": WEB, "restart": True}}],
    "rollout in batches": [{"rollout": {"workload": WEB, "restart": True, "batch": 1}}],
    "scale up": [{"scale": {"workload": WEB, "by": 2}}],
    "scale down": [{"scale": {"workload": WEB, "to": 2}}],
    "drain and rebalance": [
        {"nodes": {"select": {"names": ["underway-worker"]}}},
        {"rebalance": {"workload": WEB, "maxSkew": 1}},
    ],
}


def playbook(steps: str) -> Playbook:
    """The steps, and then so much time that the run is stopped."""
    if steps == "maintain":
        return shipped(steps)
    return from_command_line("stopped", [*STEPS[steps], SOAK])


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("steps", ["maintain", *STEPS])
def test_stopped_at_any_moment_no_request_is_lost(pace: str, steps: str) -> None:
    last = timedelta(seconds=26 if steps == "maintain" else 14)
    moments = [FIRST + number * EVERY for number in range((last - FIRST) // EVERY)]
    lost = {moment.total_seconds(): _lost(moment, Settings(**PACES[pace]), playbook(steps)) for moment in moments}
    assert {moment: count for moment, count in lost.items() if count} == {}


def _lost(moment: timedelta, settings: Settings, playbook: Playbook) -> int:
    """How many requests were lost, also after the end of a run that somebody stopped then."""
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    stage = Stage(simulate(loaded, settings=settings), dict(loaded.services()))
    load_on = [
        stage.cluster.traffic.start(service, per_second=200, latency=LATENCY) for service in stage.services.values()
    ]
    run = stage.run(playbook)
    stopping: list[asyncio.Task[None]] = []

    async def stop() -> None:
        await stage.cluster.sleep_until(run.started + moment)
        run.stop = "interrupted"
        stage.cluster.stir()

    def begin(number: int, _: asyncio.Task[None]) -> None:
        if number == 1:
            stopping.append(asyncio.ensure_future(stop()))

    receipt = stage.play(run, begin)
    assert (receipt.outcome, receipt.left_changed) == ("interrupted", ())
    assert stage.witness.violations == []
    stage.rest()
    assert but_revisions(left(stage.cluster.state())) == but_revisions(stage.before)
    stage.cluster.traffic.look()
    return sum(requests.lost for requests in load_on)
