"""What follows from the objects of one namespace: worked out once, and again only when any of them has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


class Derived:
    """NetworkPolicies reach over namespaces: when one of them changes, everything is worked out anew."""

    def __init__(self) -> None:
        self._known: dict[str, dict[object, Any]] = {}

    def worked_out(self, namespace: str, key: object, work_out: Callable[[], _T]) -> _T:
        """What `work_out` gives, which must follow from the namespace's objects and from NetworkPolicies alone."""
        known = self._known.setdefault(namespace, {})
        if key not in known:
            known[key] = work_out()
        found: _T = known[key]
        return found

    def recall(self, namespace: str, key: object, found: object) -> None:
        """As `worked_out`, where only what was found tells whether it follows from the namespace alone."""
        self._known.setdefault(namespace, {})[key] = found

    def recalled(self, namespace: str, key: object) -> Any:
        """What was given to `recall`, unless something has changed since; then None."""
        known = self._known.get(namespace)
        return known.get(key) if known else None

    def forget(self, namespace: str) -> None:
        self._known.pop(namespace, None)

    def forget_all(self) -> None:
        self._known.clear()
