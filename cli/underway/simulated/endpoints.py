"""The EndpointSlice controller: one slice for each Service with a selector."""

from __future__ import annotations

import msgspec

from underway.cluster.model import EndpointSlice, Pod, Ref, Service
from underway.simulated.world import WorkQueue, World


class EndpointSlices:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.endpoints_delay)
        world.watch(Service, self._service_changed)
        world.watch(Pod, self._pod_changed, only_changes=True)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        service = new or old
        if service and not (self._world.starting and self._world.at_rest and self._world.state.slices(service)):
            self._queue.add(service.ref)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old and new and _seen_by_services(old) == _seen_by_services(new):
            return
        same = old and new and old.labels == new.labels
        for pod in (new,) if same else (old, new):
            for service in self._world.state.services_of(pod) if pod else ():
                self._queue.add(service.ref)

    def _sync(self, ref: Ref) -> None:
        service = self._world.get(Service, ref)
        if service is None or not service.selector:
            return
        ready, terminating = set(), set()
        for pod in self._world.state.pods_behind(service):
            if not pod.ip or pod.finished:
                continue
            if service.publish_not_ready or (pod.ready and pod.deleting is None):
                ready.add(pod.uid)
            if pod.deleting is not None:
                terminating.add(pod.uid)
        slices = list(self._world.state.slices(service))
        for surplus in slices[1:]:
            self._world.remove(surplus.ref)
        current = slices[0] if slices else self._new_slice(service)
        self._world.put(msgspec.structs.replace(current, ready=frozenset(ready), terminating=frozenset(terminating)))

    def _new_slice(self, service: Service) -> EndpointSlice:
        name = self._world.new_name("endpointslice", service.namespace, service.name)
        return EndpointSlice(uid=self._world.new_uid(), namespace=service.namespace, name=name, service=service.name)


def _seen_by_services(pod: Pod) -> tuple[object, ...]:
    return (pod.labels, pod.ready, pod.deleting is None, pod.ip, pod.finished)
