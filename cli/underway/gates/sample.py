"""What the cluster's own state says to a gate, now. An object that does not exist is not healthy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import TypeAlias

from underway.cluster.model import Node, Ref, Workload
from underway.cluster.state import ClusterState
from underway.cluster.traffic import ready_endpoints
from underway.gates.verdict import Sample
from underway.playbook.gates import Gate, NodeGate, RestartsGate, ServiceGate, WorkloadGate
from underway.units import format_duration

Restarts: TypeAlias = Mapping[str, int]
"""Container restarts by pod UID."""

_NAMED = 3
"""How many of the nodes that are not as they should be a reason names."""


def sample(
    gate: Gate, state: ClusterState, now: datetime, *, node: str | None = None, baseline: Restarts | None = None
) -> Sample:
    """Look at the state for a gate of the kinds service, workload, node, nodes and restarts; TypeError for others.

    `node` is the one that a `node` gate is about; `baseline` the restarts when the run began (`count_restarts`).
    """
    match gate.body:
        case ServiceGate() as body:
            holds, reason = _service(body, state)
        case WorkloadGate() as body:
            holds, reason = _workload(body, state)
        case NodeGate() as body:
            at_hand = node if gate.node is not None and body.select is None else None
            holds, reason = _nodes(body, _selected(body, state, at_hand), now)
        case RestartsGate() as body:
            holds, reason = _restarts(body, state, baseline or {})
        case _:
            raise TypeError(f"the cluster's state says nothing to a gate of kind `{gate.kind}`")
    return Sample(now, holds, reason)


def count_restarts(state: ClusterState) -> Restarts:
    """The baseline for `restarts` gates: taken when the run begins."""
    return {pod.uid: pod.restarts for pod in state.pods.values()}


def _service(body: ServiceGate, state: ClusterState) -> tuple[bool, str]:
    namespace, _, name = body.name.rpartition("/")
    service = state.service(namespace, name)
    if service is None:
        return False, _missing(Ref("service", namespace, name), (found.ref for found in state.services()))
    ready = len(ready_endpoints(service, state))
    return ready >= body.min_ready, f"{service.ref}: {ready} ready endpoints, {body.min_ready} wanted"


def _workload(body: WorkloadGate, state: ClusterState) -> tuple[bool, str]:
    ref = Ref(*body.name)
    found = state.workloads.get(ref)
    if found is None:
        return False, _missing(ref, (known for known in state.workloads if known.kind == ref.kind))
    if found.kind == "job":
        return _job(found)
    if found.observed_generation < found.generation:
        return False, f"{ref}: its controller has not seen the latest change yet"
    wanted = found.replicas if body.ready is None else min(body.ready.of(found.replicas, round_up=True), found.replicas)
    # A ReplicaSet has no status.updatedReplicas: all its pods are of one template.
    updated = found.current if found.kind == "replicaset" else found.updated
    fit = min(found.ready, updated)
    surplus = body.ready is None and found.current > found.replicas
    extra = f", {found.current - found.replicas} too many" if surplus else ""
    return (
        fit >= wanted and not surplus,
        f"{ref}: {found.ready} ready and {updated} up to date of {found.replicas}, {wanted} wanted{extra}",
    )


def _job(job: Workload) -> tuple[bool, str]:
    if job.complete:
        return True, f"{job.ref}: complete"
    return False, f"{job.ref}: {f'failed: {job.failure}' if job.failure else 'not complete'}"


def _selected(body: NodeGate, state: ClusterState, node: str | None) -> list[Node] | str:
    """The nodes that the gate is about, or why there are none."""
    if (name := body.name or node) is not None:
        found = state.nodes.get(name)
        return [found] if found else _missing(Ref("node", "", name), (known.ref for known in state.nodes.values()))
    chosen = [found for found in state.nodes.values() if body.select is None or body.select.matches(found.labels)]
    return chosen or "no node is selected"


def _nodes(body: NodeGate, nodes: list[Node] | str, now: datetime) -> tuple[bool, str]:
    if isinstance(nodes, str):
        return False, nodes
    wrong = [reason for found in nodes if (reason := _unfit(body, found, now)) is not None]
    if not wrong:
        return True, f"{nodes[0].ref} is ready" if len(nodes) == 1 else f"{len(nodes)} nodes are ready"
    return False, "; ".join(wrong[:_NAMED]) + (f"; and {len(wrong) - _NAMED} more" if wrong[_NAMED:] else "")


def _unfit(body: NodeGate, node: Node, now: datetime) -> str | None:
    if body.kubelet_version is not None and node.kubelet_version != body.kubelet_version:
        return f"{node.ref}: kubelet {node.kubelet_version or 'unknown'}, {body.kubelet_version} wanted"
    if not node.ready:
        return f"{node.ref}: not Ready"
    if body.ready is not None:
        since = now - node.ready_since if node.ready_since else None
        if since is None or since < body.ready:
            held = format_duration(since) if since else "an unknown time"
            return f"{node.ref}: Ready for {held} of {format_duration(body.ready)}"
    for condition, wanted in body.conditions.items():
        if (status := node.conditions.get(condition, "Unknown")) != wanted:
            return f"{node.ref}: {condition} is {status}, {wanted} wanted"
    return None


def _restarts(body: RestartsGate, state: ClusterState, baseline: Restarts) -> tuple[bool, str]:
    pods = [pod for pod in state.pods.values() if body.select is None or body.select.matches(pod.labels)]
    again = [(max(0, pod.restarts - baseline.get(pod.uid, 0)), pod.ref) for pod in pods]
    total = sum(number for number, _ in again)
    named = f", most in {max(again)[1]}" if total else ""
    return total <= body.max, f"{total} restarts since the run began{named}, {body.max} allowed"


def _missing(ref: Ref, known: Iterable[Ref]) -> str:
    """That an object does not exist, with the nearest name among those that do."""
    near = get_close_matches(str(ref), [str(found) for found in known], n=1)
    return f"{ref} does not exist" + (f"; did you mean {near[0]}?" if near else "")
