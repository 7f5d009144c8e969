"""Where runs stand, told from the cluster's marks and Leases, for any process that looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from underway.cluster.model import Budget, Lease, Node, Pod, Ref, Workload
from underway.cluster.notes import Note, notes_of
from underway.cluster.objects import Autoscaler
from underway.cluster.state import MARK, ClusterState
from underway.cluster.ties import original_labels
from underway.engine.judging import alive
from underway.engine.pausing import wanted_by
from underway.steps import marks, quarantine, scale_marks

PLAYBOOK = "underway.dev/playbook"
OPERATOR = "underway.dev/operator"
STARTED = "underway.dev/started"
_Marked: TypeAlias = Node | Pod | Budget | Workload | Autoscaler | Lease | Note
_APPLIED = {
    "intended": "to be applied, or applied already",
    "applied": "applied",
    "refused": "to be applied, and refused",
    "undone": "as before, but for the marks",
    "kept": "applied to stay, but for the marks",
}


@dataclass
class Standing:
    """One run in the cluster. `changed`: what carries its marks, and what was done to each."""

    run: str
    alive: bool
    playbook: str = ""
    operator: str = ""
    holder: str = ""
    paused: str = ""
    """Who has paused it, if somebody has."""
    started: datetime | None = None
    changed: list[tuple[Ref, str]] = field(default_factory=list)
    unfinished: bool = False
    """It has left more behind than what it was to leave: nodes that `underway drain` emptied, pods in quarantine."""


def standings(state: ClusterState, now: datetime) -> dict[str, Standing]:
    """Every run that the cluster knows of, by id."""
    found: dict[str, Standing] = {}
    for run, marked, what in _marks(state):
        standing = found.setdefault(run, Standing(run, alive(run, state, now)))
        if isinstance(marked, Lease):
            standing.playbook = marked.annotations.get(PLAYBOOK, "")
            standing.operator = marked.annotations.get(OPERATOR, "")
            standing.holder = marked.holder
            standing.paused = wanted_by(marked)
            started = marked.annotations.get(STARTED, "")
            standing.started = datetime.fromisoformat(started) if started else None
        else:
            standing.changed.append((marked.ref, what))
        standing.unfinished |= not _left_on_purpose(marked)
    return found


def _left_on_purpose(marked: _Marked) -> bool:
    if isinstance(marked, Pod):
        return MARK not in marked.labels
    return isinstance(marked, Node) and marked.annotations.get(marks.PHASE) == "drained"


def _marks(state: ClusterState) -> Iterator[tuple[str, _Marked, str]]:
    for lease in state.leases.values():
        yield lease.run, lease, "sign of life"
        for note in notes_of(lease).values():
            yield lease.run, note, _APPLIED[note.state]
    for node in state.marked_nodes():
        run = marks.run_of(node)
        if run is not None:
            cordon = "cordoned by the run" if marks.CORDONED in node.annotations else "not cordoned by the run"
            yield run, node, f"{node.annotations.get(marks.PHASE, 'marked')}, {cordon}"
    yield from _pod_marks(state)
    for budget in state.marked_budgets():
        run = marks.run_of(budget)
        if run is not None:
            yield run, budget, "has been recounted"
    yield from _workload_marks(state)
    yield from _scale_marks(state)


def _pod_marks(state: ClusterState) -> Iterator[tuple[str, Pod, str]]:
    for pod in state.marked_pods():
        run = marks.pod_run(pod)
        if run is not None:
            labels = ", ".join(original_labels(pod))
            yield run, pod, f"{pod.annotations.get(marks.STAGE, 'marked')}: label {labels} taken away"
    for pod in state.pods.values():
        run = marks.quarantined_by(pod)
        if run is not None:
            yield run, pod, quarantine.told(pod)


def _workload_marks(state: ClusterState) -> Iterator[tuple[str, Workload, str]]:
    for workload in state.marked_workloads():
        made, changed = marks.made_by(workload), marks.run_of(workload)
        if made is not None:
            yield made, workload, "created by the run"
        elif changed is not None and (workload.kind != "replicaset" or marks.LABELS in workload.annotations):
            # a ReplicaSet that nothing was taken from has only got a copy of its Deployment's marks
            yield changed, workload, f"{workload.annotations.get(marks.PHASE, 'changed')} by the run"


def _scale_marks(state: ClusterState) -> Iterator[tuple[str, Workload | Autoscaler, str]]:
    for workload in scale_marks.scaled_workloads(state):
        if workload.owner is None:
            yield workload.annotations[scale_marks.SCALED], workload, "scaled by the run"
    for autoscaler in scale_marks.scaled_autoscalers(state):
        yield autoscaler.annotations[scale_marks.SCALED], autoscaler, "its bounds changed by the run"
