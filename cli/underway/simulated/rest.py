"""When a simulated cluster has come to rest: every controller has what it asks for, and nothing is on its way."""

from __future__ import annotations

from datetime import timedelta

from underway.cluster.model import Pod, Workload
from underway.cluster.objects import Autoscaler
from underway.simulated.world import World

_LOOK = timedelta(seconds=1)
_LOOKS = 3
"""So often must it look at rest, one after another: endpoints and the proxies' rules come after the pods."""


def run_to_rest(world: World, limit: timedelta) -> bool:
    """False if `limit` of virtual time was not enough."""
    deadline, good = world.now + limit, 0
    while good < _LOOKS and world.now < deadline:
        if world.next_event is None:
            return True
        world.run_until(world.now + _LOOK)
        good = good + 1 if not any(_unfinished(world)) else 0
    return good == _LOOKS


def _unfinished(world: World) -> list[str]:
    lacking = [str(found.ref) for found in world.state.workloads.values() if not _has_what_it_asks_for(world, found)]
    return lacking + [str(found.ref) for found in world.state.autoscalers.values() if not _is_heeded(world, found)]


def _has_what_it_asks_for(world: World, found: Workload) -> bool:
    if found.kind == "job":
        return bool(found.complete or found.failure or found.paused) or found.current > 0 == _waiting(world, found)
    return found.ready >= found.replicas and found.current == found.replicas


def _is_heeded(world: World, found: Autoscaler) -> bool:
    workload = world.get(Workload, found.target)
    return workload is None or workload.replicas == 0 or found.min_replicas <= workload.replicas <= found.max_replicas


def _waiting(world: World, job: Workload) -> int:
    return sum(1 for pod in world.state.pods_of(job.uid) if pod.phase == "Pending")


def unready(world: World) -> list[Pod]:
    """The pods that should run and do not, which is worth saying."""
    return [pod for pod in world.state.pods.values() if not pod.ready and not pod.finished and pod.deleting is None]
