"""What follows from the objects of one namespace: worked out once, and again only when any of them has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from underway.cluster.model import Ref
from underway.cluster.objects import Object
from underway.cluster.reports import is_report
from underway.cluster.ties import Ties

_T = TypeVar("_T")
_LONGEST_LOG = 100_000


class Derived:
    """NetworkPolicies reach over namespaces: when one of them changes, everything is worked out anew."""

    def __init__(self, ties: Ties) -> None:
        self.ties = ties
        self.reports = 0
        """How many of the changes were but reports of progress."""
        self._known: dict[str, dict[object, Any]] = {}
        self.of_nodes: dict[object, tuple[int, Any]] = {}
        """What has been worked out from all nodes, each with the state's `topology` or `barriers` at that time."""
        self._noted: dict[object, dict[str, Any]] = {}
        self._seen: dict[object, int] = {}
        """How many of the changes each of these takes in."""
        self._log: list[str] = []
        """The ties in which something has changed, one after another."""
        self._lately: tuple[tuple[int, int], frozenset[str]] = (0, 0), frozenset()
        """The UIDs of the pods that a stretch of it concerns, the one that was asked about last."""

    def worked_out(self, namespace: str, key: object, work_out: Callable[[], _T]) -> _T:
        """What `work_out` gives, which must follow from the namespace's objects and from NetworkPolicies alone."""
        known = self._known.setdefault(namespace, {})
        if key not in known:
            known[key] = work_out()
        found: _T = known[key]
        return found

    def noted(self, key: object) -> tuple[dict[str, Any], frozenset[str]]:
        """What has been noted under a key about single pods, by UID, to be kept current by the caller, who has asked
        for the `ties` of each; and the UIDs of pods with which something has changed since this was asked for last:
        what was noted about them holds no more.
        """
        notes = self._noted.setdefault(key, {})
        seen = self._seen.get(key, 0)
        self._seen[key] = len(self._log)
        if not notes or seen == len(self._log):
            return notes, frozenset()
        if self._lately[0] != (seen, len(self._log)):  # one look asks several questions about the same changes
            self._lately = (seen, len(self._log)), self.ties.having(self._log[seen:])
        return notes, self._lately[1]

    def take_in(self, ref: Ref, old: Object | None, new: Object | None) -> None:
        """Forget what has been worked out from an object that is about to be another one."""
        if ref.kind == "networkpolicy":
            self.forget_all()
        elif new is not None and is_report(old, new):
            self.reports += 1
        else:
            self._known.pop(ref.namespace, None)
            if self._noted and ref.namespace:
                self._log += self.ties.of_change(ref, old, new)
                if len(self._log) > _LONGEST_LOG:
                    self._start_anew()

    def forget_all(self) -> None:
        self._known.clear()
        self._start_anew()

    def _start_anew(self) -> None:
        self._noted.clear()
        self._seen.clear()
        self._log.clear()
        self._lately = (0, 0), frozenset()
        self.ties.forget()
