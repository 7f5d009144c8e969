"""kube-proxy: what the nodes' rules route a Service's requests to, which lags behind the EndpointSlices.

One view stands for all nodes, and its rules are written at most once in minSyncPeriod, whichever Service changed.
"""

from __future__ import annotations

from collections.abc import Callable

from underway.cluster.model import EndpointSlice, Ref, Service
from underway.cluster.traffic import ready_endpoints
from underway.simulated.world import WorkQueue, World


class Proxies:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[str](world, self._write_rules, world.settings.proxy_delay)
        self._changed: dict[Ref, None] = {}
        self._routes: dict[Ref, frozenset[str]] = {}
        self._last = world.now - world.settings.proxy_min_sync_period
        self.on_change: list[Callable[[Ref], None]] = []
        """Called just before the routes of a Service change."""
        world.watch(EndpointSlice, self._slice_changed)

    def routes(self, service: Ref) -> tuple[str, ...]:
        """The UIDs of the pods that requests go to, ordered."""
        return tuple(sorted(self._routes.get(service, ())))

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        found = new or old
        if found is None:
            return
        if not self._changed:
            settings = self._world.settings
            due = max(self._world.now + settings.proxy_delay, self._last + settings.proxy_min_sync_period)
            self._queue.add("rules", due - self._world.now)
        self._changed[Ref("service", found.namespace, found.service)] = None

    def _write_rules(self, _: str) -> None:
        self._last = self._world.now
        changed, self._changed = self._changed, {}
        for ref in changed:
            routes = self._current(ref)
            if routes != self._routes.get(ref):
                for tell in self.on_change:
                    tell(ref)
                self._routes[ref] = routes

    def _current(self, ref: Ref) -> frozenset[str]:
        """The ready endpoints, or where there are none those that are terminating and still serve."""
        service = self._world.get(Service, ref)
        if service is None:
            return frozenset()
        terminating = (found.terminating for found in self._world.state.slices(service))
        return ready_endpoints(service, self._world.state) or frozenset[str]().union(*terminating)
