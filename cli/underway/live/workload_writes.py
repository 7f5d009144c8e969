"""The writes to what makes pods. A template is read just before it is written: the model does not hold all of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, assert_never

import msgspec

from underway.cluster.actions import (
    CreateReplicaSet,
    DeleteReplicaSet,
    Outcome,
    PatchWorkload,
    RestoreTemplate,
    RollTemplate,
)
from underway.cluster.model import Ref, Workload
from underway.cluster.templates import replicaset_manifest, template_patch, workload_patch
from underway.cluster.wire import decode_object
from underway.live.mirror import Mirror
from underway.live.paths import collection, resource
from underway.live.refusal import outcome_of
from underway.live.transport import Transport

MERGE_PATCH = "application/merge-patch+json"
_TRIES = 3
WorkloadAction = PatchWorkload | RollTemplate | RestoreTemplate | CreateReplicaSet | DeleteReplicaSet


class WorkloadWriter:
    def __init__(self, transport: Transport, mirror: Mirror) -> None:
        self._transport = transport
        self._mirror = mirror

    async def perform(self, action: WorkloadAction) -> Outcome:
        """Raises NoAnswerError, and ValueError for an answer that cannot be read."""
        match action:
            case PatchWorkload():
                return await self._patch(action.object, workload_patch(action))
            case RollTemplate() | RestoreTemplate():
                return await self._change_template(action)
            case CreateReplicaSet():
                return await self._create_replicaset(action)
            case DeleteReplicaSet():
                return await self._delete_replicaset(action)
            case never:
                assert_never(never)

    async def _patch(self, ref: Ref, body: dict[str, Any]) -> Outcome:
        answer = await self._transport.send("PATCH", resource(ref), body=body, content_type=MERGE_PATCH)
        outcome = outcome_of(answer)
        if outcome.status == "done":
            self._mirror.put(decode_object(ref.kind, answer.body))
        return outcome

    async def _read(self, ref: Ref, uid: str) -> dict[str, Any] | Outcome:
        answer = await self._transport.send("GET", resource(ref))
        if answer.status != HTTPStatus.OK:
            return outcome_of(answer)
        found: dict[str, Any] = msgspec.json.decode(answer.body)
        if found["metadata"]["uid"] != uid:
            return Outcome("gone", f"{ref} is another one now")
        return found

    async def _change_template(self, action: RollTemplate | RestoreTemplate) -> Outcome:
        """A controller's report, written between the reading and the writing, is a conflict too: it is read anew."""
        outcome = await self._try_to_change(action)
        for _ in range(_TRIES - 1):
            if outcome.status != "conflict":
                break
            outcome = await self._try_to_change(action)
        return outcome

    async def _try_to_change(self, action: RollTemplate | RestoreTemplate) -> Outcome:
        found = await self._read(action.object, action.uid)
        if isinstance(found, Outcome):
            return found
        if isinstance(action, RollTemplate) and found["metadata"].get("generation") != action.generation:
            return Outcome("conflict", f"{action.object} has been changed meanwhile")
        try:
            body = template_patch(found, action)
        except ValueError as error:
            return Outcome("invalid", str(error))
        return await self._patch(action.object, body)

    async def _create_replicaset(self, action: CreateReplicaSet) -> Outcome:
        deployment = await self._read(action.deployment, action.uid)
        if isinstance(deployment, Outcome):
            return deployment
        if deployment["metadata"].get("generation") != action.generation:
            return Outcome("conflict", f"{action.deployment} has been changed meanwhile")
        try:
            body = replicaset_manifest(deployment, action)
        except ValueError as error:
            return Outcome("invalid", str(error))
        ref = action.object
        answer = await self._transport.send("POST", collection(ref.kind, ref.namespace), body=body)
        if answer.status == HTTPStatus.CONFLICT:
            known = self._mirror.state.get(ref)
            ours = isinstance(known, Workload) and known.owner is not None and known.owner.uid == action.uid
            return Outcome("done") if ours else outcome_of(answer)
        outcome = outcome_of(answer)
        if outcome.status == "done":
            self._mirror.put(decode_object(ref.kind, answer.body))
        return outcome

    async def _delete_replicaset(self, action: DeleteReplicaSet) -> Outcome:
        policy = "Orphan" if action.orphan else "Background"
        body = {"propagationPolicy": policy, "preconditions": {"uid": action.uid}}
        answer = await self._transport.send("DELETE", resource(action.object), body=body)
        outcome = outcome_of(answer)
        if outcome.status == "done" and action.orphan:
            # it stays, with its deletionTimestamp, until its pods have been orphaned
            self._mirror.put(decode_object(action.object.kind, answer.body))
        elif outcome.status == "done":
            self._mirror.deleted(action.object)
        return outcome
