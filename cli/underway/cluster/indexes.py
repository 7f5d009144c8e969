"""Indexes over a cluster's objects, kept current one by one. Dicts of dicts, so that everything keeps its order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, ValuesView
from typing import Any, Generic, TypeVar

from underway.cluster.model import Budget, Pod, Ref, Service, Workload
from underway.cluster.podspec import PodTerm

_K = TypeVar("_K")
_S = TypeVar("_S")
_N = TypeVar("_N", Budget, Service)
_T = TypeVar("_T")
_NOTHING: Mapping[Ref, Any] = {}
Pair = tuple[str, str]
"""A label's key and value."""


def values(found: dict[Ref, _T] | None) -> ValuesView[_T]:
    return (found or {}).values()


def take(index: dict[_K, dict[Ref, _T]], key: _K, ref: Ref) -> None:
    """Take an object out of an index; it need not be there."""
    members = index.get(key)
    if members is None or ref not in members:
        return
    del members[ref]
    if not members:
        del index[key]


def copied(index: Mapping[_K, dict[Ref, _T]]) -> dict[_K, dict[Ref, _T]]:
    return {key: dict(members) for key, members in index.items()}


class ByKind:
    """Objects that are found by their kind alone; `of` gives those of one."""

    def __init__(self) -> None:
        self._found: dict[str, dict[Ref, Any]] = {}

    def copy(self) -> ByKind:
        new = ByKind()
        new._found = copied(self._found)
        return new

    def put(self, ref: Ref, new: object) -> None:
        self._found.setdefault(ref.kind, {})[ref] = new

    def drop(self, ref: Ref) -> None:
        self._found.get(ref.kind, {}).pop(ref, None)

    def of(self, kind: str) -> Mapping[Ref, Any]:
        return self._found.get(kind, _NOTHING)


class Selecting(Generic[_S]):
    """Objects that select pods, by namespace, and each under one label that it demands: so those that may select a pod
    are found by the pod's labels, whatever else is in its namespace.
    """

    def __init__(self, demands: Callable[[_S], Iterable[Pair]]) -> None:
        """`demands`: the labels without which an object selects nothing."""
        self._demands: Callable[[_S], Iterable[Pair]] = demands
        self._by_namespace: dict[str, dict[Ref, _S]] = {}
        self._by_label: dict[tuple[str, Pair | None], dict[Ref, _S]] = {}
        self._keys: dict[str, dict[str, None]] = {}
        """By namespace, the keys of these labels: few, where pods have many labels."""

    def copy(self) -> Selecting[_S]:
        new = Selecting(self._demands)
        self.copy_to(new)
        return new

    def copy_to(self, new: Selecting[_S]) -> None:
        new._by_namespace, new._by_label = copied(self._by_namespace), copied(self._by_label)
        new._keys = {namespace: dict(keys) for namespace, keys in self._keys.items()}

    def put(self, ref: Ref, new: _S) -> None:
        old = self._by_namespace.get(ref.namespace, {}).get(ref)
        if old is not None and self._label(old) != self._label(new):
            take(self._by_label, (ref.namespace, self._label(old)), ref)
        self._by_namespace.setdefault(ref.namespace, {})[ref] = new
        label = self._label(new)
        self._by_label.setdefault((ref.namespace, label), {})[ref] = new
        if label is not None:
            self._keys.setdefault(ref.namespace, {})[label[0]] = None

    def drop(self, ref: Ref) -> None:
        old = self._by_namespace.get(ref.namespace, {}).get(ref)
        if old is not None:
            take(self._by_namespace, ref.namespace, ref)
            take(self._by_label, (ref.namespace, self._label(old)), ref)

    def all(self) -> Iterator[_S]:
        for found in self._by_namespace.values():
            yield from found.values()

    def within(self, namespace: str) -> ValuesView[_S]:
        return values(self._by_namespace.get(namespace))

    def get(self, ref: Ref) -> _S | None:
        return self._by_namespace.get(ref.namespace, {}).get(ref)

    def candidates(self, namespace: str, labels: Mapping[str, str]) -> list[_S]:
        """Those that may select a pod with these labels; no other does."""
        by_label = self._by_label
        filed = by_label.get((namespace, None))
        found = list(filed.values()) if filed else []
        for key in self._keys.get(namespace, ()):
            if key in labels and (filed := by_label.get((namespace, (key, labels[key])))):
                found += filed.values()
        return found

    def _label(self, found: _S) -> Pair | None:
        return next(iter(self._demands(found)), None)


class Averse:
    """Pods with required anti-affinity, found by the labels of the pods that they keep away."""

    def __init__(self) -> None:
        self._filed: dict[tuple[str | None, Pair | None], dict[Ref, Pod]] = {}
        """By namespace, None for terms of every namespace, and by a label that a term demands."""

    def copy(self) -> Averse:
        new = Averse()
        new._filed = copied(self._filed)
        return new

    def put(self, pod: Pod, ref: Ref) -> None:
        if pod.spec.anti_affinity:
            for place in _places(pod):
                self._filed.setdefault(place, {})[ref] = pod

    def drop(self, pod: Pod, ref: Ref) -> None:
        if pod.spec.anti_affinity:
            for place in _places(pod):
                take(self._filed, place, ref)

    def to(self, pod: Pod) -> Iterator[tuple[Pod, PodTerm]]:
        if not self._filed:
            return
        found: dict[Ref, Pod] = {}
        for namespace in (pod.namespace, None):
            for pair in (None, *pod.labels.items()):
                found |= self._filed.get((namespace, pair), {})
        for other in found.values():
            for term in other.spec.anti_affinity:
                if names(other, term, pod):
                    yield other, term


def names(other: Pod, term: PodTerm, pod: Pod) -> bool:
    """Whether a term of another pod is about this one."""
    namespaces = term.namespaces or (other.namespace,) if term.namespaces is not None else None
    within = namespaces is None or pod.namespace in namespaces
    return within and term.selector is not None and term.selector.matches(pod.labels)


def _places(pod: Pod) -> Iterator[tuple[str | None, Pair | None]]:
    for term in pod.spec.anti_affinity:
        if term.selector is None:
            continue
        pair = next(iter(term.selector.demands()), None)
        for namespace in (None,) if term.namespaces is None else term.namespaces or (pod.namespace,):
            yield namespace, pair


def by_name(found: list[_N]) -> tuple[_N, ...]:
    if len(found) > 1:
        found.sort(key=lambda each: each.name)
    return tuple(found)


def budget_demands(budget: Budget) -> Iterable[Pair]:
    return budget.selector.demands() if budget.selector is not None else ()


def service_demands(service: Service) -> Iterable[Pair]:
    return service.selector.items()


def workload_demands(workload: Workload) -> Iterable[Pair]:
    return workload.selector.demands() if workload.selector is not None else ()
