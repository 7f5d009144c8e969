"""The HorizontalPodAutoscaler, as far as there is nothing to measure: it keeps a workload within its bounds."""

from __future__ import annotations

import msgspec

from underway.cluster.model import Ref, Workload
from underway.cluster.objects import Autoscaler
from underway.simulated.world import WorkQueue, World


class Autoscalers:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.autoscaler_period)
        world.watch(Autoscaler, self._autoscaler_changed)
        world.watch(Workload, self._workload_changed)

    def _autoscaler_changed(self, _: Autoscaler | None, new: Autoscaler | None) -> None:
        if new is not None:
            self._queue.add(new.ref)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        if not self._world.state.autoscalers or new is None or (old is not None and old.replicas == new.replicas):
            return
        found = self._world.state.autoscaler_of(new.ref)
        if found is not None:
            self._queue.add(found.ref)

    def _sync(self, ref: Ref) -> None:
        found = self._world.get(Autoscaler, ref)
        workload = self._world.get(Workload, found.target) if found is not None else None
        if found is None or workload is None or workload.replicas == 0:
            return  # a workload scaled to 0 is not scaled by an autoscaler
        self._world.assume(f"{found.ref}: has nothing to measure, and keeps {workload.ref} within its bounds")
        count = max(found.min_replicas, min(workload.replicas, found.max_replicas))
        if count != workload.replicas:
            self._world.put(msgspec.structs.replace(workload, replicas=count, generation=workload.generation + 1))
