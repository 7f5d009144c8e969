"""Marks: what a run writes on the objects it changes, so that the cluster alone tells how to go on and how to undo.

Nodes and budgets carry annotations; a pod carries the label `underway.dev/run` (to be found by) and annotations. Each
mark is written in the same patch as the change it explains, and taken away in the patch that undoes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from underway.cluster import ties
from underway.cluster.actions import PatchBudget, PatchNode, PatchPod
from underway.cluster.model import Budget, Node, Pod, Workload
from underway.cluster.podspec import Taint
from underway.cluster.state import HOLD, MARK
from underway.cluster.traffic import without
from underway.units import format_duration, parse_duration

CORDONED = "underway.dev/cordoned"
PHASE = "underway.dev/phase"
STAGE = "underway.dev/stage"
LABELS, OWNER = ties.LABELS, ties.OWNER
NEEDED = "underway.dev/needed"
SETTLE = "underway.dev/settle"
WITHDRAWN_AT = "underway.dev/withdrawn-at"
WITHDRAW = "underway.dev/withdraw"
RECOUNTED_AT = "underway.dev/recounted-at"
JOB_NODE = "underway.dev/node"
JOB_ENDS = "underway.dev/ends"
PENDING_TAINT = "underway.dev/pending"
QUARANTINED = "underway.dev/quarantined"
"""A label: the run that took the pod out of traffic. It stays with the pod, also when the run has ended well."""
INSTEAD = "underway.dev/instead"
"""On a pod that is handed off to make room: the one that comes back for it."""
SURPLUS = "underway.dev/surplus"
"""On a replacement that is not needed after all: that it leaves moves no pod."""

REPLACED = "its replacement serves"
"""Why a pod may leave, as the usual handoff says it."""
_POD_MARKS = (STAGE, LABELS, OWNER, NEEDED, SETTLE, WITHDRAWN_AT, WITHDRAW, INSTEAD, SURPLUS)
DEFAULT_SETTLE = timedelta(seconds=3)
"""How long a pod stays out of traffic before it goes, where no playbook says it."""


def run_of(marked: Node | Budget | Workload) -> str | None:
    return marked.annotations.get(MARK)


def is_mark(annotation: str) -> bool:
    """Whether a run writes it. `underway.dev/simulated-…` are the operator's own (how long things take)."""
    return annotation.startswith("underway.dev/") and not annotation.startswith("underway.dev/simulated-")


def made_by(job: Workload) -> str | None:
    """The run that has made a Job; its pods have the label too."""
    return job.labels.get(MARK)


def pod_run(pod: Pod) -> str | None:
    """The run that detached the pod to have it leave; a pod of a run's own Job has the label without a stage, and one
    in quarantine stays.
    """
    return pod.labels.get(MARK) if STAGE in pod.annotations and QUARANTINED not in pod.labels else None


def quarantined_by(pod: Pod) -> str | None:
    """The run that keeps the pod out of traffic, or did until it ended."""
    return pod.labels.get(QUARANTINED)


def job_ends(job: Workload) -> datetime | None:
    """When a maintenance Job is stopped, if it has not ended by then."""
    return _moment(job.annotations.get(JOB_ENDS, ""))


def stage(pod: Pod) -> str:
    """How far its handoff is: detached, withdrawn, or empty while it has not begun."""
    return pod.annotations.get(STAGE, "")


# -- nodes -------------------------------------------------------------------------------------------------------


def announce_node(node: Node, run: str) -> PatchNode:
    """Mark a node whose turn comes later: the scheduler shall rather put replacements elsewhere."""
    return PatchNode(
        node.ref,
        node.uid,
        node.resource_version,
        says="keep replacements away while other nodes have room (taint PreferNoSchedule)",
        annotations={MARK: run, PHASE: "pending"},
        taints=(*_other_taints(node), Taint(PENDING_TAINT, "PreferNoSchedule", run)),
    )


def cordon(node: Node, run: str) -> PatchNode:
    """Cordon the node and say that it was us; someone else's cordon, or an earlier run's on purpose, stays theirs."""
    ours: dict[str, str | None] = {CORDONED: "true"}
    if node.unschedulable:
        ours = {} if run_of(node) == run else {CORDONED: None}
    return PatchNode(
        node.ref,
        node.uid,
        node.resource_version,
        says="take over, already cordoned by someone else" if node.unschedulable else "cordon",
        annotations={MARK: run, PHASE: "draining", **ours},
        unschedulable=True,
    )


def enter(node: Node, phase: str) -> PatchNode:
    return PatchNode(
        node.ref, node.uid, node.resource_version, says=f"note that it is {phase}", annotations={PHASE: phase}
    )


def hold(node: Node) -> PatchNode:
    return PatchNode(
        node.ref,
        node.uid,
        node.resource_version,
        says=f"hold for maintenance, until its annotation {HOLD} says done",
        annotations={PHASE: "maintaining", HOLD: "waiting"},
    )


def has_not_come_back(node: Node) -> bool:
    """Its maintenance has begun and it is not Ready: no pod may be sent to it, whoever says that it is given back."""
    return node.annotations.get(PHASE) == "maintaining" and not node.ready


def give_back(node: Node, run: str, *, done: bool) -> PatchNode:
    """Undo the cordon if it is ours, and the taint. A node that is done keeps the run's mark until the run ends."""
    ours = CORDONED in node.annotations
    tainted = any(taint.key == PENDING_TAINT for taint in node.taints)
    marks = {MARK: run, PHASE: "done"} if done else {MARK: None, PHASE: None}
    held = {HOLD: None} if HOLD in node.annotations else {}
    return PatchNode(
        node.ref,
        node.uid,
        node.resource_version,
        says="uncordon" if ours else "remove the taint" if tainted else "remove the marks",
        annotations={**marks, **held, CORDONED: None},
        unschedulable=False if ours else None,
        taints=_other_taints(node) if tainted else None,
    )


def _other_taints(node: Node) -> tuple[Taint, ...]:
    return tuple(taint for taint in node.taints if taint.key != PENDING_TAINT)


# -- pods --------------------------------------------------------------------------------------------------------


def detach(
    pod: Pod, run: str, *, key: str, withdraw: tuple[str, ...], needed: int, settle: timedelta = DEFAULT_SETTLE
) -> PatchPod:
    """Take away the label by which its ReplicaSet holds the pod. `needed`: how many of the ReplicaSet's pods have to
    serve, this one left out, before it may leave; `settle`: how long it then stays out of traffic before it goes.
    """
    owner = pod.owner.uid if pod.owner else ""
    return PatchPod(
        pod.ref,
        pod.uid,
        says=f"hand off: detach from {pod.owner.kind if pod.owner else 'its controller'} (label {key}), still serving",
        labels={key: None, MARK: run},
        annotations={
            STAGE: "detached",
            LABELS: json.dumps({key: pod.labels[key]}),
            OWNER: owner,
            NEEDED: str(needed),
            SETTLE: format_duration(settle),
            WITHDRAW: ",".join(withdraw),
        },
        resource_version=pod.resource_version,
    )


def withdraw(pod: Pod, keys: tuple[str, ...], now: datetime, why: str = REPLACED) -> PatchPod:
    """Take away the labels by which Services select the pod; it leaves their endpoints and goes on running."""
    kept = ties.original_labels(pod) | {key: pod.labels[key] for key in keys if key in pod.labels}
    return PatchPod(
        pod.ref,
        pod.uid,
        says=f"hand off: withdraw from traffic (label {', '.join(keys)}), {why}",
        labels=dict.fromkeys(keys),
        annotations={STAGE: "withdrawn", LABELS: json.dumps(kept), WITHDRAWN_AT: now.isoformat()},
    )


def reattach(pod: Pod) -> PatchPod:
    """Give the pod its labels back: Services select it, its controller adopts it and removes the surplus one."""
    return PatchPod(
        pod.ref,
        pod.uid,
        says="put back: reattach to its controller",
        labels={**ties.original_labels(pod), MARK: None},
        annotations=dict.fromkeys(_POD_MARKS),
    )


def with_original_labels(pod: Pod) -> Mapping[str, str]:
    return without(pod.labels, (MARK,)) | ties.original_labels(pod)


def settle_time(pod: Pod) -> timedelta:
    return _duration(pod.annotations.get(SETTLE, ""))


@lru_cache(maxsize=1024)
def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError:
        return DEFAULT_SETTLE


def needed(pod: Pod) -> int:
    text = pod.annotations.get(NEEDED, "")
    return int(text) if text.isdecimal() else 1


def withdrawn_at(pod: Pod) -> datetime | None:
    return _moment(pod.annotations.get(WITHDRAWN_AT, ""))


# -- budgets -----------------------------------------------------------------------------------------------------


def recount(budget: Budget, run: str, now: datetime) -> PatchBudget:
    """Touch a budget: its controller does not notice a pod that has left its selector (disruption.go, updatePod)."""
    return PatchBudget(
        budget.ref,
        budget.uid,
        says="have it recounted, a pod has left its selector",
        annotations={MARK: run, RECOUNTED_AT: now.isoformat()},
    )


def recounted_at(budget: Budget) -> datetime | None:
    return _moment(budget.annotations.get(RECOUNTED_AT, ""))


def forget_recount(budget: Budget) -> PatchBudget:
    return PatchBudget(budget.ref, budget.uid, says="remove the marks", annotations={MARK: None, RECOUNTED_AT: None})


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
