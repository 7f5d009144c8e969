"""The state of a cluster with the indexes that decisions need, kept current object by object.

Readers get views that cost nothing to take; only an adapter calls `put` and `drop`. An index is a dict of dicts, so
that everything keeps the order in which it arrived and a simulation is the same every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, ValuesView

from underway.cluster.derived import Derived
from underway.cluster.groups import Group
from underway.cluster.indexes import ByKind, Selecting, by_name, service_demands, values, workload_demands
from underway.cluster.members import Budgets, Nodes, Pods, Slices, Workloads
from underway.cluster.model import (
    Budget,
    Claim,
    EndpointSlice,
    Lease,
    NetworkPolicy,
    Node,
    Pod,
    Ref,
    Service,
    Volume,
    Workload,
)
from underway.cluster.objects import Autoscaler, Object, Quota
from underway.cluster.podspec import PodTerm
from underway.cluster.ties import Ties
from underway.units import Selector

MARK = "underway.dev/run"
"""The label of pods and Jobs, and the annotation of everything else, that a run has changed: the run's id."""
HOLD = "underway.dev/hold"
"""The annotation of a node that somebody else maintains: `waiting`, until they write `done`."""


class ClusterState:
    """All objects by kind, and pods by node, controller, namespace and what selects them."""

    def __init__(self, objects: Iterable[Object] = ()) -> None:
        self._objects: dict[Ref, Object] = {}
        self._nodes = Nodes(MARK)
        self._pods = Pods(MARK)
        self._workloads = Workloads(MARK)
        self._budgets = Budgets(MARK)
        self._services = Selecting[Service](service_demands)
        self._adopting = Selecting[Workload](workload_demands)
        self._slices = Slices()
        self.derived = Derived(Ties(self))
        self._volumes: dict[str, Volume] = {}
        self._others = ByKind()
        for found in objects:
            self.put(found)

    def copy(self) -> ClusterState:
        """Another state of the same objects."""
        new = ClusterState()
        for name, found in vars(self).items():
            if name != "derived":
                setattr(new, name, found.copy())
        return new

    # -- what a decision reads ---------------------------------------------------------------------------------

    @property
    def nodes(self) -> Mapping[str, Node]:
        return self._nodes.by_name

    @property
    def topology(self) -> int:
        """Grows when nodes or their labels become others."""
        return self._nodes.topology

    @property
    def barriers(self) -> int:
        """Grows when nodes, their labels or what they turn away become others."""
        return self._nodes.barriers

    @property
    def pods(self) -> Mapping[Ref, Pod]:
        return self._pods.by_ref

    @property
    def workloads(self) -> Mapping[Ref, Workload]:
        return self._workloads.by_ref

    @property
    def volumes(self) -> Mapping[str, Volume]:
        return self._volumes

    @property
    def leases(self) -> Mapping[Ref, Lease]:
        return self._others.of("lease")

    @property
    def autoscalers(self) -> Mapping[Ref, Autoscaler]:
        return self._others.of("horizontalpodautoscaler")

    @property
    def quotas(self) -> Mapping[Ref, Quota]:
        return self._others.of("resourcequota")

    @property
    def policies(self) -> ValuesView[NetworkPolicy]:
        return self._others.of("networkpolicy").values()

    def get(self, ref: Ref) -> Object | None:
        return self._objects.get(ref)

    def pod(self, uid: str) -> Pod | None:
        return self._pods.by_uid.get(uid)

    @property
    def pods_by_uid(self) -> Mapping[str, Pod]:
        return self._pods.by_uid

    def pods_on(self, node: str) -> ValuesView[Pod]:
        """The pods bound to a node, finished and terminating ones too. An empty name: those that have no node yet."""
        return values(self._pods.by_node.get(node))

    def pods_of(self, owner_uid: str) -> ValuesView[Pod]:
        return values(self._pods.by_owner.get(owner_uid))

    def pods_in(self, namespace: str) -> ValuesView[Pod]:
        return values(self._pods.by_namespace.get(namespace))

    def namespaces(self) -> list[str]:
        """Those that have pods."""
        return list(self._pods.by_namespace)

    def averse_to(self, pod: Pod) -> Iterator[tuple[Pod, PodTerm]]:
        """The pods whose required anti-affinity names this one, with the term that does."""
        return self._pods.averse.to(pod)

    def crew(self, owner_uid: str) -> Group:
        """As `pods_of`, to sort them. Answers may follow from the Services that select a pod and their endpoints."""
        return self._pods.crew(owner_uid)

    def selection(self, namespace: str, selector: Selector) -> Group:
        """The pods of a namespace that a selector selects by their present labels."""
        return self._pods.selection(namespace, selector)

    def pods_behind(self, service: Service) -> list[Pod]:
        """The pods that a Service selects by their present labels; one without a selector selects none."""
        wanted = service.selector.items()
        found = self._pods.having(service.namespace, wanted) if wanted else ()
        return [pod for pod in found if wanted <= pod.labels.items()]

    def marked_pods(self) -> ValuesView[Pod]:
        """The pods that carry the label `underway.dev/run`."""
        return self._pods.marked.values()

    def marked_nodes(self) -> ValuesView[Node]:
        """The nodes that carry `underway.dev/run`."""
        return self._nodes.marked.values()

    def marked_budgets(self) -> ValuesView[Budget]:
        """The budgets that carry `underway.dev/run`."""
        return self._budgets.marked.values()

    def marked_workloads(self) -> ValuesView[Workload]:
        """The workloads that carry `underway.dev/run`: Jobs that runs have made as a label, others as an annotation."""
        return self._workloads.marked.values()

    def controller_of(self, found: Pod | Workload) -> Workload | None:
        """The controller, if it is of a kind that is watched and it still exists."""
        return self._workloads.by_uid.get(found.owner.uid) if found.owner else None

    def workload(self, uid: str) -> Workload | None:
        return self._workloads.by_uid.get(uid)

    def workloads_in(self, namespace: str) -> ValuesView[Workload]:
        return values(self._workloads.by_namespace.get(namespace))

    def autoscaler_of(self, workload: Ref) -> Autoscaler | None:
        """The one that decides about its replicas."""
        return next((found for found in self.autoscalers.values() if found.target == workload), None)

    def adopting(self, namespace: str, labels: Mapping[str, str]) -> Iterator[Workload]:
        """The ReplicaSets and StatefulSets that take a pod with these labels for theirs, if nobody else does."""
        for found in self._adopting.candidates(namespace, labels):
            if found.selector is not None and found.selector.requirements and found.selector.matches(labels):
                yield found

    def workloads_of(self, owner_uid: str) -> ValuesView[Workload]:
        return values(self._workloads.by_owner.get(owner_uid))

    def budgets(self) -> Iterator[Budget]:
        return self._budgets.all()

    def budgets_in(self, namespace: str) -> ValuesView[Budget]:
        return self._budgets.within(namespace)

    def budgets_of(self, pod: Pod) -> tuple[Budget, ...]:
        """The PodDisruptionBudgets that select a pod by its present labels, by name."""
        found = [
            budget
            for budget in self._budgets.candidates(pod.namespace, pod.labels)
            if budget.selector is not None and budget.selector.matches(pod.labels)
        ]
        return by_name(found)

    def services(self) -> Iterator[Service]:
        return self._services.all()

    def services_in(self, namespace: str) -> ValuesView[Service]:
        return self._services.within(namespace)

    def service(self, namespace: str, name: str) -> Service | None:
        return self._services.get(Ref("service", namespace, name))

    def services_of(self, pod: Pod) -> tuple[Service, ...]:
        """The Services that select a pod by its present labels, by name."""
        found = [
            service
            for service in self._services.candidates(pod.namespace, pod.labels)
            if service.selector and service.selector.items() <= pod.labels.items()
        ]
        return by_name(found)

    def slices(self, service: Service) -> ValuesView[EndpointSlice]:
        return values(self._slices.by_service.get((service.namespace, service.name)))

    @property
    def endpoints(self) -> Slices:
        """The pods, by UID, that EndpointSlices list as ready for requests, and how often each has ceased to be one."""
        return self._slices

    def claim(self, namespace: str, name: str) -> Claim | None:
        return self._others.of("persistentvolumeclaim").get(Ref("persistentvolumeclaim", namespace, name))

    def objects(self) -> Iterator[Object]:
        """Everything, kind by kind."""
        yield from self.nodes.values()
        yield from self._workloads.by_ref.values()
        yield from self.autoscalers.values()
        yield from self.quotas.values()
        yield from self._pods.by_ref.values()
        yield from self.budgets()
        yield from self.services()
        for found in self._slices.by_service.values():
            yield from found.values()
        yield from self.policies
        yield from self._others.of("persistentvolumeclaim").values()
        yield from self._volumes.values()
        yield from self.leases.values()

    # -- what an adapter writes --------------------------------------------------------------------------------

    def put(self, new: Object) -> None:
        """Add an object, or replace the one of the same name."""
        ref = new.ref
        old = self._objects.get(ref)
        self._objects[ref] = new
        self.derived.take_in(ref, old, new)
        match new:
            case Pod():
                self._pods.put(new, ref)
            case Node():
                self._nodes.put(new)
            case Workload():
                self._workloads.put(new, ref)
                if new.kind in ("replicaset", "statefulset"):
                    self._adopting.put(ref, new)
            case Budget():
                self._budgets.put(ref, new)
            case Service():
                self._services.put(ref, new)
                same = isinstance(old, Service) and old.selector == new.selector
                self._pods.ask_again(() if same else self.pods_in(ref.namespace))
            case EndpointSlice():
                self._pods.ask_again(map(self.pod, self._slices.put(new, ref)))
            case Volume():
                self._volumes[new.name] = new
            case NetworkPolicy() | Claim() | Lease() | Autoscaler() | Quota():
                self._others.put(ref, new)

    def drop(self, ref: Ref) -> None:
        """Take an object away; one that is not there is no error."""
        self.derived.take_in(ref, self._objects.pop(ref, None), None)
        match ref.kind:
            case "pod":
                self._slices.left.pop(self._pods.drop(ref), None)
            case "node":
                self._nodes.drop(ref.name)
            case "poddisruptionbudget":
                self._budgets.drop(ref)
            case "service":
                self._services.drop(ref)
                self._pods.ask_again(self.pods_in(ref.namespace))
            case "endpointslice":
                self._pods.ask_again(map(self.pod, self._slices.drop(ref)))
            case "persistentvolume":
                self._volumes.pop(ref.name, None)
            case _:
                self._others.drop(ref)
                self._workloads.drop(ref)
                self._adopting.drop(ref)
