"""Indexes over a cluster's objects, kept current one by one. Dicts of dicts, so that everything keeps its order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, ValuesView
from typing import Generic, TypeVar

from underway.cluster.model import Budget, Pod, Ref, Service

_K = TypeVar("_K")
_S = TypeVar("_S", Budget, Service)
_T = TypeVar("_T")
Pair = tuple[str, str]
"""A label's key and value."""


def values(found: dict[Ref, _T] | None) -> ValuesView[_T]:
    empty: dict[Ref, _T] = {}
    return (empty if found is None else found).values()


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


class Selecting(Generic[_S]):
    """Objects that select pods, by namespace, and each under one label that it demands: so those that may select a pod
    are found by the pod's labels, whatever else is in its namespace.
    """

    def __init__(self, demands: Callable[[_S], Iterable[Pair]]) -> None:
        """`demands`: the labels without which an object selects nothing."""
        self._demands: Callable[[_S], Iterable[Pair]] = demands
        self._by_namespace: dict[str, dict[Ref, _S]] = {}
        self._by_label: dict[tuple[str, Pair | None], dict[Ref, _S]] = {}

    def copy(self) -> Selecting[_S]:
        new = Selecting(self._demands)
        new._by_namespace, new._by_label = copied(self._by_namespace), copied(self._by_label)
        return new

    def put(self, ref: Ref, new: _S) -> None:
        old = self._by_namespace.get(ref.namespace, {}).get(ref)
        if old is not None and self._label(old) != self._label(new):
            take(self._by_label, (ref.namespace, self._label(old)), ref)
        self._by_namespace.setdefault(ref.namespace, {})[ref] = new
        self._by_label.setdefault((ref.namespace, self._label(new)), {})[ref] = new

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

    def candidates(self, namespace: str, labels: Mapping[str, str]) -> Iterator[_S]:
        """Those that may select a pod with these labels; no other does."""
        by_label = self._by_label
        if found := by_label.get((namespace, None)):
            yield from found.values()
        for pair in labels.items():
            if found := by_label.get((namespace, pair)):
                yield from found.values()

    def _label(self, found: _S) -> Pair | None:
        return next(iter(self._demands(found)), None)


class Pods:
    """Pods by reference, UID, node, controller, namespace and label."""

    def __init__(self) -> None:
        self.by_ref: dict[Ref, Pod] = {}
        self.by_uid: dict[str, Pod] = {}
        self.by_node: dict[str, dict[Ref, Pod]] = {}
        self.by_owner: dict[str, dict[Ref, Pod]] = {}
        self.by_namespace: dict[str, dict[Ref, Pod]] = {}
        self._labels: dict[str, dict[str, dict[str, dict[Ref, Pod]]]] = {}
        """Namespace, key, value; only for the keys that were asked for."""

    def copy(self) -> Pods:
        new = Pods()
        new.by_ref, new.by_uid = dict(self.by_ref), dict(self.by_uid)
        new.by_node, new.by_owner = copied(self.by_node), copied(self.by_owner)
        new.by_namespace = copied(self.by_namespace)
        return new

    def put(self, pod: Pod, ref: Ref) -> None:
        self.drop(ref)
        self.by_ref[ref] = self.by_uid[pod.uid] = pod
        self.by_namespace.setdefault(pod.namespace, {})[ref] = pod
        self.by_node.setdefault(pod.node, {})[ref] = pod
        if pod.owner:
            self.by_owner.setdefault(pod.owner.uid, {})[ref] = pod
        for key, found in self._labels.get(pod.namespace, {}).items():
            if key in pod.labels:
                found.setdefault(pod.labels[key], {})[ref] = pod

    def drop(self, ref: Ref) -> None:
        old = self.by_ref.pop(ref, None)
        if old is None:
            return
        self.by_uid.pop(old.uid, None)
        take(self.by_namespace, old.namespace, ref)
        take(self.by_node, old.node, ref)
        if old.owner:
            take(self.by_owner, old.owner.uid, ref)
        for key, found in self._labels.get(old.namespace, {}).items():
            if key in old.labels:
                take(found, old.labels[key], ref)

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
