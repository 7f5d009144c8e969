"""The state of a cluster with the indexes that decisions need, kept current object by object.

Readers get views that cost nothing to take; only an adapter calls `put` and `drop`. An index is a dict of dicts, so
that everything keeps the order in which it arrived and a simulation is the same every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, ValuesView
from typing import TypeVar

from underway.cluster.model import (
    Budget,
    Claim,
    EndpointSlice,
    Lease,
    NetworkPolicy,
    Node,
    Object,
    Pod,
    Ref,
    Service,
    Volume,
    Workload,
)

MARK = "underway.dev/run"
"""The label of pods and Jobs, and the annotation of everything else, that a run has changed: the run's id."""

_K = TypeVar("_K")
_T = TypeVar("_T")


class ClusterState:
    """All objects by kind, and pods by node, controller and namespace."""

    def __init__(self, objects: Iterable[Object] = ()) -> None:
        self._nodes: dict[str, Node] = {}
        self._pods: dict[Ref, Pod] = {}
        self._pods_by_uid: dict[str, Pod] = {}
        self._pods_by_node: dict[str, dict[Ref, Pod]] = {}
        self._pods_by_owner: dict[str, dict[Ref, Pod]] = {}
        self._pods_by_namespace: dict[str, dict[Ref, Pod]] = {}
        self._marked_pods: dict[Ref, Pod] = {}
        self._workloads: dict[Ref, Workload] = {}
        self._workloads_by_namespace: dict[str, dict[Ref, Workload]] = {}
        self._workloads_by_uid: dict[str, Workload] = {}
        self._marked_workloads: dict[Ref, Workload] = {}
        self._workloads_by_owner: dict[str, dict[Ref, Workload]] = {}
        self._budgets: dict[str, dict[Ref, Budget]] = {}
        self._services: dict[str, dict[Ref, Service]] = {}
        self._slices: dict[Ref, dict[Ref, EndpointSlice]] = {}
        self._services_by_slice: dict[Ref, Ref] = {}
        self._policies: dict[Ref, NetworkPolicy] = {}
        self._claims: dict[Ref, Claim] = {}
        self._volumes: dict[str, Volume] = {}
        self._leases: dict[Ref, Lease] = {}
        for found in objects:
            self.put(found)

    # -- what a decision reads ---------------------------------------------------------------------------------

    @property
    def nodes(self) -> Mapping[str, Node]:
        return self._nodes

    @property
    def pods(self) -> Mapping[Ref, Pod]:
        return self._pods

    @property
    def workloads(self) -> Mapping[Ref, Workload]:
        return self._workloads

    @property
    def volumes(self) -> Mapping[str, Volume]:
        return self._volumes

    @property
    def leases(self) -> Mapping[Ref, Lease]:
        return self._leases

    @property
    def policies(self) -> ValuesView[NetworkPolicy]:
        return self._policies.values()

    def pod(self, uid: str) -> Pod | None:
        return self._pods_by_uid.get(uid)

    def pods_on(self, node: str) -> ValuesView[Pod]:
        """An empty name: those that have no node yet."""
        """The pods bound to a node, finished and terminating ones too."""
        return _values(self._pods_by_node.get(node))

    def pods_of(self, owner_uid: str) -> ValuesView[Pod]:
        return _values(self._pods_by_owner.get(owner_uid))

    def pods_in(self, namespace: str) -> ValuesView[Pod]:
        return _values(self._pods_by_namespace.get(namespace))

    def marked_pods(self) -> ValuesView[Pod]:
        """The pods that carry the label `underway.dev/run`."""
        return self._marked_pods.values()

    def marked_workloads(self) -> ValuesView[Workload]:
        """The workloads that carry the label `underway.dev/run`: the Jobs that runs have made."""
        return self._marked_workloads.values()

    def controller_of(self, found: Pod | Workload) -> Workload | None:
        """The controller, if it is of a kind that is watched and it still exists."""
        return self._workloads_by_uid.get(found.owner.uid) if found.owner else None

    def workload(self, uid: str) -> Workload | None:
        return self._workloads_by_uid.get(uid)

    def workloads_in(self, namespace: str) -> ValuesView[Workload]:
        return _values(self._workloads_by_namespace.get(namespace))

    def workloads_of(self, owner_uid: str) -> ValuesView[Workload]:
        return _values(self._workloads_by_owner.get(owner_uid))

    def budgets(self) -> Iterator[Budget]:
        for found in self._budgets.values():
            yield from found.values()

    def budgets_in(self, namespace: str) -> ValuesView[Budget]:
        return _values(self._budgets.get(namespace))

    def budgets_of(self, pod: Pod) -> tuple[Budget, ...]:
        """The PodDisruptionBudgets that select a pod by its present labels."""
        found = self._budgets.get(pod.namespace, {}).values()
        return tuple(budget for budget in found if budget.selector is not None and budget.selector.matches(pod.labels))

    def services(self) -> Iterator[Service]:
        for found in self._services.values():
            yield from found.values()

    def services_in(self, namespace: str) -> ValuesView[Service]:
        return _values(self._services.get(namespace))

    def service(self, namespace: str, name: str) -> Service | None:
        return self._services.get(namespace, {}).get(Ref("service", namespace, name))

    def services_of(self, pod: Pod) -> tuple[Service, ...]:
        """The Services that select a pod by its present labels."""
        return tuple(
            service
            for service in self._services.get(pod.namespace, {}).values()
            if service.selector and service.selector.items() <= pod.labels.items()
        )

    def slices(self, service: Service) -> ValuesView[EndpointSlice]:
        return _values(self._slices.get(service.ref))

    def claim(self, namespace: str, name: str) -> Claim | None:
        return self._claims.get(Ref("persistentvolumeclaim", namespace, name))

    def objects(self) -> Iterator[Object]:
        """Everything, kind by kind."""
        yield from self._nodes.values()
        yield from self._workloads.values()
        yield from self._pods.values()
        yield from self.budgets()
        yield from self.services()
        for found in self._slices.values():
            yield from found.values()
        yield from self._policies.values()
        yield from self._claims.values()
        yield from self._volumes.values()
        yield from self._leases.values()

    # -- what an adapter writes --------------------------------------------------------------------------------

    def put(self, new: Object) -> None:  # noqa: C901 - one flat case for each kind
        """Add an object, or replace the one of the same name."""
        match new:
            case Pod():
                self._forget_pod(new.ref)
                self._remember_pod(new)
            case Node():
                self._nodes[new.name] = new
            case Workload():
                self._forget_workload(new.ref)
                self._workloads[new.ref] = self._workloads_by_uid[new.uid] = new
                self._workloads_by_namespace.setdefault(new.namespace, {})[new.ref] = new
                if MARK in new.labels:
                    self._marked_workloads[new.ref] = new
                if new.owner:
                    self._workloads_by_owner.setdefault(new.owner.uid, {})[new.ref] = new
            case Budget():
                self._budgets.setdefault(new.namespace, {})[new.ref] = new
            case Service():
                self._services.setdefault(new.namespace, {})[new.ref] = new
            case EndpointSlice():
                self._forget_slice(new.ref)
                service = Ref("service", new.namespace, new.service)
                self._slices.setdefault(service, {})[new.ref] = new
                self._services_by_slice[new.ref] = service
            case NetworkPolicy():
                self._policies[new.ref] = new
            case Claim():
                self._claims[new.ref] = new
            case Volume():
                self._volumes[new.name] = new
            case Lease():
                self._leases[new.ref] = new

    def drop(self, ref: Ref) -> None:
        """Take an object away; one that is not there is no error."""
        match ref.kind:
            case "pod":
                self._forget_pod(ref)
            case "node":
                self._nodes.pop(ref.name, None)
            case "poddisruptionbudget":
                self._budgets.get(ref.namespace, {}).pop(ref, None)
            case "service":
                self._services.get(ref.namespace, {}).pop(ref, None)
            case "endpointslice":
                self._forget_slice(ref)
            case "networkpolicy":
                self._policies.pop(ref, None)
            case "persistentvolumeclaim":
                self._claims.pop(ref, None)
            case "persistentvolume":
                self._volumes.pop(ref.name, None)
            case "lease":
                self._leases.pop(ref, None)
            case _:
                self._forget_workload(ref)

    def _remember_pod(self, pod: Pod) -> None:
        ref = pod.ref
        self._pods[ref] = self._pods_by_uid[pod.uid] = pod
        self._pods_by_namespace.setdefault(pod.namespace, {})[ref] = pod
        self._pods_by_node.setdefault(pod.node, {})[ref] = pod
        if pod.owner:
            self._pods_by_owner.setdefault(pod.owner.uid, {})[ref] = pod
        if MARK in pod.labels:
            self._marked_pods[ref] = pod

    def _forget_pod(self, ref: Ref) -> None:
        old = self._pods.pop(ref, None)
        if old is None:
            return
        self._pods_by_uid.pop(old.uid, None)
        self._marked_pods.pop(ref, None)
        _take(self._pods_by_namespace, old.namespace, ref)
        _take(self._pods_by_node, old.node, ref)
        if old.owner:
            _take(self._pods_by_owner, old.owner.uid, ref)

    def _forget_workload(self, ref: Ref) -> None:
        old = self._workloads.pop(ref, None)
        if old is None:
            return
        self._workloads_by_uid.pop(old.uid, None)
        self._marked_workloads.pop(ref, None)
        _take(self._workloads_by_namespace, old.namespace, ref)
        if old.owner:
            _take(self._workloads_by_owner, old.owner.uid, ref)

    def _forget_slice(self, ref: Ref) -> None:
        service = self._services_by_slice.pop(ref, None)
        if service is not None:
            _take(self._slices, service, ref)


def _values(found: dict[Ref, _T] | None) -> ValuesView[_T]:
    empty: dict[Ref, _T] = {}
    return (empty if found is None else found).values()


def _take(index: dict[_K, dict[Ref, _T]], key: _K, ref: Ref) -> None:
    members = index.get(key)
    if members is None or ref not in members:
        return
    del members[ref]
    if not members:
        del index[key]
