"""The state, kept from going back in time.

What arrives has passed through caches, resumed watches and answers to one's own writes, so an older version of an
object can come after a newer one. Versions of one name are compared as the integers that they are in etcd; what is
older than what is known, or than its deletion, is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from underway.cluster.model import Pod, Ref
from underway.cluster.objects import Object
from underway.cluster.state import ClusterState

_MOST_REMEMBERED = 20_000


class Mirror:
    """`changed` is set at every change and cleared by whoever has seen it."""

    def __init__(self) -> None:
        self.state = ClusterState()
        self.changed = asyncio.Event()
        self._versions: dict[str, dict[Ref, int]] = {}
        self._gone: dict[Ref, int] = {}

    def put(self, new: Object, *, listed: bool = False) -> None:
        """`listed`: read from the server's truth just now, so that the same version counts too."""
        ref, version = new.ref, _number(new.resource_version)
        known = self._versions.setdefault(ref.kind, {})
        old = known.get(ref)
        if old is not None and (version < old or (version == old and not listed)):
            return
        if version <= self._gone.get(ref, -1):
            return
        self._gone.pop(ref, None)
        known[ref] = version
        self.state.put(new)
        self.changed.set()

    def remove(self, old: Object) -> None:
        """Its version is that of the deletion."""
        self._forget(old.ref, _number(old.resource_version))

    def replace(self, kind: str, objects: Iterable[Object], resource_version: str) -> None:
        """A whole list: what is not in it, and not newer, has been deleted meanwhile."""
        version, present = _number(resource_version), set()
        for found in objects:
            present.add(found.ref)
            self.put(found, listed=True)
        for ref in [ref for ref in self._versions.get(kind, ()) if ref not in present]:
            self._forget(ref, version)

    def deletion_began(self, ref: Ref, uid: str, now: datetime, grace_seconds: int | None) -> None:
        """The server has accepted to delete a pod; the watch will bring what it wrote."""
        pod = self.state.pods.get(ref)
        if pod is None or pod.uid != uid or pod.deleting is not None:
            return
        grace = pod.spec.grace_seconds if grace_seconds is None else grace_seconds
        self._amend(msgspec.structs.replace(pod, deleting=now + timedelta(seconds=grace)))

    def deleted(self, ref: Ref) -> None:
        """The server has accepted to delete something that goes at once."""
        self._forget(ref, self._versions.get(ref.kind, {}).get(ref, -1))

    def _amend(self, pod: Pod) -> None:
        self.state.put(pod)
        self.changed.set()

    def _forget(self, ref: Ref, version: int) -> None:
        known = self._versions.get(ref.kind, {})
        if known.get(ref, -1) > version:
            return
        while len(self._gone) >= _MOST_REMEMBERED:
            del self._gone[next(iter(self._gone))]
        self._gone.pop(ref, None)
        self._gone[ref] = version
        if known.pop(ref, None) is not None:
            self.state.drop(ref)
            self.changed.set()


def _number(resource_version: str) -> int:
    """What is no number is the newest: such a server's versions cannot be compared."""
    return int(resource_version) if resource_version.isdigit() else 2**63
