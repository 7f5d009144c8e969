"""The EndpointSlice controller: one slice for each Service with a selector."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from underway.cluster.model import EndpointSlice, Pod, Ref, Service
from underway.simulated.world import WorkQueue, World


class EndpointSlices:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.endpoints_delay)
        self._changed: dict[Ref, dict[str, None]] = {}
        """By Service, the UIDs of the pods that have changed since its slice was written."""
        self._known: set[Ref] = set()
        """The Services of which all pods have been looked at; from then on those that change are enough."""
        world.watch(Service, self._service_changed)
        world.watch(Pod, self._pod_changed, only_changes=True)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        service = new or old
        if service and not (self._world.starting and self._world.at_rest and self._world.state.slices(service)):
            self._known.discard(service.ref)
            self._queue.add(service.ref)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if _seen_by_services(old) == _seen_by_services(new):
            return
        same = old and new and old.labels == new.labels
        for pod in (new,) if same else (old, new):
            for service in self._world.state.services_of(pod) if pod else ():
                ref = service.ref
                self._changed.setdefault(ref, {}).update({one.uid: None for one in (old, new) if one})
                self._queue.add(ref)

    def _sync(self, ref: Ref) -> None:
        service = self._world.get(Service, ref)
        changed = self._changed.pop(ref, {})
        if service is None or not service.selector:
            return
        slices = list(self._world.state.slices(service))
        current = slices[0] if slices else self._new_slice(service)
        if ref not in self._known:
            self._known.add(ref)
            changed |= dict.fromkeys((*current.ready, *current.terminating))
            changed |= {pod.uid: None for pod in self._world.state.pods_behind(service)}
        for surplus in slices[1:]:
            changed |= dict.fromkeys((*surplus.ready, *surplus.terminating))
            self._world.remove(surplus.ref)
        ready, terminating = dict[str, bool](), dict[str, bool]()
        for uid in changed:
            pod = self._world.state.pod(uid)
            ready[uid], terminating[uid] = _condition(pod, service) if pod is not None else (False, False)
        self._world.put(
            msgspec.structs.replace(
                current, ready=_listed(current.ready, ready), terminating=_listed(current.terminating, terminating)
            )
        )

    def _new_slice(self, service: Service) -> EndpointSlice:
        name = self._world.new_name("endpointslice", service.namespace, service.name)
        return EndpointSlice(uid=self._world.new_uid(), namespace=service.namespace, name=name, service=service.name)


def _listed(before: frozenset[str], changed: Mapping[str, bool]) -> frozenset[str]:
    """What was listed before, with each of those that have changed, or without it. A Service may have thousands: they
    are copied only if there is something to change.
    """
    gone = [uid for uid, is_in in changed.items() if not is_in and uid in before]
    come = [uid for uid, is_in in changed.items() if is_in and uid not in before]
    kept = before.difference(gone) if gone else before
    return kept.union(come) if come else kept


def _condition(pod: Pod, service: Service) -> tuple[bool, bool]:
    """Whether a slice of the Service lists it as ready, and as terminating."""
    if not pod.ip or pod.finished or not service.selector.items() <= pod.labels.items():
        return False, False
    return service.publish_not_ready or (pod.ready and pod.deleting is None), pod.deleting is not None


def _seen_by_services(pod: Pod | None) -> tuple[object, ...] | None:
    """What makes a difference in a slice; None for a pod that is in none."""
    if pod is None or not pod.ip or pod.finished:
        return None
    return pod.labels, pod.ready, pod.deleting is None, pod.ip
