"""The verb `rollout` for Deployments: by handover, whole or in batches, or by the Deployment's own rolling update."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from underway.cluster import traffic
from underway.cluster.actions import Need, PatchWorkload
from underway.cluster.groups import is_standing
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import RolloutStep
from underway.steps import marks, rollout_marks
from underway.steps.diagnosis import fault
from underway.steps.handover import hand_over, serves_alone, serving, tidy_up
from underway.steps.handover_picture import Picture, picture
from underway.steps.progress import PodJudged, StepEnd, Turn
from underway.steps.rollout_choice import Choice, choose, replicaset_in_use
from underway.steps.rollout_gaps import in_the_way
from underway.steps.rollout_marks import STRATEGY
from underway.steps.rollout_native import proceed_natively
from underway.steps.serving import warm_ups
from underway.steps.verb import Beginning, Scene
from underway.units import format_duration

_MAKE_ROOM = timedelta(minutes=1)


@dataclass
class DeploymentWork:
    """`serves_since`: when all of this batch were first seen serving; `usual`: what the old pods took to be Ready."""

    ref: Ref
    choice: Choice
    began: datetime
    usual: timedelta | None
    serves_since: datetime | None = None
    leaves_since: datetime | None = None
    """When the old pods of this batch were first let go."""
    judged: bool = False
    unchanged: bool = False
    """The new template has turned out to be the old one."""
    first_batch: bool = False
    most: int = 0
    progressed: datetime | None = None
    """When more of the new version than ever before were first seen serving."""


def begin(step: RolloutStep, beginning: Beginning, state: ClusterState) -> DeploymentWork:
    found = _workload(step, state)
    choice = choose(step, found, state) if found else Choice("native", "")
    return DeploymentWork(_ref(step), choice, beginning.now, None)


def _ref(step: RolloutStep) -> Ref:
    return Ref("deployment", step.workload.namespace, step.workload.name)


def _workload(step: RolloutStep, state: ClusterState) -> Workload | None:
    return state.workloads.get(_ref(step))


def needs(step: RolloutStep, _: str) -> Iterable[Need]:
    where = step.workload.namespace
    yield from (Need(verb, "apps", "deployments", where) for verb in ("get", "patch"))
    yield from (Need(verb, "apps", "replicasets", where) for verb in ("create", "patch", "delete"))
    yield Need("patch", "", "pods", where)
    yield Need("create", "", "pods/eviction", where)
    yield Need("patch", "policy", "poddisruptionbudgets", where)


def blockers(step: RolloutStep, scene: Scene) -> Iterator[Blocker]:
    found = _workload(step, scene.state)
    name = str(_ref(step))
    if found is None:
        yield Blocker(name, "there is no such Deployment", "correct the name: kubectl get deployments -A lists them")
        return
    images = found.template.images if found.template else {}
    for container in sorted(step.images.keys() - images.keys()):
        yield Blocker(name, f"it has no container `{container}`", f"use one of {', '.join(sorted(images))}")
    other = marks.run_of(found)
    if other is not None and other != scene.run:
        yield Blocker(name, f"run {other} has left it changed", f"underway restore {other}")
    elif found.paused:
        yield Blocker(name, "it is paused", f"kubectl -n {found.namespace} rollout resume deployment/{found.name}")
    if not _is_there(step, found, replicaset_in_use(found, scene.state)):
        yield from in_the_way(step, found, choose(step, found, scene.state), scene.state)


def proceed(step: RolloutStep, work: DeploymentWork, turn: Turn) -> StepEnd | None:
    found = turn.state.workloads.get(work.ref)
    if found is None:
        return StepEnd("failed", f"{work.ref} is gone")
    if marks.run_of(found) != turn.run and work.unchanged:
        return StepEnd("done", "it has this version already")
    if marks.run_of(found) != turn.run and turn.paused:
        return None
    if marks.run_of(found) != turn.run:
        return _begin(step, work, found, turn)
    if found.annotations.get(marks.PHASE) == "rolled":
        return StepEnd("done", work.choice.reason)
    if found.annotations.get(STRATEGY) == "native":
        return proceed_natively(work.began, work.usual, found, turn)
    return _hand_over(step, work, found, turn)


def _begin(step: RolloutStep, work: DeploymentWork, found: Workload, turn: Turn) -> StepEnd | None:
    old = replicaset_in_use(found, turn.state)
    if _is_there(step, found, old):
        return StepEnd("done", "it has this version already")
    work.choice = choose(step, found, turn.state)
    blocker = next(in_the_way(step, found, work.choice, turn.state), None)
    if blocker is not None:
        # an earlier step's pods may still be leaving
        turn.wait(found.ref, blocker.reason)
        turn.look_again(min(work.began + _MAKE_ROOM, turn.now + timedelta(seconds=1)))
        return StepEnd("failed", blocker.reason) if turn.now >= work.began + _MAKE_ROOM else None
    handoff = work.choice.strategy == "handoff"
    pods = list(turn.state.pods_of(old.uid)) if old else []
    work.usual = usual_warm_up(pods)
    turn.enter(found.ref, "rolling", work.choice.reason)
    if not work.judged:
        work.judged = True
        for pod in pods:
            turn.note(PodJudged(pod, "handoff" if handoff else "evict", f"replaced: {work.choice.reason}"))
    turn.act(
        rollout_marks.roll(
            found,
            old if handoff else None,
            step,
            turn.run,
            strategy=work.choice.strategy,
            ready=sum(map(is_standing, pods)),
            now=work.began,
        )
    )
    return None


def _is_there(step: RolloutStep, found: Workload, old: Workload | None) -> bool:
    """Images alone can be compared beforehand."""
    images = found.template.images if found.template else {}
    same = all(images.get(name) == image for name, image in step.images.items())
    return same and not step.env and not step.restart and old is not None


def usual_warm_up(pods: Iterable[Pod]) -> timedelta | None:
    """What pods took at most from running to Ready, None if none tells."""
    return max(warm_ups(pods), default=None)


# -- by handover -------------------------------------------------------------------------------------------------


def _hand_over(step: RolloutStep, work: DeploymentWork, found: Workload, turn: Turn) -> StepEnd | None:
    seen = picture(found, turn.run, turn.state)
    if seen.at_old:
        return _is_at_old(step, work, seen, turn)
    failure = _failure(work, seen, turn)
    if failure is not None:
        return failure
    soaked = _soaked(step, work, seen, turn)
    if turn.paused:
        work.leaves_since = None
    if soaked and seen.leavers and _too_late(work, seen, turn):
        limit = format_duration(timedelta(seconds=found.progress_deadline_seconds))
        late = f"{seen.leavers[0].ref}: of the old version, still there {limit} after the new one served"
        return StepEnd("timedOut", late)
    if seen.target is None and not seen.active and not seen.ending and _first_batch(work, found, turn):
        return None
    if not hand_over(seen, turn, leave=soaked):
        if soaked and not _spare_left(seen, turn) and found.replicas < seen.wanted and not turn.paused:
            _next_batch(work, found, seen, turn)
    elif tidy_up(seen, turn):
        turn.enter(found.ref, "done")
        turn.act(rollout_marks.rolled(found))
    return None


def _is_at_old(step: RolloutStep, work: DeploymentWork, seen: Picture, turn: Turn) -> StepEnd | None:
    """The template is the old one after all: nothing was to be changed, or somebody has put it back."""
    if seen.target is not None and not seen.ending and not seen.leavers and _unchanged(step, seen.deployment):
        work.unchanged = True
        turn.act(rollout_marks.forget(seen.deployment))
        return None
    hint = "somebody else has put the previous template back (a tool that applies manifests again?)"
    return StepEnd("failed", f"{work.ref}: {hint}")


def _unchanged(step: RolloutStep, found: Workload) -> bool:
    images = found.template.images if found.template else {}
    return all(images.get(name) == image for name, image in step.images.items())


def _failure(work: DeploymentWork, seen: Picture, turn: Turn) -> StepEnd | None:
    """Why the new version will not do, found as early as it can be told."""
    if seen.target is None:
        return None
    if seen.target.failure:
        return StepEnd("failed", f"{seen.target.ref}: {seen.target.failure}")
    for pod in seen.keepers:
        reason = fault(pod, turn.now, work.usual)
        if reason is not None:
            return StepEnd("failed", f"{pod.ref}: {reason}", pod.ref)
    count = serving(seen, turn)
    if work.progressed is None or count > work.most:
        work.most, work.progressed = count, turn.now
    end = work.progressed + timedelta(seconds=seen.deployment.progress_deadline_seconds)
    if count < seen.deployment.replicas:
        turn.look_again(end)
        for pod in seen.keepers:
            if not pod.ready and pod.created is not None:
                turn.look_again(turn.now + timedelta(seconds=1))
        if turn.now >= end:
            limit = format_duration(end - work.progressed)
            late = next((pod.ref for pod in seen.keepers if not pod.ready), None)
            return StepEnd("timedOut", f"{work.ref}: {count} of {seen.wanted} serve, no more within {limit}", late)
    return None


def _batch_serves(seen: Picture, turn: Turn) -> bool:
    """Whether all pods of the new version that are asked for now serve; else what is waited for is said."""
    if seen.target is None:
        return False
    count, wanted = serving(seen, turn), seen.deployment.replicas
    if count >= wanted:
        return True
    late = next((pod for pod in seen.keepers if not traffic.serves(pod, turn.state)), None)
    waiting = f": {late.waiting}" if late is not None and late.waiting else ""
    name = f", {late.name} does not{waiting}" if late is not None else ""
    turn.wait(seen.deployment.ref, f"{count} of {wanted} new pods serve{name}")
    return False


def _soaked(step: RolloutStep, work: DeploymentWork, seen: Picture, turn: Turn) -> bool:
    """Whether all of the new version that are wanted now serve, and have done so for as long as was asked."""
    whole = _batch_serves(seen, turn)
    work.serves_since = (work.serves_since or turn.now) if whole else None
    if whole and seen.deployment.replicas >= seen.wanted:
        turn.enter(work.ref, "serving")
    if serves_alone(seen, turn):
        turn.enter(work.ref, "alone")
    if work.serves_since is None:
        return False
    end = work.serves_since + (step.soak or timedelta())
    if turn.now < end:
        turn.wait(work.ref, f"both versions serve until {end:%H:%M:%S}, gates holding")
        turn.look_again(end)
        return False
    return True


def _too_late(work: DeploymentWork, seen: Picture, turn: Turn) -> bool:
    """The old version has to go some time."""
    work.leaves_since = work.leaves_since or turn.now
    end = work.leaves_since + timedelta(seconds=seen.deployment.progress_deadline_seconds)
    turn.look_again(end)
    return turn.now >= end


def _spare_left(seen: Picture, turn: Turn) -> bool:
    """Whether pods of the old version still wait to go though enough serve, or are on their way."""
    standing = [pod for pod in seen.leavers if not marks.stage(pod)]
    going = len(standing) < len(seen.leavers)
    return going or serving(seen, turn) + len(standing) > seen.wanted


def _first_batch(work: DeploymentWork, found: Workload, turn: Turn) -> bool:
    """Ask for one batch while no ReplicaSet is in use: one that is would be scaled down to it. Only once, so that it is
    no quarrel if somebody else (an autoscaler) wants another number.
    """
    batch = work.choice.batch
    if batch is None or work.first_batch:
        return False
    if found.replicas <= batch:
        # seen to be so: a ReplicaSet that is made while it is being written would have them all
        work.first_batch = True
        return False
    says = f"the first batch: {batch} of {found.replicas}"
    turn.act(PatchWorkload(found.ref, found.uid, says=says, replicas=batch))
    return True


def _next_batch(work: DeploymentWork, found: Workload, seen: Picture, turn: Turn) -> None:
    work.progressed, work.leaves_since = turn.now, None
    more = min(seen.wanted, found.replicas + (work.choice.batch or seen.wanted))
    work.serves_since = None
    turn.act(PatchWorkload(found.ref, found.uid, says=f"the next batch: {more} of {seen.wanted}", replicas=more))
