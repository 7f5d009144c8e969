"""How far a Deployment's own rolling update goes at once, as pkg/controller/deployment has it."""

from __future__ import annotations

from underway.cluster.model import Workload
from underway.units import Share

_QUARTER = Share(25, percent=True)


def bounds(found: Workload) -> tuple[int, int]:
    """How many may be made beyond, and lacking below, what is asked for."""
    surge = (found.max_surge or _QUARTER).of(found.replicas, round_up=True)
    unavailable = (found.max_unavailable or _QUARTER).of(found.replicas, round_up=False)
    return surge, unavailable if surge or unavailable else 1


def away_at_once(found: Workload) -> int:
    """How many of its pods an update may take away before others serve in their stead."""
    return found.replicas if found.strategy == "Recreate" else min(found.replicas, bounds(found)[1])
