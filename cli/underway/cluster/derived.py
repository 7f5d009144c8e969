"""What follows from the objects of one namespace: worked out once, and again only when any of them has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from underway.cluster.model import Ref
from underway.cluster.objects import Object
from underway.cluster.reports import is_report

_T = TypeVar("_T")
_LONGEST_LOG = 100_000


class Derived:
    """NetworkPolicies reach over namespaces: when one of them changes, everything is worked out anew."""

    def __init__(self) -> None:
        self._known: dict[str, dict[object, Any]] = {}
        self.of_nodes: dict[object, tuple[int, Any]] = {}
        """What has been worked out from all nodes, each with the state's `topology` or `barriers` at that time."""
        self._noted: dict[object, dict[str, Any]] = {}
        self._seen: dict[object, int] = {}
        """How many of the changes each of these takes in."""
        self._log: list[str] = []
        """The namespaces in which something has changed, one after another."""

    def worked_out(self, namespace: str, key: object, work_out: Callable[[], _T]) -> _T:
        """What `work_out` gives, which must follow from the namespace's objects and from NetworkPolicies alone."""
        known = self._known.setdefault(namespace, {})
        if key not in known:
            known[key] = work_out()
        found: _T = known[key]
        return found

    def noted(self, key: object) -> tuple[dict[str, Any], frozenset[str]]:
        """What has been noted under a key about single objects, by UID, to be kept current by the caller; and the
        namespaces in which something has changed since it was asked for last: what was noted there holds no more.
        """
        notes = self._noted.setdefault(key, {})
        changed = frozenset(self._log[self._seen.get(key, 0) :]) if notes else frozenset[str]()
        self._seen[key] = len(self._log)
        return notes, changed

    def take_in(self, ref: Ref, old: Object | None, new: Object | None) -> None:
        """Forget what has been worked out from an object that is another one now."""
        if ref.kind == "networkpolicy":
            self.forget_all()
        elif new is None or not is_report(old, new):
            self.forget(ref.namespace)

    def forget(self, namespace: str) -> None:
        self._known.pop(namespace, None)
        self._log.append(namespace)
        if len(self._log) > _LONGEST_LOG:
            self._start_anew()

    def forget_all(self) -> None:
        self._known.clear()
        self._start_anew()

    def _start_anew(self) -> None:
        self._noted.clear()
        self._seen.clear()
        self._log.clear()
