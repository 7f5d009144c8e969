"""Whoever is asked to approve a step: agrees at once, which is assumed."""

from __future__ import annotations

from functools import partial

import msgspec

from underway.cluster.model import Lease, Ref
from underway.cluster.notes import APPROVED, AWAITING
from underway.simulated.world import World


class Approvals:
    def __init__(self, world: World) -> None:
        self._world = world
        world.watch(Lease, self._lease_changed)

    def _lease_changed(self, _: Lease | None, new: Lease | None) -> None:
        if new is not None and new.annotations.get(AWAITING, "") not in ("", _number(new)):
            self._world.assume(f"step {new.annotations[AWAITING]}: is approved as soon as it asks")
            self._world.after(self._world.settings.api_latency, partial(self._approve, new.ref))

    def _approve(self, ref: Ref) -> None:
        lease = self._world.get(Lease, ref)
        if lease is not None:
            said = {**lease.annotations, APPROVED: f"{lease.annotations.get(AWAITING, '')} by the simulation"}
            self._world.put(msgspec.structs.replace(lease, annotations=said))


def _number(lease: Lease) -> str:
    return lease.annotations.get(APPROVED, "").partition(" ")[0]
