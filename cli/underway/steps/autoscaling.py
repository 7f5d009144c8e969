"""A workload whose replicas a HorizontalPodAutoscaler decides is scaled by its bounds, its floor above all."""

from __future__ import annotations

from underway.cluster.actions import PatchAutoscaler
from underway.cluster.model import Ref, Workload
from underway.cluster.objects import Autoscaler
from underway.playbook.models import ScaleStep
from underway.steps import scale_marks
from underway.steps.progress import Turn


def bounds_for(found: Autoscaler, count: int, replicas: int) -> tuple[int, int]:
    """The least change of its bounds (at least, at most) with which it lets a workload have `count` replicas instead of
    `replicas`, and does not take them away. At 0 it does nothing, so its bounds stay.
    """
    if count == 0:
        return found.min_replicas, found.max_replicas
    floor = max(found.min_replicas, count) if count > replicas else min(found.min_replicas, count)
    return floor, max(found.max_replicas, count)


def agree(workload: Workload, count: int, step: ScaleStep, turn: Turn) -> str | None:
    """Have its autoscaler let the workload have so many. Returns None once it does (or there is none), what is waited
    for as "", or why it will not.
    """
    found = turn.state.autoscaler_of(workload.ref)
    if found is None:
        return None
    if scale_marks.scaled_by(found) == turn.run and _is_for(found, count):
        if _text(found.min_replicas, found.max_replicas) == _marked(found):
            return None
        floor, ceiling = found.min_replicas, found.max_replicas
        return f"somebody else keeps {found.ref} at {_bounds(floor, ceiling)}"
    floor, ceiling = bounds_for(found, count, workload.replicas)
    if (floor, ceiling) == (found.min_replicas, found.max_replicas):
        return None
    before, after = _text(found.min_replicas, found.max_replicas), _text(floor, ceiling)
    turn.act(
        PatchAutoscaler(
            found.ref,
            found.uid,
            found.resource_version,
            says=f"let it keep {count} replicas: {_said(found, floor, ceiling)}",
            annotations=scale_marks.marks(found, turn.run, before, f"{after}-{count}", step),
            min_replicas=floor,
            max_replicas=ceiling,
        )
    )
    return ""


def put_back(turn: Turn, *, good: bool) -> list[Ref]:
    left = []
    for found in scaled(turn):
        left.append(found.ref)
        ours = _text(found.min_replicas, found.max_replicas) == _marked(found)
        before = scale_marks.before(found, good=good).split("-")
        back = scale_marks.returns(found, good=good) and ours and all(map(str.isdecimal, before))
        floor, ceiling = map(int, before) if back else (None, None)
        lasting = scale_marks.lasts(found, _marked(found), good=good) if ours else ""
        turn.keep(found.ref, f"at {_bounds(*lasting.split('-'))}" if lasting else "")
        turn.act(
            PatchAutoscaler(
                found.ref,
                found.uid,
                found.resource_version,
                says=f"back to {_bounds(floor, ceiling)}" if back else "remove the marks",
                annotations=scale_marks.NONE,
                min_replicas=floor,
                max_replicas=ceiling,
            )
        )
    return left


def scaled(turn: Turn) -> list[Autoscaler]:
    """Those whose bounds the turn's run has changed."""
    found = scale_marks.scaled_autoscalers(turn.state)
    return [one for one in found if scale_marks.scaled_by(one) == turn.run]


def _said(found: Autoscaler, floor: int, ceiling: int) -> str:
    least = f"minReplicas from {found.min_replicas} to {floor}" if floor != found.min_replicas else ""
    most = f"maxReplicas from {found.max_replicas} to {ceiling}" if ceiling != found.max_replicas else ""
    return ", ".join(filter(None, (least, most)))


def _bounds(floor: object, ceiling: object) -> str:
    return f"minReplicas {floor}, maxReplicas {ceiling}"


def _text(floor: int, ceiling: int) -> str:
    return f"{floor}-{ceiling}"


def _marked(found: Autoscaler) -> str:
    """The bounds that the run gave it."""
    return found.annotations.get(scale_marks.SCALED_TO, "").rpartition("-")[0]


def _is_for(found: Autoscaler, count: int) -> bool:
    return found.annotations.get(scale_marks.SCALED_TO, "").rpartition("-")[2] == str(count)
