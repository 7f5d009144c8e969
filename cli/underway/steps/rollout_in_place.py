"""What the rollouts of StatefulSets and DaemonSets share: a pod goes, and the next one comes where it was.

Their marks are on the workload alone; which of its pods are of which version is told by the pods' own labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from underway.cluster import disruption, traffic
from underway.cluster.actions import RECORD, Need, PatchWorkload, RestoreTemplate, RollTemplate
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import MARK, ClusterState
from underway.errors import Blocker
from underway.playbook.models import RolloutStep
from underway.steps import marks
from underway.steps.diagnosis import fault, patience
from underway.steps.progress import PodJudged, StepEnd, Turn
from underway.steps.rollout_gaps import never_allowed
from underway.steps.verb import Scene
from underway.units import format_duration

OLD_TEMPLATE = "underway.dev/old-template"
OLD_REVISIONS = "underway.dev/old-revisions"
PARTITION = "underway.dev/partition"
BATCH = "underway.dev/batch"
_ALL = (MARK, marks.PHASE, RECORD, OLD_TEMPLATE, OLD_REVISIONS, PARTITION, BATCH)


@dataclass
class InPlaceWork:
    """`usual`: what the old pods took to be Ready. `fresh`: how many pods of the new version were ever seen up at once,
    and since when; `moved`: how many have been replaced since the last soak. `reason`: why it is done this way.
    """

    ref: Ref
    began: datetime
    reason: str = ""
    usual: timedelta | None = None
    judged: bool = False
    asked: bool = False
    """By this process: the new template has been written, or is about to be."""
    written: bool = False
    """The template has been seen to be the new one."""
    fresh: int = 0
    progressed: datetime | None = None
    soaked: int = 0
    whole_since: datetime | None = None


# -- before ------------------------------------------------------------------------------------------------------


def ref_of(step: RolloutStep) -> Ref:
    return Ref(step.workload.kind, step.workload.namespace, step.workload.name)


def needs(step: RolloutStep, _: str) -> Iterator[Need]:
    where = step.workload.namespace
    yield from (Need(verb, "apps", f"{step.workload.kind}s", where) for verb in ("get", "patch"))
    yield Need("create", "", "pods/eviction", where)


def common_blockers(step: RolloutStep, scene: Scene) -> Iterator[Blocker]:
    """What stands in the way of either kind; the workload exists if there is none of it missing."""
    ref, found = ref_of(step), scene.state.workloads.get(ref_of(step))
    name = str(ref)
    if found is None:
        yield Blocker(name, f"there is no such {_KIND[ref.kind]}", f"correct the name: kubectl get {ref.kind}s -A")
        return
    images = found.template.images if found.template else {}
    for container in sorted(step.images.keys() - images.keys()):
        yield Blocker(name, f"it has no container `{container}`", f"use one of {', '.join(sorted(images))}")
    other = marks.run_of(found)
    if other is not None and other != scene.run:
        yield Blocker(name, f"run {other} has left it changed", f"underway restore {other}")
    if step.strategy == "handoff":
        reason = f"a {_KIND[ref.kind]} cannot be handed over: no two pods can stand in the same place"
        yield Blocker(name, reason, "use strategy auto, which replaces its pods one after another")


_KIND = {"statefulset": "StatefulSet", "daemonset": "DaemonSet"}


def budget_blockers(found: Workload, state: ClusterState) -> Iterator[Blocker]:
    """Pods that no eviction could ever be allowed for, or whose eviction the API cannot decide."""
    told: set[str] = set()
    for pod in state.pods_of(found.uid):
        budgets = state.budgets_of(pod)
        if len(budgets) > 1 and not told:
            names = " and ".join(str(budget.ref) for budget in budgets)
            yield Blocker(str(found.ref), f"two budgets select its pods ({names})", "let one budget select them")
        for budget in budgets:
            reason = never_allowed(budget, state)
            if reason and budget.uid not in told:
                yield Blocker(str(found.ref), reason, f"loosen {budget.ref}, or add a replica")
            told.add(budget.uid)


# -- what is written ---------------------------------------------------------------------------------------------


def is_there(step: RolloutStep, found: Workload) -> bool:
    """Images alone can be compared beforehand."""
    return _has_images(step, found) and not step.env and not step.restart


def _has_images(step: RolloutStep, found: Workload) -> bool:
    images = found.template.images if found.template else {}
    return all(images.get(name) == image for name, image in step.images.items())


def roll(
    found: Workload,
    step: RolloutStep,
    turn: Turn,
    *,
    notes: dict[str, str],
    partition: int | None = None,
) -> RollTemplate:
    what = [f"{name}={image}" for name, image in step.images.items()] + [f"env {name}" for name in step.env]
    if step.restart:
        what.append("restart")
    held = ", no member moves yet" if partition is not None else ""
    about: dict[str, str | None] = {MARK: turn.run, marks.PHASE: "rolling", OLD_TEMPLATE: template_hash(found), **notes}
    return RollTemplate(
        found.ref,
        found.uid,
        found.generation,
        says=f"roll out ({', '.join(what)}){held}",
        images=step.images,
        env=step.env,
        restarted_at=turn.now.isoformat(timespec="seconds") if step.restart else "",
        annotations=about,
        partition=partition,
    )


def restore(found: Workload, partition: int | None = None) -> RestoreTemplate:
    return RestoreTemplate(found.ref, found.uid, says="put back: the previous template", partition=partition)


def rolled(found: Workload, partition: int | None = None) -> PatchWorkload:
    """All pods are of the new version; the notes stay until the run has ended, so that it can still be undone."""
    says = "note that it is rolled out" + ("" if partition is None else f", partition {partition} again")
    annotations = {marks.PHASE: "rolled"}
    return PatchWorkload(found.ref, found.uid, says=says, annotations=annotations, partition=partition)


def forget(found: Workload, partition: int | None = None) -> PatchWorkload:
    says = "remove the marks" + ("" if partition is None else f", partition {partition} again")
    annotations = {key: None for key in _ALL if key in found.annotations}
    return PatchWorkload(found.ref, found.uid, says=says, annotations=annotations, partition=partition)


def template_hash(found: Workload) -> str:
    return found.template.hash if found.template else ""


def at_old(found: Workload) -> bool:
    return template_hash(found) == found.annotations.get(OLD_TEMPLATE)


def marked(turn: Turn, kind: str) -> list[Workload]:
    return [
        found
        for found in turn.state.marked_workloads()
        if found.kind == kind and marks.run_of(found) == turn.run and OLD_TEMPLATE in found.annotations
    ]


def number(found: Workload, key: str, default: int) -> int:
    text = found.annotations.get(key, "")
    return int(text) if text.isdecimal() else default


_PATIENCE = timedelta(minutes=2)


def held_up(found: Workload, blockers: Iterable[Blocker], work: InPlaceWork, turn: Turn) -> StepEnd | bool:
    """Whether anything is in the way just now, which may be what an earlier step has moved; not for long, though."""
    for blocker in blockers:
        end = work.began + _PATIENCE
        if turn.now >= end:
            return StepEnd("failed", f"{blocker.object}: {blocker.reason}")
        turn.wait(found.ref, blocker.reason)
        turn.look_again(end)
        return True
    return False


def is_seen(found: Workload, turn: Turn) -> bool:
    """Whether its controller has seen what is asked for now, so that what it reports is about that."""
    if found.observed_generation < found.generation:
        turn.wait(found.ref, "its controller has not seen the change yet")
        return False
    return True


# -- how it goes -------------------------------------------------------------------------------------------------


def judge(pods: Iterable[Pod], work: InPlaceWork, turn: Turn) -> None:
    """Tell once what will be done with each pod."""
    if not work.judged:
        work.judged = True
        for pod in pods:
            turn.note(PodJudged(pod, "evict", work.reason))


def interfered(step: RolloutStep, work: InPlaceWork, found: Workload) -> StepEnd | None:
    """The end of it if the previous template is there again, or still: then there was nothing to change."""
    if not at_old(found):
        work.written = True
        return None
    if work.asked and not work.written and _has_images(step, found):
        return StepEnd("done", "it has this version already")
    hint = "somebody else has put the previous template back (a tool that applies manifests again?)"
    return StepEnd("failed", f"{found.ref}: {hint}")


def is_up(pod: Pod, found: Workload, turn: Turn) -> bool:
    """Available: serving, and Ready for as long as minReadySeconds asks."""
    if not traffic.serves(pod, turn.state):
        return False
    if not found.min_ready_seconds or pod.ready_since is None:
        return True
    since = pod.ready_since + timedelta(seconds=found.min_ready_seconds)
    if turn.now < since:
        turn.look_again(since)
    return turn.now >= since


def failure(fresh: Sequence[Pod], wanted: int, work: InPlaceWork, found: Workload, turn: Turn) -> StepEnd | None:
    """Why the new version will not do, found as early as it can be told. `fresh`: its pods, of so many `wanted`."""
    for pod in fresh:
        reason = fault(pod, turn.now, work.usual) if pod.deleting is None else None
        if reason is not None:
            return StepEnd("failed", f"{pod.ref}: {reason}", pod.ref)
        if not pod.ready and pod.started is not None:
            turn.look_again(pod.started + patience(work.usual))
    up = sum(is_up(pod, found, turn) for pod in fresh)
    if work.progressed is None or up > work.fresh or turn.paused:
        work.fresh, work.progressed = up, turn.now
    if up >= wanted or work.whole_since is not None:
        work.progressed = turn.now
        return None
    limit = timedelta(seconds=found.progress_deadline_seconds)
    turn.look_again(work.progressed + limit)
    if turn.now >= work.progressed + limit:
        late = next((pod for pod in fresh if not pod.ready), None)
        waiting = f", {late.ref}: {late.waiting}" if late is not None and late.waiting else ""
        what = f"{up} of {wanted} pods are of the new version, no more within {format_duration(limit)}{waiting}"
        return StepEnd("timedOut", f"{found.ref}: {what}", late.ref if late else None)
    return None


def soaking(step: RolloutStep, work: InPlaceWork, up: int, batch: int, wanted: int, turn: Turn) -> bool:
    """Whether the pods that were replaced last have to prove themselves before anything goes on. `up`: how many are of
    the new version, after each `batch` of which it is waited for `soak`.
    """
    if step.soak is None or up == work.soaked or (up < wanted and up - work.soaked < batch):
        work.whole_since = None
        return False
    work.whole_since = work.whole_since or turn.now
    end = work.whole_since + step.soak
    if turn.now < end:
        turn.wait(work.ref, f"{up} of {wanted} are of the new version, until {end:%H:%M:%S}, gates holding")
        turn.look_again(end)
        return True
    work.soaked, work.whole_since = up, None
    return False


def may_go(pod: Pod, turn: Turn) -> str | None:
    """Why a pod cannot be spared by its budgets now, None if it can. Spends what it takes of them."""
    for budget in turn.state.budgets_of(pod):
        if not disruption.allows_eviction(pod, budget, turn.ledger.reserved.get(budget.uid, 0)):
            return f"{budget.ref} allows none now: {budget.current_healthy} healthy, {budget.desired_healthy} needed"
    for budget in turn.state.budgets_of(pod) if pod.ready else ():
        turn.ledger.take(turn.ledger.reserved, budget.uid)
    return None
