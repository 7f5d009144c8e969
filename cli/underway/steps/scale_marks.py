"""The marks of a scaling, on a workload and on the autoscaler that decides about it. They have names of their own, so
that a rollout of the same workload can stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from underway.cluster.model import Workload
from underway.cluster.objects import Autoscaler
from underway.cluster.state import ClusterState
from underway.playbook.models import ScaleStep

SCALED = "underway.dev/scaled"
"""The run that has scaled it."""
SCALED_FROM = "underway.dev/scaled-from"
SCALED_TO = "underway.dev/scaled-to"
RESTORE = "underway.dev/scale-restore"
NONE: Mapping[str, None] = dict.fromkeys((SCALED, SCALED_FROM, SCALED_TO, RESTORE))


def marks(found: Workload | Autoscaler, run: str, before: str, after: str, step: ScaleStep) -> dict[str, str]:
    """Of a second scaling in the same run: what was there before the first stays noted."""
    first = found.annotations.get(SCALED_FROM, before) if scaled_by(found) == run else before
    return {SCALED: run, SCALED_FROM: first, SCALED_TO: after, RESTORE: step.restore}


def scaled_by(found: Workload | Autoscaler) -> str | None:
    return found.annotations.get(SCALED)


def returns(found: Workload | Autoscaler, *, good: bool) -> bool:
    """Whether what was there before comes back, the run having come to a good end or not."""
    lasts = found.annotations.get(RESTORE)
    return lasts == "end" or (lasts == "failure" and not good)


def scaled_workloads(state: ClusterState) -> Iterator[Workload]:
    return (found for found in state.workloads.values() if SCALED in found.annotations)


def scaled_autoscalers(state: ClusterState) -> Iterator[Autoscaler]:
    return (found for found in state.autoscalers.values() if SCALED in found.annotations)
