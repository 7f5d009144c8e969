"""Builders of small states for the tests of the steps: values only, nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from underway.cluster.actions import PatchBudget, PatchNode, PatchPod
from underway.cluster.model import Budget, EndpointSlice, Node, Owner, Pod, Service, Workload
from underway.cluster.objects import Object
from underway.cluster.state import ClusterState
from underway.playbook.load import from_command_line
from underway.playbook.models import NodesStep
from underway.steps import marks
from underway.steps.progress import Fact, Turn
from underway.units import Share, equality_selector

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = "run-1"
HASH = "pod-template-hash"

_M = TypeVar("_M", Pod, Node, Budget)


def node(name: str, **fields: Any) -> Node:
    amounts = {"cpu": 4000, "memory": 8 * 1024**3, "pods": 110}
    base: dict[str, Any] = {
        "uid": f"node-{name}",
        "name": name,
        "allocatable": amounts,
        "ready": True,
        "resource_version": "7",
    }
    return Node(**base | fields)


def replicaset(replicas: int = 2, **fields: Any) -> Workload:
    base: dict[str, Any] = {
        "kind": "replicaset",
        "uid": "rs",
        "namespace": "shop",
        "name": "web-1",
        "selector": equality_selector([("app", "web"), (HASH, "1")]),
        "replicas": replicas,
    }
    return Workload(**base | fields)


def owned(workload: Workload, kind: str = "ReplicaSet") -> Owner:
    return Owner(kind, workload.name, workload.uid)


def pod(name: str, where: str = "a", **fields: Any) -> Pod:
    """A Ready pod of the ReplicaSet that `replicaset` makes."""
    base: dict[str, Any] = {
        "uid": f"uid-{name}",
        "namespace": "shop",
        "name": name,
        "node": where,
        "labels": {"app": "web", HASH: "1"},
        "owner": Owner("ReplicaSet", "web-1", "rs"),
        "phase": "Running",
        "ready": True,
    }
    return Pod(**base | fields)


def service(name: str = "web", **fields: Any) -> Service:
    return Service(**{"uid": f"svc-{name}", "namespace": "shop", "name": name, "selector": {"app": "web"}} | fields)


def endpoints(*ready: Pod, name: str = "web") -> EndpointSlice:
    uids = frozenset(found.uid for found in ready)
    return EndpointSlice(uid=f"slice-{name}", namespace="shop", name=f"{name}-x", service=name, ready=uids)


def budget(name: str = "web", *, at_least: int | None = None, allowed: int = 0, **fields: Any) -> Budget:
    base: dict[str, Any] = {
        "uid": f"pdb-{name}",
        "namespace": "shop",
        "name": name,
        "selector": equality_selector([("app", "web")]),
        "min_available": None if at_least is None else Share(at_least),
        "disruptions_allowed": allowed,
    }
    return Budget(**base | fields)


def detached(name: str, where: str = "a", *, needed: int = 2, run: str = RUN, **fields: Any) -> Pod:
    """A pod as it is after `marks.detach`, released by its ReplicaSet."""
    way = marks.detach(pod(name, where), run, key=HASH, withdraw=("app",), needed=needed, settle=timedelta(seconds=3))
    changed = patched(pod(name, where), way)
    return msgspec.structs.replace(changed, **{"owner": None} | fields)


def withdrawn(name: str, where: str = "a", *, at: datetime = NOW, run: str = RUN, **fields: Any) -> Pod:
    before = detached(name, where, run=run)
    return msgspec.structs.replace(patched(before, marks.withdraw(before, ("app",), at)), **fields)


def merged(old: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """A merge patch: None takes the key away."""
    both = {**old, **changes}
    return {key: value for key, value in both.items() if value is not None}


def patched(found: _M, patch: PatchPod | PatchNode | PatchBudget) -> _M:
    changed: dict[str, Any] = {"annotations": merged(found.annotations, patch.annotations)}
    if isinstance(patch, PatchPod) and isinstance(found, Pod):
        changed["labels"] = merged(found.labels, patch.labels)
    if isinstance(patch, PatchNode) and patch.unschedulable is not None:
        changed["unschedulable"] = patch.unschedulable
    if isinstance(patch, PatchNode) and patch.taints is not None:
        changed["taints"] = patch.taints
    return msgspec.structs.replace(found, **changed)


def turn(*objects: Object, now: datetime = NOW, run: str = RUN, facts: list[Fact] | None = None) -> Turn:
    return Turn(run, ClusterState(objects), now, {}, (facts if facts is not None else []).append)


def waits(turn: Turn) -> dict[str, str]:
    return {str(wait.object): wait.reason for wait in turn.waits}


def nodes_step(**fields: Any) -> NodesStep:
    """The step `nodes` as a playbook would say it, in the playbook's own words."""
    body = from_command_line("x", [{"nodes": {"select": {"labels": "!control-plane"}} | fields}]).spec.steps[0].body
    assert isinstance(body, NodesStep)
    return body
