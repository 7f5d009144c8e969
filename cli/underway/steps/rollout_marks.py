"""What a rollout writes on a Deployment, its ReplicaSets and its pods, so that the cluster alone tells how to go on and
how to undo. The template that is replaced is noted by the write itself (`cluster.actions.RECORD`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from underway.cluster.actions import RECORD, CreateReplicaSet, PatchPod, PatchWorkload, RestoreTemplate, RollTemplate
from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import MARK
from underway.playbook.models import RolloutStep
from underway.steps import marks
from underway.units import format_duration

STRATEGY = "underway.dev/strategy"
OLD_REPLICASET = "underway.dev/old-replicaset"
OLD_HASH = "underway.dev/old-hash"
OLD_TEMPLATE = "underway.dev/old-template"
OLD_ANNOTATIONS = "underway.dev/old-annotations"
NEW_HASH = "underway.dev/new-hash"
REPLICAS = "underway.dev/replicas"
READY = "underway.dev/ready"
"""How many were Ready when the rollout began."""
ROLLOUT = "underway.dev/rollout"
"""On a pod that a rollout has withdrawn: the Deployment's name."""
_CONTROLLER = "deployment.kubernetes.io/"
HASH = "pod-template-hash"

_ALL = (
    MARK,
    marks.PHASE,
    RECORD,
    STRATEGY,
    OLD_REPLICASET,
    OLD_HASH,
    OLD_TEMPLATE,
    OLD_ANNOTATIONS,
    NEW_HASH,
    REPLICAS,
    READY,
)


def roll(
    found: Workload,
    old: Workload | None,
    step: RolloutStep,
    run: str,
    *,
    strategy: str,
    ready: int,
    now: datetime,
) -> RollTemplate:
    """Begin: the new template and, for a handoff, a Deployment that is paused for as long as two versions stand.
    `old`: the ReplicaSet in use.
    """
    template = found.template.hash if found.template else ""
    about: dict[str, str | None] = {MARK: run, marks.PHASE: "rolling", STRATEGY: strategy, OLD_TEMPLATE: template}
    about[READY] = str(ready)
    if old is not None:
        about[OLD_REPLICASET] = old.name
        about[OLD_HASH] = old.labels.get(HASH, "")
        kept = {key: value for key, value in old.annotations.items() if key.startswith(_CONTROLLER)}
        about[OLD_ANNOTATIONS] = json.dumps(kept, separators=(",", ":"))
        about[NEW_HASH] = _new_hash(found, run)
        about[REPLICAS] = str(found.replicas)
    what = [f"{name}={image}" for name, image in step.images.items()] + [f"env {name}" for name in step.env]
    if step.restart:
        what.append("restart")
    return RollTemplate(
        found.ref,
        found.uid,
        found.generation,
        says=f"roll out ({', '.join(what)}), {'paused' if old is not None else 'by its own controller'}",
        images=step.images,
        env=step.env,
        restarted_at=now.isoformat(timespec="seconds") if step.restart else "",
        annotations=about,
        paused=True if old is not None else None,
    )


def _new_hash(found: Workload, run: str) -> str:
    """Its own for every run: a ReplicaSet of an earlier revision may have the same template."""
    return sha256(f"{run}/{found.uid}/{found.generation}".encode()).hexdigest()[:10]


def restore(found: Workload, *, handoff: bool) -> RestoreTemplate:
    return RestoreTemplate(
        found.ref,
        found.uid,
        says="put back: the previous template",
        replicas=replicas(found) if handoff else None,
        paused=True if handoff else None,
    )


def rolled(found: Workload) -> PatchWorkload:
    """The handover is over; the notes stay until the run has ended, so that all of it can still be undone."""
    return PatchWorkload(
        found.ref, found.uid, says="give back to its controller", annotations={marks.PHASE: "rolled"}, paused=False
    )


def forget(found: Workload) -> PatchWorkload:
    return PatchWorkload(
        found.ref,
        found.uid,
        says="remove the marks",
        annotations={key: None for key in _ALL if key in found.annotations},
        paused=False if found.paused else None,
    )


def replicas(found: Workload) -> int:
    """How many a Deployment had before a rollout in batches changed that."""
    return _noted(found, REPLICAS, found.replicas)


def needed_back(found: Workload) -> int:
    """How many have to be Ready again when a rollout has been undone: as many as when it began, or all."""
    every = replicas(found)
    return min(every, _noted(found, READY, every))


def _noted(found: Workload, key: str, otherwise: int) -> int:
    text = found.annotations.get(key, "")
    return int(text) if text.isdecimal() else otherwise


# -- ReplicaSets -------------------------------------------------------------------------------------------------


def create_new(found: Workload, digest: str) -> CreateReplicaSet:
    return CreateReplicaSet(
        Ref("replicaset", found.namespace, f"{found.name}-{digest}"),
        found.ref,
        found.uid,
        found.generation,
        digest,
        found.replicas,
        says=f"make {found.replicas} of the new version",
    )


def create_old(found: Workload, count: int, says: str) -> CreateReplicaSet:
    return CreateReplicaSet(
        Ref("replicaset", found.namespace, found.annotations[OLD_REPLICASET]),
        found.ref,
        found.uid,
        found.generation,
        found.annotations.get(OLD_HASH, ""),
        count,
        says=says,
        recorded=True,
        annotations=json.loads(found.annotations.get(OLD_ANNOTATIONS, "{}")),
    )


def hide(history: Workload, keys: Mapping[str, str], run: str) -> PatchWorkload:
    """Take an earlier revision out of the Deployment's sight: a paused Deployment without any ReplicaSet in use scales
    up the latest of its history (pkg/controller/deployment/util, FindActiveOrLatest).
    """
    return PatchWorkload(
        history.ref,
        history.uid,
        says="set this earlier revision aside",
        labels=dict.fromkeys(keys),
        annotations={MARK: run, marks.LABELS: json.dumps(dict(keys))},
    )


def unhide(history: Workload) -> PatchWorkload:
    return PatchWorkload(
        history.ref,
        history.uid,
        says="put this earlier revision back",
        labels=dict(hidden_labels(history)),
        annotations=_no_marks(history),
    )


def hidden_labels(history: Workload) -> dict[str, str]:
    kept: dict[str, str] = json.loads(history.annotations.get(marks.LABELS, "{}"))
    return kept


def remove_copies(replicaset: Workload) -> PatchWorkload:
    """A Deployment's controller copies the annotations of the Deployment, marks too, to its new ReplicaSet, and leaves
    them there (pkg/controller/deployment/util, SetNewReplicaSetAnnotations).
    """
    says = "remove the marks that its Deployment's controller has copied"
    return PatchWorkload(replicaset.ref, replicaset.uid, says=says, annotations=_no_marks(replicaset))


def _no_marks(found: Workload) -> dict[str, None]:
    return {key: None for key in found.annotations if marks.is_mark(key)}


# -- pods --------------------------------------------------------------------------------------------------------


def withdraw(pod: Pod, keys: tuple[str, ...], found: Workload, run: str, settle: timedelta, now: datetime) -> PatchPod:
    """Take a pod that nobody owns any more out of traffic; it goes when that has settled."""
    gone = f"withdraw from traffic (label {', '.join(keys)})" if keys else "withdraw"
    return PatchPod(
        pod.ref,
        pod.uid,
        says=f"hand over: {gone}, the other version serves",
        labels={**dict.fromkeys(keys), MARK: run},
        annotations={
            marks.STAGE: "withdrawn",
            marks.LABELS: json.dumps({key: pod.labels[key] for key in keys}),
            marks.SETTLE: format_duration(settle),
            marks.WITHDRAWN_AT: now.isoformat(),
            ROLLOUT: found.name,
        },
    )


def give_back(pod: Pod) -> PatchPod:
    """Into traffic again."""
    undo = marks.reattach(pod)
    return PatchPod(
        pod.ref,
        pod.uid,
        says="put back into traffic",
        labels=undo.labels,
        annotations={**undo.annotations, ROLLOUT: None},
    )
