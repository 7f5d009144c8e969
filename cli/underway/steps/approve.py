"""The verb `approve`: the run waits until somebody says, from any terminal, that it may go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from underway.cluster.actions import Need, PatchLease
from underway.cluster.model import Ref
from underway.cluster.notes import APPROVED, AWAITING, lease_of
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import ApproveStep
from underway.steps.progress import StepEnd, Turn
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration


@dataclass
class ApproveWork:
    """`number`: of the step, from 1: an approval names it, so that one given twice, or too early, is harmless."""

    number: str
    began: datetime


def _begin(_: ApproveStep, beginning: Beginning, __: ClusterState) -> ApproveWork:
    return ApproveWork(str(beginning.index + 1), beginning.now)


def _proceed(step: ApproveStep, work: ApproveWork, turn: Turn) -> StepEnd | None:
    lease = turn.state.leases.get(lease_of(turn.run))
    said = lease.annotations if lease is not None else {}
    number, _, who = said.get(APPROVED, "").partition(" ")
    if number == work.number:
        return StepEnd("done", f"approved {who}" if who else "approved")
    if said.get(AWAITING) != work.number:
        turn.act(PatchLease(lease_of(turn.run), "ask for approval", {AWAITING: work.number}))
    end = work.began + step.timeout
    turn.wait(Ref("run", "", turn.run), f"needs approval until {end:%H:%M:%S}: underway approve {turn.run}")
    turn.look_again(end)
    if turn.now < end:
        return None
    limit = format_duration(step.timeout)
    if step.default == "approve":
        return StepEnd("done", f"nobody has objected within {limit}")
    return StepEnd("timedOut", f"nobody has approved it within {limit}")


def _blockers(_: ApproveStep, __: Scene) -> Iterable[Blocker]:
    return ()


def _needs(_: ApproveStep, __: str) -> Iterable[Need]:
    return ()


APPROVE: Verb[ApproveStep, ApproveWork] = Verb(_begin, _proceed, _blockers, _needs)
