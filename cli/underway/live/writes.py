"""The writes: each action one request, with the preconditions it was decided on, and never repeated blindly."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, assert_never

from underway.cluster.actions import (
    Action,
    Apply,
    CreateJob,
    CreateReplicaSet,
    DeleteJob,
    DeleteLease,
    DeleteReplicaSet,
    Evict,
    Outcome,
    PatchAutoscaler,
    PatchBudget,
    PatchLease,
    PatchNode,
    PatchPod,
    PatchWorkload,
    PutLease,
    RestoreTemplate,
    RollTemplate,
    TakeBack,
    Unmark,
)
from underway.cluster.model import Ref, Workload
from underway.cluster.podspec import Taint
from underway.cluster.state import MARK
from underway.cluster.wire import decode_list, decode_object
from underway.live.applying import Applier
from underway.live.leases import Leases
from underway.live.mirror import Mirror
from underway.live.paths import collection, resource
from underway.live.refusal import outcome_of
from underway.live.transport import Answer, NoAnswerError, Transport
from underway.live.workload_writes import MERGE_PATCH, WorkloadWriter

_AT_ONCE = 16


class Writer:
    def __init__(self, transport: Transport, mirror: Mirror) -> None:
        self._transport = transport
        self._mirror = mirror
        self._leases = Leases(transport, mirror)
        self._workloads = WorkloadWriter(transport, mirror)
        self._applier = Applier(transport, mirror, self._leases)
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def perform(self, action: Action) -> Outcome:
        async with self._at_once:
            try:
                return await self._carry_out(action)
            except NoAnswerError as error:
                return Outcome("unknown" if error.sent else "failed", f"the API server did not answer: {error}")
            except ValueError as error:
                return Outcome("unknown", f"the API server's answer cannot be read: {error}")

    async def _carry_out(self, action: Action) -> Outcome:
        match action:
            case PatchNode():
                return await self._patch(action.object, _node_patch(action))
            case PatchPod() | PatchBudget():
                return await self._patch(action.object, {"metadata": _metadata(action)})
            case PatchAutoscaler():
                return await self._patch(action.object, _autoscaler_patch(action))
            case PatchWorkload() | RollTemplate() | RestoreTemplate() | CreateReplicaSet() | DeleteReplicaSet():
                return await self._workloads.perform(action)
            case Evict():
                return await self._evict(action)
            case CreateJob():
                return await self._create_job(action)
            case DeleteJob():
                return await self._delete_job(action)
            case Apply() | TakeBack() | Unmark():
                return await self._applier.perform(action)
            case PutLease() | PatchLease() | DeleteLease():
                return await self._leases.perform(action)
            case never:
                assert_never(never)

    async def _patch(self, ref: Ref, body: Mapping[str, Any]) -> Outcome:
        answer = await self._transport.send("PATCH", resource(ref), body=body, content_type=MERGE_PATCH)
        outcome = outcome_of(answer)
        if outcome.status == "done":
            self._mirror.put(decode_object(ref.kind, answer.body))
        return outcome

    async def _evict(self, action: Evict) -> Outcome:
        ref = action.object
        known = self._mirror.state.pods.get(ref)
        if known is None or known.uid != action.uid:
            # The server would take the eviction off the budget, for two minutes, before it looks at the UID.
            return Outcome("gone", f"{ref} is not there any more, or another one now")
        options: dict[str, Any] = {"preconditions": {"uid": action.uid}}
        if action.grace_seconds is not None:
            options["gracePeriodSeconds"] = action.grace_seconds
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "deleteOptions": options,
        }
        outcome = outcome_of(await self._transport.send("POST", f"{resource(ref)}/eviction", body=body))
        if outcome.status == "done":
            self._mirror.deletion_began(ref, action.uid, datetime.now(UTC), action.grace_seconds)
        return outcome

    async def _create_job(self, action: CreateJob) -> Outcome:
        ref = action.object
        path = collection(ref.kind, ref.namespace)
        answer = await self._transport.send("POST", path, body=dict(action.manifest))
        if answer.status == HTTPStatus.CONFLICT:
            return await self._job_exists(action, answer)
        outcome = outcome_of(answer)
        if outcome.status == "done":
            self._mirror.put(decode_object(ref.kind, answer.body))
        return outcome

    async def _job_exists(self, action: CreateJob, refusal: Answer) -> Outcome:
        """A list finds it: permission to `get` Jobs is not needed for anything else."""
        ref = action.object
        query = {"fieldSelector": f"metadata.name={ref.name}"}
        answer = await self._transport.send("GET", collection(ref.kind, ref.namespace), query)
        if answer.status != HTTPStatus.OK:
            return outcome_of(refusal)
        run = (action.manifest.get("metadata", {}).get("labels") or {}).get(MARK)
        for found in decode_list(ref.kind, answer.body).items:
            if isinstance(found, Workload) and run and found.labels.get(MARK) == run:
                self._mirror.put(found, listed=True)
                return Outcome("done")
        return Outcome("conflict", f"{ref} exists and is not this run's")

    async def _delete_job(self, action: DeleteJob) -> Outcome:
        body = {"propagationPolicy": "Background", "preconditions": {"uid": action.uid}}
        outcome = outcome_of(await self._transport.send("DELETE", resource(action.object), body=body))
        if outcome.status == "done":
            self._mirror.deleted(action.object)
        return outcome


def _metadata(action: PatchNode | PatchPod | PatchBudget | PatchAutoscaler) -> dict[str, Any]:
    found: dict[str, Any] = {"uid": action.uid}
    if not isinstance(action, PatchBudget) and action.resource_version:
        found["resourceVersion"] = action.resource_version
    if isinstance(action, PatchPod) and action.labels:
        found["labels"] = dict(action.labels)
    if action.annotations:
        found["annotations"] = dict(action.annotations)
    return found


def _node_patch(action: PatchNode) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if action.unschedulable is not None:
        spec["unschedulable"] = action.unschedulable or None
    if action.taints is not None:
        spec["taints"] = [_taint(found) for found in action.taints] or None
    return {"metadata": _metadata(action)} | ({"spec": spec} if spec else {})


def _autoscaler_patch(action: PatchAutoscaler) -> dict[str, Any]:
    bounds = {"minReplicas": action.min_replicas, "maxReplicas": action.max_replicas}
    return {
        "metadata": _metadata(action),
        "spec": {key: value for key, value in bounds.items() if value is not None},
    }


def _taint(found: Taint) -> dict[str, str]:
    value = {"value": found.value} if found.value else {}
    return {"key": found.key, "effect": found.effect, **value}
