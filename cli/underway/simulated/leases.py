"""The API server's answers to what is written to Leases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from underway.cluster.actions import DeleteLease, Outcome, PatchLease, PutLease
from underway.cluster.model import Lease, Ref
from underway.simulated.world import World, merged

_DONE = Outcome("done")


class Leases:
    def __init__(self, world: World) -> None:
        self._world = world

    def carry_out(self, action: PutLease | PatchLease | DeleteLease) -> Outcome:
        match action:
            case PutLease():
                return self._put(action)
            case PatchLease():
                return self.annotate(action.object, action.annotations)
            case DeleteLease():
                return self._delete(action)

    def _put(self, action: PutLease) -> Outcome:
        old = self._world.get(Lease, action.object)
        now = self._world.now
        if old is not None and old.holder != action.holder and old.renewed is not None:
            until = old.renewed + timedelta(seconds=old.duration_seconds)
            if now < until:
                return Outcome("conflict", f"{action.object} is held by {old.holder} until {until:%H:%M:%S}")
        self._world.put(
            Lease(
                uid=old.uid if old else self._world.new_uid(),
                namespace=action.object.namespace,
                name=action.object.name,
                run=action.run,
                holder=action.holder,
                renewed=now,
                duration_seconds=action.duration_seconds,
                annotations={**(old.annotations if old else {}), **action.annotations},
            )
        )
        return _DONE

    def annotate(self, lease: Ref, annotations: Mapping[str, str | None]) -> Outcome:
        found = self._world.get(Lease, lease)
        if found is None:
            return Outcome("gone", f"{lease} not found")
        self._world.put(msgspec.structs.replace(found, annotations=merged(found.annotations, annotations)))
        return _DONE

    def _delete(self, action: DeleteLease) -> Outcome:
        if self._world.get(Lease, action.object) is None:
            return Outcome("gone", f"{action.object} not found")
        self._world.remove(action.object)
        return _DONE
