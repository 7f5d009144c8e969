"""Pods, workloads and EndpointSlices by whatever decisions ask for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, ValuesView

from underway.cluster.groups import Group, Groups
from underway.cluster.indexes import Averse, Pair, Selecting, budget_demands, copied, take, values
from underway.cluster.model import Budget, EndpointSlice, Node, Pod, Ref, Workload
from underway.units import Selector


class Pods:
    """Pods by reference, UID, node, controller, namespace and label; those with a mark; those with anti-affinity."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.marked: dict[Ref, Pod] = {}
        self.averse = Averse()
        self.by_ref: dict[Ref, Pod] = {}
        self.by_uid: dict[str, Pod] = {}
        self.by_node: dict[str, dict[Ref, Pod]] = {}
        self.by_owner: dict[str, dict[Ref, Pod]] = {}
        self.by_namespace: dict[str, dict[Ref, Pod]] = {}
        self._labels: dict[str, dict[str, dict[str, dict[Ref, Pod]]]] = {}
        """Namespace, key, value; only for the keys that were asked for."""
        self._groups = Groups()

    def copy(self) -> Pods:
        new = Pods(self._mark)
        new.marked, new.averse = dict(self.marked), self.averse.copy()
        new.by_ref, new.by_uid = dict(self.by_ref), dict(self.by_uid)
        new.by_node, new.by_owner = copied(self.by_node), copied(self.by_owner)
        new.by_namespace = copied(self.by_namespace)
        return new

    def put(self, pod: Pod, ref: Ref) -> None:
        """One that takes the place of another keeps it, unless they belong in different ones."""
        old = self.by_ref.get(ref)
        if old is not None and _filed(old) != _filed(pod):
            self._unfile(old, ref)
        self.averse.put(pod, ref)
        if self._mark in pod.labels:
            self.marked[ref] = pod
        self.by_ref[ref] = self.by_uid[pod.uid] = pod
        self.by_namespace.setdefault(pod.namespace, {})[ref] = pod
        self.by_node.setdefault(pod.node, {})[ref] = pod
        if pod.owner:
            self.by_owner.setdefault(pod.owner.uid, {})[ref] = pod
        for key, found in self._labels.get(pod.namespace, {}).items():
            if key in pod.labels:
                found.setdefault(pod.labels[key], {})[ref] = pod
        self._groups.replace(old, pod)

    def drop(self, ref: Ref) -> str:
        """Returns its UID; empty if it was not there."""
        old = self.by_ref.get(ref)
        if old is None:
            return ""
        self._unfile(old, ref)
        self._groups.replace(old, None)
        return old.uid

    def _unfile(self, old: Pod, ref: Ref) -> None:
        del self.by_ref[ref]
        self.by_uid.pop(old.uid, None)
        self.averse.drop(old, ref)
        self.marked.pop(ref, None)
        take(self.by_namespace, old.namespace, ref)
        take(self.by_node, old.node, ref)
        if old.owner:
            take(self.by_owner, old.owner.uid, ref)
        for key, found in self._labels.get(old.namespace, {}).items():
            if key in old.labels:
                take(found, old.labels[key], ref)

    def crew(self, owner_uid: str) -> Group:
        """The pods of a controller."""
        return self._groups.crew(owner_uid, values(self.by_owner.get(owner_uid)))

    def selection(self, namespace: str, selector: Selector) -> Group:
        """The pods of a namespace that a selector selects."""
        found = self._groups.selection(namespace, selector)
        if found is None:
            pods = [pod for pod in self.having(namespace, selector.demands()) if selector.matches(pod.labels)]
            found = self._groups.select(namespace, selector, pods)
        return found

    def ask_again(self, pods: Iterable[Pod | None]) -> None:
        """See `Groups.ask_again`."""
        self._groups.ask_again(pods)

    def having(self, namespace: str, labels: Iterable[Pair]) -> ValuesView[Pod]:
        """The pods that have the rarest of these labels: all that have every one of them are among these."""
        fewest = values(self.by_namespace.get(namespace))
        for key, value in labels:
            found = values(self._by_value(namespace, key).get(value))
            if len(found) < len(fewest):
                fewest = found
        return fewest

    def _by_value(self, namespace: str, key: str) -> dict[str, dict[Ref, Pod]]:
        keys = self._labels.setdefault(namespace, {})
        found = keys.get(key)
        if found is None:
            found = keys[key] = {}
            for ref, pod in self.by_namespace.get(namespace, {}).items():
                if key in pod.labels:
                    found.setdefault(pod.labels[key], {})[ref] = pod
        return found


def _filed(pod: Pod) -> tuple[object, ...]:
    """What says where a pod belongs."""
    return pod.uid, pod.node, pod.owner, pod.labels, pod.spec.anti_affinity


class Workloads:
    """Workloads by reference, UID, controller and namespace; and those with a mark."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.by_ref: dict[Ref, Workload] = {}
        self.by_uid: dict[str, Workload] = {}
        self.by_owner: dict[str, dict[Ref, Workload]] = {}
        self.by_namespace: dict[str, dict[Ref, Workload]] = {}
        self.marked: dict[Ref, Workload] = {}

    def copy(self) -> Workloads:
        new = Workloads(self._mark)
        new.by_ref, new.by_uid, new.marked = dict(self.by_ref), dict(self.by_uid), dict(self.marked)
        new.by_owner, new.by_namespace = copied(self.by_owner), copied(self.by_namespace)
        return new

    def put(self, new: Workload, ref: Ref) -> None:
        old = self.by_ref.get(ref)
        if old is not None and (old.uid, old.owner, old.labels) != (new.uid, new.owner, new.labels):
            self.drop(ref)
        self.by_ref[ref] = self.by_uid[new.uid] = new
        self.by_namespace.setdefault(new.namespace, {})[ref] = new
        if self._mark in new.labels or self._mark in new.annotations:
            self.marked[ref] = new
        else:
            self.marked.pop(ref, None)
        if new.owner:
            self.by_owner.setdefault(new.owner.uid, {})[ref] = new

    def drop(self, ref: Ref) -> None:
        old = self.by_ref.pop(ref, None)
        if old is None:
            return
        self.by_uid.pop(old.uid, None)
        self.marked.pop(ref, None)
        take(self.by_namespace, old.namespace, ref)
        if old.owner:
            take(self.by_owner, old.owner.uid, ref)


class Nodes:
    """Nodes by name, and those with a mark."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.by_name: dict[str, Node] = {}
        self.marked: dict[str, Node] = {}
        self.topology = 0
        """Grows when nodes or their labels become others."""
        self.barriers = 0
        """Grows when their taints or cordons do, too."""

    def copy(self) -> Nodes:
        new = Nodes(self._mark)
        new.by_name, new.marked = dict(self.by_name), dict(self.marked)
        return new

    def put(self, new: Node) -> None:
        old = self.by_name.get(new.name)
        if old is None or old.labels != new.labels:
            self.topology += 1
            self.barriers += 1
        elif (old.taints, old.unschedulable) != (new.taints, new.unschedulable):
            self.barriers += 1
        self.by_name[new.name] = new
        if self._mark in new.annotations:
            self.marked[new.name] = new
        else:
            self.marked.pop(new.name, None)

    def drop(self, name: str) -> None:
        self.topology += 1
        self.barriers += 1
        self.by_name.pop(name, None)
        self.marked.pop(name, None)


class Budgets(Selecting[Budget]):
    """PodDisruptionBudgets by what they select, and those with a mark."""

    def __init__(self, mark: str) -> None:
        super().__init__(budget_demands)
        self._mark = mark
        self.marked: dict[Ref, Budget] = {}

    def copy(self) -> Budgets:
        new = Budgets(self._mark)
        self.copy_to(new)
        new.marked = dict(self.marked)
        return new

    def put(self, ref: Ref, new: Budget) -> None:
        super().put(ref, new)
        if self._mark in new.annotations:
            self.marked[ref] = new
        else:
            self.marked.pop(ref, None)

    def drop(self, ref: Ref) -> None:
        super().drop(ref)
        self.marked.pop(ref, None)


class Slices:
    """EndpointSlices by Service, the endpoints that are ready in any of them, and how often each has ceased to be."""

    def __init__(self) -> None:
        self._by_ref: dict[Ref, EndpointSlice] = {}
        self.by_service: dict[tuple[str, str], dict[Ref, EndpointSlice]] = {}
        """By the Service's namespace and name."""
        self.ready: Counter[str] = Counter()
        self.left: Counter[str] = Counter()

    def copy(self) -> Slices:
        new = Slices()
        new._by_ref, new.by_service = dict(self._by_ref), copied(self.by_service)
        new.ready, new.left = self.ready.copy(), self.left.copy()
        return new

    def put(self, new: EndpointSlice, ref: Ref) -> frozenset[str]:
        """Returns the endpoints that have become ready, or are so no more."""
        old = self._by_ref.get(ref)
        if old is not None and old.service != new.service:
            self.drop(ref)
            return old.ready | self.put(new, ref)
        self._by_ref[ref] = new
        self.by_service.setdefault(_service_of(new), {})[ref] = new
        before = old.ready if old is not None else frozenset[str]()
        changed = new.ready ^ before
        come = changed & new.ready
        self.ready.update(come)
        self._take(changed - come)
        return changed

    def drop(self, ref: Ref) -> frozenset[str]:
        """Returns the endpoints that are ready in it no more."""
        old = self._by_ref.pop(ref, None)
        if old is None:
            return frozenset()
        take(self.by_service, _service_of(old), ref)
        self._take(old.ready)
        return old.ready

    def _take(self, uids: Iterable[str]) -> None:
        for uid in uids:
            self.ready[uid] -= 1
            if not self.ready[uid]:
                del self.ready[uid]
                self.left[uid] += 1


def _service_of(found: EndpointSlice) -> tuple[str, str]:
    return found.namespace, found.service
