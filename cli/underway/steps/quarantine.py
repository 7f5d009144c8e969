"""The verb `quarantine`: a bad replica is taken out of traffic without being stopped, and its place is filled at once.

It loses the label by which its controller holds it and those by which Services select it, in one write; so it runs on,
for a look at it, and the controller makes another. The last ready endpoint of a Service stays until another is ready.
At a good end the pod keeps the note of who put it there; it is then a person's. Otherwise it gets its labels back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from underway.cluster import traffic
from underway.cluster.actions import Need, PatchPod
from underway.cluster.model import Pod, Ref
from underway.cluster.state import MARK, ClusterState
from underway.errors import Blocker
from underway.playbook.models import QuarantineStep
from underway.steps import marks
from underway.steps.departure import recount_budgets
from underway.steps.handoff import needed_by, spend
from underway.steps.progress import StepEnd, Turn
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration

QUARANTINED = "underway.dev/quarantined"
"""A label: the run that took the pod out of traffic. It stays with the pod."""
KEEP = "underway.dev/keep"
"""How long a person wants it kept; told, not enforced."""
STAGE = "quarantined"
_LIMIT = timedelta(minutes=10)


@dataclass
class QuarantineWork:
    began: datetime
    pods: tuple[str, ...]
    """By UID."""
    needed: dict[str, int] = field(default_factory=dict)
    """By the controller's UID: how many of its own it has to have Ready at the end."""


def chosen(step: QuarantineStep, state: ClusterState) -> list[Pod]:
    """The pods that the step is about, by namespace and name."""
    if step.pod is not None:
        namespace, _, name = step.pod.partition("/")
        found = state.pods.get(Ref("pod", namespace, name))
        return [found] if found is not None else []
    every = (pod for name in state.namespaces() for pod in state.pods_in(name))
    matching = [pod for pod in every if step.select is not None and step.select.matches(pod.labels)]
    return sorted((pod for pod in matching if not pod.finished and not pod.mirror), key=lambda pod: pod.ref)


def _begin(step: QuarantineStep, beginning: Beginning, state: ClusterState) -> QuarantineWork:
    pods = chosen(step, state)
    controllers = {pod.owner.uid for pod in pods if pod.owner is not None}
    needed = {found.uid: found.replicas for uid in controllers if (found := state.workload(uid)) is not None}
    return QuarantineWork(beginning.now, tuple(pod.uid for pod in pods), needed)


def _proceed(step: QuarantineStep, work: QuarantineWork, turn: Turn) -> StepEnd | None:
    pods = [pod for uid in work.pods if (pod := turn.state.pod(uid)) is not None]
    waiting = False
    for pod in pods:
        if marks.stage(pod) == STAGE:
            if traffic.in_traffic(pod, turn.state):
                turn.wait(pod.ref, "still in an EndpointSlice")
                waiting = True
            continue
        waiting = True
        _take_out(pod, step, turn)
    recount_budgets(turn)
    for uid, count in work.needed.items():
        found = turn.state.workload(uid)
        if found is None or found.kind == "daemonset":
            continue
        # counted here: what the controller reports may be from before it has noticed
        ready = sum(pod.ready and pod.deleting is None and not marks.stage(pod) for pod in turn.state.pods_of(uid))
        if ready < min(count, found.replicas):
            turn.wait(found.ref, f"its place is not filled yet: {ready} of {found.replicas} Ready")
            waiting = True
    if not waiting:
        names = ", ".join(str(pod.ref) for pod in pods)
        return StepEnd("done", f"{names or 'no pod is left that'} is out of traffic")
    end = work.began + _LIMIT
    turn.look_again(end)
    if turn.now < end:
        return None
    reasons = "; ".join(f"{wait.object}: {wait.reason}" for wait in turn.waits[:3])
    return StepEnd("timedOut", f"not done within {format_duration(_LIMIT)}: {reasons}")


def _take_out(pod: Pod, step: QuarantineStep, turn: Turn) -> None:
    reason = needed_by(pod, turn.state, turn.ledger) if pod.ready else None
    key = _detach_key(pod, turn.state)
    if reason is not None and marks.stage(pod) != "detached":
        # first its replacement, by the same means as in a handoff
        turn.wait(pod.ref, f"is replaced first: {reason}")
        keys: tuple[str, ...] = (key,) if key else ()
        if keys:
            turn.act(_patch(pod, keys, "detached", step, turn))
        return
    if reason is not None:
        turn.wait(pod.ref, reason)
        return
    withdraw = spend(pod, turn.state, turn.ledger)
    keys = tuple(dict.fromkeys((*((key,) if key else ()), *withdraw)))
    turn.act(_patch(pod, keys, STAGE, step, turn))


def _detach_key(pod: Pod, state: ClusterState) -> str | None:
    controller = state.controller_of(pod)
    return traffic.detach_key(pod, controller, state) if controller is not None else None


def _patch(pod: Pod, keys: tuple[str, ...], stage: str, step: QuarantineStep, turn: Turn) -> PatchPod:
    kept = marks.original_labels(pod) | {key: pod.labels[key] for key in keys if key in pod.labels}
    says = "quarantine: out of traffic, kept running" if stage == STAGE else "quarantine: have it replaced first"
    return PatchPod(
        pod.ref,
        pod.uid,
        says=says,
        labels={**dict.fromkeys(keys), MARK: turn.run, QUARANTINED: turn.run},
        annotations={
            marks.STAGE: stage,
            marks.LABELS: json.dumps(kept),
            marks.WITHDRAWN_AT: turn.now.isoformat(),
            KEEP: format_duration(step.keep) if isinstance(step.keep, timedelta) else "until a person deletes it",
        },
        resource_version=pod.resource_version,
    )


def _blockers(step: QuarantineStep, scene: Scene) -> Iterator[Blocker]:
    pods = chosen(step, scene.state)
    if not pods:
        name = f"pod/{step.pod}" if step.pod is not None else scene.name
        yield Blocker(name, "there is no such pod", "correct it: kubectl get pods -A --show-labels")
    for pod in pods:
        controller = scene.state.controller_of(pod)
        if pod.owner is not None and pod.owner.kind == "StatefulSet":
            yield Blocker(str(pod.ref), "its StatefulSet cannot replace it while it runs", "delete it instead")
        elif controller is not None and _detach_key(pod, scene.state) is None:
            reason = (
                f"every label that its {controller.kind} selects by is also used by a Service, budget or NetworkPolicy"
            )
            yield Blocker(str(pod.ref), reason, f"give the selector of {controller.ref} a label of its own")


def _needs(_: QuarantineStep, __: str) -> Iterable[Need]:
    return [Need("patch", "", "pods"), Need("patch", "policy", "poddisruptionbudgets")]


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - the shape of every undo
    left = []
    for pod in quarantined(turn):
        left.append(pod.ref)
        if good:
            turn.act(
                PatchPod(
                    pod.ref,
                    pod.uid,
                    says=f"leave it to a person (label {QUARANTINED})",
                    labels={MARK: None},
                    annotations={marks.STAGE: None, marks.WITHDRAWN_AT: None},
                )
            )
        else:
            undo = marks.reattach(pod)
            turn.act(
                PatchPod(
                    pod.ref,
                    pod.uid,
                    says="put back: into traffic, and to its controller",
                    labels={**undo.labels, QUARANTINED: None},
                    annotations={**undo.annotations, KEEP: None},
                )
            )
    return left


def marked(turn: Turn) -> list[Ref]:
    return [pod.ref for pod in quarantined(turn)]


def quarantined(turn: Turn) -> list[Pod]:
    """The pods that the turn's run has quarantined, or is about to."""
    return [pod for pod in turn.state.marked_pods() if pod.labels.get(QUARANTINED) == turn.run and pod.deleting is None]


def is_quarantined(pod: Pod) -> bool:
    return QUARANTINED in pod.labels


QUARANTINE: Verb[QuarantineStep, QuarantineWork] = Verb(_begin, _proceed, _blockers, _needs)
