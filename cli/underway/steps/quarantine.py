"""The verb `quarantine`: a bad replica is taken out of traffic without being stopped, and its place is filled at once.

It loses the label by which its controller holds it and those by which Services select it, in one write; so it runs on,
for a look at it, and the controller makes another. What a Service or a budget needs now serves until the other does.
At a good end the pod keeps the note of who put it there, when, why and until when; it is then a person's, and
`underway restore` removes it when its time is over. Otherwise it gets its labels back (quarantine_undo).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from underway.cluster import traffic
from underway.cluster.actions import Need, PatchPod
from underway.cluster.model import Pod, Ref
from underway.cluster.state import MARK, ClusterState
from underway.cluster.ties import original_labels
from underway.errors import Blocker
from underway.playbook.models import QuarantineStep
from underway.steps import marks
from underway.steps.departure import recount_budgets
from underway.steps.diagnosis import fault, patience
from underway.steps.handoff import has_recounted, left_budgets, needed_by, spend
from underway.steps.progress import PodJudged, StepEnd, Turn
from underway.steps.quarantine_blockers import blockers
from underway.steps.rollout_deployment import usual_warm_up
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration

OUT = "quarantined"
"""The stage of a pod that is out of traffic, and REPLACED of one that serves until its place is filled."""
REPLACED = "replaced"
SINCE = "underway.dev/quarantined-at"
WHY = "underway.dev/why"
"""The name of the step."""
KEEP_UNTIL = "underway.dev/keep-until"
_A_PERSON = "a person deletes it"
_LIMIT = timedelta(minutes=10)


@dataclass(frozen=True)
class Place:
    """`needed`: how many of its own pods a controller has to have Ready at the end; `usual`: what they take for it."""

    needed: int
    known: frozenset[str]
    usual: timedelta | None


@dataclass
class QuarantineWork:
    """`pods` by UID; `places` by their controllers' UIDs; `judged`: what has been told of."""

    name: str
    since: datetime
    pods: tuple[str, ...]
    places: Mapping[str, Place]
    judged: set[str] = field(default_factory=set)


def chosen(step: QuarantineStep, state: ClusterState) -> list[Pod]:
    """The pods that the step is about: the one it names, or all that its selector finds running in any namespace,
    without those that are in quarantine already.
    """
    if step.pod is not None:
        namespace, _, name = step.pod.partition("/")
        found = state.pods.get(Ref("pod", namespace, name))
        return [found] if found is not None else []
    every = (pod for name in state.namespaces() for pod in state.pods_in(name))
    return sorted((pod for pod in every if _is_selected(pod, step)), key=lambda pod: pod.ref)


def _is_selected(pod: Pod, step: QuarantineStep) -> bool:
    return (
        step.select is not None
        and step.select.matches(pod.labels)
        and pod.phase == "Running"
        and pod.deleting is None
        and not pod.mirror
        and marks.quarantined_by(pod) is None
    )


def _begin(step: QuarantineStep, beginning: Beginning, state: ClusterState) -> QuarantineWork:
    pods = chosen(step, state)
    uids = frozenset(pod.uid for pod in pods)
    controllers = {pod.owner.uid for pod in pods if pod.owner is not None and state.controller_of(pod) is not None}
    places = {}
    for uid in controllers:
        own = [pod for pod in state.pods_of(uid) if pod.deleting is None]
        # another one that is not Ready either is not this step's to wait for
        needed = sum(pod.ready or pod.uid in uids for pod in own)
        places[uid] = Place(needed, frozenset(pod.uid for pod in own), usual_warm_up(own))
    return QuarantineWork(beginning.name, beginning.now, tuple(pod.uid for pod in pods), places)


def _proceed(step: QuarantineStep, work: QuarantineWork, turn: Turn) -> StepEnd | None:
    pods = [pod for uid in work.pods if (pod := turn.state.pod(uid)) is not None]
    done = True
    for pod in pods:
        if not _is_out(pod, turn):
            _take_out(pod, step, work, turn)
            done = False
    recount_budgets(turn)
    for uid, place in work.places.items():
        late = _late(uid, place, turn)
        if isinstance(late, StepEnd):
            return late
        done = done and not late
    if done:
        names = ", ".join(str(pod.ref) for pod in pods)
        return StepEnd("done", f"{names} out of traffic and running" if names else "no such pod is left")
    if turn.paused:
        work.since = turn.now
    end = work.since + _LIMIT
    turn.look_again(end)
    if turn.now < end:
        return None
    reasons = "; ".join(f"{wait.object}: {wait.reason}" for wait in turn.waits[:3])
    return StepEnd("timedOut", f"not done within {format_duration(_LIMIT)}: {reasons}")


def _is_out(pod: Pod, turn: Turn) -> bool:
    """Whether it is out of traffic, and every budget knows that it has left."""
    if marks.stage(pod) != OUT:
        return False
    if traffic.in_traffic(pod, turn.state):
        turn.wait(pod.ref, "still in an EndpointSlice")
        return False
    for budget in left_budgets(pod, turn.state):
        if not has_recounted(budget, pod):
            turn.wait(budget.ref, "has not been recounted yet")
            return False
    return True


def _take_out(pod: Pod, step: QuarantineStep, work: QuarantineWork, turn: Turn) -> None:
    """Make the pod's next move, if there is one for it."""
    stage = marks.stage(pod)
    if stage == OUT or (turn.paused and not stage):
        return
    if pod.deleting is not None:
        turn.wait(pod.ref, "terminating")
        return
    key = detach_key(pod, turn.state)
    if pod.uid not in work.judged:
        work.judged.add(pod.uid)
        filled = "its controller makes another" if key is not None else "it has no controller, nothing takes its place"
        # `wait`: it stays on its node for as long as a person wants it
        turn.note(PodJudged(pod, "wait", f"quarantine: out of traffic, kept running; {filled}; {_kept(step)}"))
    reason = needed_by(pod, turn.state, turn.ledger) if pod.ready else None
    if reason is not None:
        turn.wait(pod.ref, f"serves until its place is filled: {reason}")
        if key is not None and not stage:
            turn.act(_patch(pod, (key,), REPLACED, step, work, turn))
        return
    keys = spend(pod, turn.state, turn.ledger)
    turn.act(_patch(pod, (key, *keys) if key is not None else keys, OUT, step, work, turn))


def detach_key(pod: Pod, state: ClusterState) -> str | None:
    """The label by which its controller holds it; None if it has none, or has been released already."""
    controller = state.controller_of(pod)
    return traffic.detach_key(pod, controller, state) if controller is not None else None


def _late(uid: str, place: Place, turn: Turn) -> bool | StepEnd:
    """Whether a controller still has too few pods Ready, or why it will never have enough."""
    found = turn.state.workload(uid)
    if found is None:
        return False
    # counted here: what the controller reports may be from before it has noticed
    own = [pod for pod in turn.state.pods_of(uid) if pod.deleting is None and not marks.stage(pod)]
    needed = place.needed if found.kind == "daemonset" else min(place.needed, found.replicas)
    ready = sum(pod.ready for pod in own)
    if ready >= needed:
        return False
    waiting = ""
    for pod in own:
        if pod.ready or pod.uid in place.known:
            continue
        reason = fault(pod, turn.now, place.usual)
        if reason is not None:
            return StepEnd("failed", f"{pod.ref}, which was to take the place, will not do: {reason}", pod.ref)
        waiting = f": {pod.name} {pod.waiting or 'is not Ready'}"
        if pod.started is not None:
            turn.look_again(pod.started + patience(place.usual))
    turn.wait(found.ref, f"the place is not filled yet, {ready} of {needed} Ready{waiting}")
    return True


def _patch(
    pod: Pod, keys: tuple[str, ...], stage: str, step: QuarantineStep, work: QuarantineWork, turn: Turn
) -> PatchPod:
    kept = original_labels(pod) | {key: pod.labels[key] for key in keys if key in pod.labels}
    said = "out of traffic, kept running" if stage == OUT else "let its controller fill its place, still serving"
    # what is not to be kept at all has been kept for long enough as soon as it is out
    time = step.keep if isinstance(step.keep, timedelta) else timedelta()
    until = _A_PERSON if step.keep is True else (turn.now + time).isoformat()
    # the owner is gone from the pod as soon as it has been released
    owner = pod.owner.uid if pod.owner is not None else pod.annotations.get(marks.OWNER, "")
    return PatchPod(
        pod.ref,
        pod.uid,
        says=f"quarantine: {said} (label {', '.join(keys)})" if keys else f"quarantine: {said}",
        labels={**dict.fromkeys(keys), MARK: turn.run, marks.QUARANTINED: turn.run},
        annotations={
            marks.STAGE: stage,
            marks.LABELS: json.dumps(kept),
            marks.OWNER: owner,
            marks.WITHDRAW: ",".join(traffic.withdraw_keys(pod, turn.state)),
            marks.WITHDRAWN_AT: turn.now.isoformat(),
            SINCE: turn.now.isoformat(),
            KEEP_UNTIL: until,
            WHY: work.name,
        },
        resource_version=pod.resource_version,
    )


def _kept(step: QuarantineStep) -> str:
    """How long, before it is known when it leaves traffic."""
    if step.keep is True:
        return f"kept until {_A_PERSON}"
    time = f"for {format_duration(step.keep)}, then" if isinstance(step.keep, timedelta) else "until the next"
    return f"kept {time} underway restore evicts it"


def stays(pod: Pod) -> str:
    """How it is left to a person: until when, and what removes it then. No run waits for that."""
    end = _end(pod)
    if end is None:
        return f"in quarantine until {_A_PERSON}"
    by = marks.quarantined_by(pod)
    return f"in quarantine until {end:%Y-%m-%dT%H:%M:%SZ} (then underway restore {by} evicts it)"


def is_left(pod: Pod) -> bool:
    """Whether a run has left it in quarantine at its good end."""
    return marks.quarantined_by(pod) is not None and MARK not in pod.labels and pod.deleting is None


def is_expired(pod: Pod, now: datetime) -> bool:
    """Whether a pod that a run has left in quarantine has been kept for as long as it was to be."""
    end = _end(pod)
    return is_left(pod) and end is not None and now >= end


def _end(pod: Pod) -> datetime | None:
    try:
        return datetime.fromisoformat(pod.annotations.get(KEEP_UNTIL, ""))
    except ValueError:
        return None


def told(pod: Pod) -> str:
    """What its marks say: since when, why, and until when."""
    since, until, why = (pod.annotations.get(key, "") for key in (SINCE, KEEP_UNTIL, WHY))
    return f"in quarantine since {since} ({why}), kept until {until}"


def _blockers(step: QuarantineStep, scene: Scene) -> Iterator[Blocker]:
    yield from blockers(step, chosen(step, scene.state), scene)


def _needs(step: QuarantineStep, _: str) -> Iterable[Need]:
    """Undo hands the pod off that has taken its place."""
    namespace = step.pod.partition("/")[0] if step.pod is not None else ""
    return [
        Need("patch", "", "pods", namespace),
        Need("create", "", "pods/eviction", namespace),
        Need("patch", "policy", "poddisruptionbudgets", namespace),
    ]


QUARANTINE: Verb[QuarantineStep, QuarantineWork] = Verb(_begin, _proceed, _blockers, _needs)
