"""What in a cluster stands in the way of maintenance without downtime, worst first, each with its remedy.

Every worker is looked at as if its turn came alone; every node, where all are control planes. What a run would refuse
is in the way; what it would do, but not as well as it could, is a risk.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from underway.cluster import disruption
from underway.cluster.model import Pod, Workload
from underway.cluster.state import ClusterState
from underway.engine import preflight
from underway.engine.standing import standings
from underway.playbook.load import from_command_line
from underway.playbook.models import Drain, Playbook
from underway.steps.treatment import treatment

Severity = Literal["blocks", "risk"]
_ORDER = {"blocks": 0, "risk": 1}
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`blocks`: a run refuses. `risk`: it goes on, with a gap or with less than it could have."""

    severity: Severity
    object: str
    reason: str
    remedy: str


def examine(state: ClusterState, now: datetime) -> list[Finding]:
    """Everything found, each once, worst first, then by object."""
    found = {*_blockers(state, now), *_nodes(state), *_budgets(state), *_pods(state), *_runs(state, now)}
    return sorted(found, key=lambda finding: (_ORDER[finding.severity], finding.object, finding.reason))


def _maintenance_of(names: list[str]) -> Playbook:
    return from_command_line("doctor", [{"nodes": {"select": {"names": sorted(names)}, "maxUnavailable": 1}}])


def _blockers(state: ClusterState, now: datetime) -> Iterator[Finding]:
    usable = [node for node in state.nodes.values() if node.ready and not node.unschedulable]
    workers = [node.name for node in usable if _CONTROL_PLANE not in node.labels]
    names = workers or [node.name for node in usable]
    if not names:
        return
    for blocker in preflight.blockers(_maintenance_of(names), state, "doctor", now):
        yield Finding(severity="blocks", object=blocker.object, reason=blocker.reason, remedy=blocker.remedy)


def _nodes(state: ClusterState) -> Iterator[Finding]:
    for node in state.nodes.values():
        if not node.ready:
            remedy = "repair it, or leave it out with select.except"
            yield Finding(severity="blocks", object=str(node.ref), reason="it is not Ready", remedy=remedy)
        elif node.unschedulable:
            remedy = f"kubectl uncordon {node.name}, if nobody needs it to be"
            reason = "it is cordoned: no replacement can land on it, and it counts as unavailable"
            yield Finding(severity="risk", object=str(node.ref), reason=reason, remedy=remedy)


def _budgets(state: ClusterState) -> Iterator[Finding]:
    for budget in state.budgets():
        covered = disruption.selected(budget, state).pods
        if not covered:
            yield Finding(
                severity="risk",
                object=str(budget.ref),
                reason="it selects no pod",
                remedy="correct its selector, or delete it",
            )
            continue
        wanted = disruption.desired(budget, disruption.expected(budget, state))
        healthy = disruption.healthy(budget, state)
        if healthy < wanted:
            reason = f"it has {healthy} healthy pods and needs {wanted}: nothing it covers can be evicted"
            yield Finding(
                severity="risk",
                object=str(budget.ref),
                reason=reason,
                remedy="see why its pods are not Ready: kubectl describe",
            )


def _pods(state: ClusterState) -> Iterator[Finding]:
    """What the treatment of single pods shows, told once for each controller."""
    drain = Drain()
    for pod in state.pods.values():
        if pod.finished or pod.deleting is not None or not pod.node:
            continue
        treated = treatment(pod, drain, state)
        named = str((_top(pod, state) or pod).ref)
        if treated.verdict == "evict" and state.services_of(pod):
            yield Finding(
                severity="risk",
                object=named,
                reason=f"its pods are evicted, not handed off: {treated.reason.removeprefix('evicted: ')}",
                remedy="a graceful shutdown behind a preStop sleep keeps its clients from noticing",
            )
        of_job = pod.owner is not None and pod.owner.kind == "Job"
        if treated.verdict in ("evict", "handoff") and not of_job and not state.budgets_of(pod):
            yield Finding(
                severity="risk",
                object=named,
                reason="no PodDisruptionBudget protects it from whoever else evicts",
                remedy="give it one: kubectl create poddisruptionbudget",
            )


def _top(pod: Pod, state: ClusterState) -> Workload | None:
    controller = state.controller_of(pod)
    return (state.controller_of(controller) or controller) if controller else None


def _runs(state: ClusterState, now: datetime) -> Iterator[Finding]:
    for standing in standings(state, now).values():
        if standing.unfinished and not standing.alive:
            yield Finding(
                severity="blocks",
                object=f"run/{standing.run}",
                reason=f"it was killed and has left {len(standing.changed)} objects changed",
                remedy=f"underway restore {standing.run}",
            )
