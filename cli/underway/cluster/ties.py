"""Ties: which objects' changes may change what is decided about a pod. So who waits is not asked about at every change.

A decision about a pod looks at itself, at its controller (or who may adopt it) and the other pods of that, and at the
budgets and Services that select it, or did before a run took labels from it, with the pods and endpoints of those.
Whatever else counts is a matter of its whole namespace.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from underway.cluster.model import Budget, EndpointSlice, Pod, Ref, Service, Workload
from underway.cluster.objects import Object

if TYPE_CHECKING:
    from underway.cluster.state import ClusterState

LABELS = "underway.dev/labels"
"""The annotation with the labels that a run has taken from a pod, and their values."""
OWNER = "underway.dev/owner"
"""The annotation with the UID of the controller that a pod had before it was detached."""


class Ties:
    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._known: dict[str, tuple[Pod, tuple[str, ...]]] = {}
        """By UID; until what selects pods has changed."""
        self._having: dict[str, set[str]] = {}
        """By tie, but for its own, the UIDs of pods that have it, or have had it."""

    def forget(self) -> None:
        """Nobody relies on the ties that have been asked for so far."""
        self._known.clear()
        self._having.clear()

    def of(self, pod: Pod) -> tuple[str, ...]:
        """The UIDs, and the name of the namespace, of which changes make a difference for the pod."""
        known = self._known.get(pod.uid)
        if known is not None and _is_tied_alike(known[0], pod):
            self._known[pod.uid] = pod, known[1]
            return known[1]
        found = {pod.namespace}
        controllers = pod.owner.uid if pod.owner is not None else "", pod.annotations.get(OWNER, "")
        for uid in filter(None, controllers):
            controller = self._state.workload(uid)
            found |= {uid, controller.owner.uid} if controller is not None and controller.owner else {uid}
        if pod.owner is None:
            found |= {adopting.uid for adopting in self._state.adopting(pod.namespace, pod.labels)}
        taken = original_labels(pod)
        for one in (pod, msgspec.structs.replace(pod, labels={**pod.labels, **taken})) if taken else (pod,):
            found |= {budget.uid for budget in self._state.budgets_of(one)}
            found |= {service.uid for service in self._state.services_of(one)}
        for tie in found:
            self._having.setdefault(tie, set()).add(pod.uid)
        ties = pod.uid, *found
        self._known[pod.uid] = pod, ties
        return ties

    def having(self, ties: Iterable[str]) -> frozenset[str]:
        """The UIDs of the pods that have one of these ties, of those whose ties have been asked for."""
        own = frozenset(ties)
        return own.union(*(self._having.get(tie, ()) for tie in own))

    def of_change(self, ref: Ref, old: Object | None, new: Object | None) -> Iterable[str]:
        """The ties in which something is another one with a change, which the state does not have yet."""
        match old, new:
            case ((Pod() | None), (Pod() | None)) if ref.kind == "pod":
                if any(quota.namespace == ref.namespace for quota in self._state.quotas.values()):
                    return (ref.namespace,)
                found = self._ties(pod for pod in (old, new) if isinstance(pod, Pod))
                if new is None and isinstance(old, Pod):
                    self._forget(old)
                return found
            case EndpointSlice(), EndpointSlice() if old.service == new.service:
                service = self._state.service(ref.namespace, new.service)
                listed = map(self._state.pod, old.ready ^ new.ready)
                return self._ties(filter(None, listed), service.uid if service is not None else "")
            case Budget(), Budget() if (old.uid, old.selector) == (new.uid, new.selector):
                return (new.uid,)
            case Service(), Service() if (old.uid, old.selector) == (new.uid, new.selector):
                return (new.uid,)
            case Workload(), Workload() if _is_the_same(old, new):
                return (new.uid, new.owner.uid) if new.owner is not None else (new.uid,)
        self._known.clear()
        return (ref.namespace,)

    def _ties(self, pods: Iterable[Pod], *others: str) -> set[str]:
        """Those of some pods and others, without that of a whole namespace."""
        found = set(others)
        for pod in pods:
            found.update(self.of(pod))
            found.discard(pod.namespace)
        return found

    def _forget(self, gone: Pod) -> None:
        _, found = self._known.pop(gone.uid, (gone, ()))
        for tie in found:
            self._having.get(tie, set()).discard(gone.uid)


def _is_tied_alike(one: Pod, other: Pod) -> bool:
    return one is other or (one.labels, one.annotations, one.owner) == (other.labels, other.annotations, other.owner)


def _is_the_same(old: Workload, new: Workload) -> bool:
    """Its replicas count for every budget that it makes pods for."""
    kept = old.uid, old.owner, old.selector, old.template, old.replicas
    return kept == (new.uid, new.owner, new.selector, new.template, new.replicas)


def original_labels(pod: Pod) -> dict[str, str]:
    """The labels that the run has taken from the pod."""
    return dict(_noted_labels(pod.annotations.get(LABELS, "{}")))


@lru_cache(maxsize=1024)
def _noted_labels(text: str) -> Mapping[str, str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
