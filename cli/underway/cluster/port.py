"""The port between the engine and a cluster, real (`live`) or simulated (`simulated`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from underway.cluster.actions import Action, Need, Outcome
from underway.cluster.evidence import Evidence
from underway.cluster.model import Ref
from underway.cluster.state import ClusterState


class Cluster(Protocol):
    def now(self) -> datetime:
        """The present, timezone-aware UTC; virtual in a simulation."""
        ...

    def state(self) -> ClusterState:
        """What is known now. The same object every time, kept current between two awaits; costs nothing."""
        ...

    async def changed(self, until: datetime, *, statuses: bool = True) -> None:
        """Return when something in the state has changed since this was last awaited, or at `until`. Without
        `statuses` mere reports of progress need not count (`cluster.reports`).
        """
        ...

    def stir(self) -> None:
        """Have `changed` return, now or when it is next awaited: there is something new, though not in the state."""
        ...

    def silence(self) -> timedelta:
        """How long the state may be out of date. Half a minute is usual in a real cluster where nothing happens, more
        than a minute is not; always 0 in a simulation.
        """
        ...

    async def perform(self, action: Action) -> Outcome:
        """Carry out one write. Never raises for what a server answers; the state shows an accepted patch on return."""
        ...

    async def evidence(self, pod: Ref) -> Evidence:
        """What there is to tell about a pod that will not do. Changes nothing, and never raises."""
        ...

    async def denied(self, needs: Iterable[Need]) -> tuple[Need, ...]:
        """Which of these permissions the caller does not have. Changes nothing."""
        ...
