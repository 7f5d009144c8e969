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
"""What comes back when the run has failed, and when it has ended well unless that is noted by itself."""
SCALED_FROM_GOOD = "underway.dev/scaled-from-good"
SCALED_FIRST = "underway.dev/scaled-first"
"""What was there before the run, unless that is what comes back when it has failed."""
SCALED_TO = "underway.dev/scaled-to"
RESTORE = "underway.dev/scale-restore"
NONE: Mapping[str, None] = dict.fromkeys((SCALED, SCALED_FROM, SCALED_FROM_GOOD, SCALED_FIRST, SCALED_TO, RESTORE))


def marks(found: Workload | Autoscaler, run: str, now: str, after: str, step: ScaleStep) -> dict[str, str | None]:
    """Of a second scaling in the same run: what was there before the first stays noted, unless the first is to last."""
    first = _first(found) if scaled_by(found) == run else now
    failed, good = (_comes_back(found, now, good=good) if scaled_by(found) == run else now for good in (False, True))
    return {
        SCALED: run,
        SCALED_FROM: failed,
        SCALED_FROM_GOOD: good if good != failed else None,
        SCALED_FIRST: first if first != failed else None,
        SCALED_TO: after,
        RESTORE: step.restore,
    }


def _comes_back(found: Workload | Autoscaler, now: str, *, good: bool) -> str:
    return before(found, good=good) if returns(found, good=good) else now


def _first(found: Workload | Autoscaler) -> str:
    return found.annotations.get(SCALED_FIRST, found.annotations.get(SCALED_FROM, ""))


def before(found: Workload | Autoscaler, *, good: bool) -> str:
    """What was there before the scalings that do not last; empty if nobody has scaled it."""
    failed = found.annotations.get(SCALED_FROM, "")
    return found.annotations.get(SCALED_FROM_GOOD, failed) if good else failed


def scaled_by(found: Workload | Autoscaler) -> str | None:
    return found.annotations.get(SCALED)


def returns(found: Workload | Autoscaler, *, good: bool) -> bool:
    """Whether what was there before comes back, the run having come to a good end or not."""
    lasts = found.annotations.get(RESTORE)
    return lasts == "end" or (lasts == "failure" and not good)


def lasts(found: Workload | Autoscaler, scaled_to: str, *, good: bool) -> str:
    """What it is left with because a scaling is to last; empty if that is what it had before the run."""
    end = before(found, good=good) if returns(found, good=good) else scaled_to
    return end if end != _first(found) else ""


def scaled_workloads(state: ClusterState) -> Iterator[Workload]:
    return (found for found in state.workloads.values() if SCALED in found.annotations)


def scaled_autoscalers(state: ClusterState) -> Iterator[Autoscaler]:
    return (found for found in state.autoscalers.values() if SCALED in found.annotations)
