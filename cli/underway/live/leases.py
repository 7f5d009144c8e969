"""A run's Lease: its sign of life, and the proof that nobody else drives the same run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from underway.cluster.actions import DeleteLease, Outcome, PatchLease, PutLease
from underway.cluster.model import Lease, Ref
from underway.cluster.state import MARK
from underway.cluster.wire import decode_object
from underway.live.mirror import Mirror
from underway.live.paths import collection, resource
from underway.live.refusal import outcome_of
from underway.live.transport import Answer, Transport

_MERGE_PATCH = "application/merge-patch+json"
_ROUNDS = 3


class Leases:
    def __init__(self, transport: Transport, mirror: Mirror) -> None:
        self._transport = transport
        self._mirror = mirror

    async def perform(self, action: PutLease | PatchLease | DeleteLease) -> Outcome:
        """Raises NoAnswerError, and ValueError for an answer that cannot be read."""
        match action:
            case PutLease():
                return await self._put(action)
            case PatchLease():
                return await self.annotate(action.object, action.annotations)
            case DeleteLease():
                return await self._delete(action)

    async def _put(self, action: PutLease) -> Outcome:
        """Create, renew or take over. Whoever was faster is looked at again; a live holder is left alone."""
        known = self._mirror.state.leases.get(action.object)
        if known is not None and _held_by_another(known, action, datetime.now(UTC)):
            # The watch may be behind.
            known = await self._read(action.object)
        for _ in range(_ROUNDS):
            now = datetime.now(UTC)
            if known is None:
                answer = await self._create(action, now)
            elif _held_by_another(known, action, now):
                return Outcome("conflict", f"{action.object} is held by {known.holder} until {_ends(known):%H:%M:%S}")
            else:
                answer = await self._renew(action, known, now)
            if answer.status not in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                break
            known = await self._read(action.object)
        outcome = outcome_of(answer)
        if outcome.status == "done":
            self._mirror.put(decode_object("lease", answer.body))
        return Outcome("conflict", outcome.message) if outcome.status == "gone" else outcome

    async def annotate(self, ref: Ref, annotations: Mapping[str, str | None]) -> Outcome:
        """Whoever holds it."""
        body = {"metadata": {"annotations": dict(annotations)}}
        answer = await self._transport.send("PATCH", resource(ref), body=body, content_type=_MERGE_PATCH)
        outcome = outcome_of(answer)
        if outcome.status == "done":
            self._mirror.put(decode_object("lease", answer.body))
        return outcome

    async def _delete(self, action: DeleteLease) -> Outcome:
        outcome = outcome_of(await self._transport.send("DELETE", resource(action.object)))
        if outcome.status in ("done", "gone"):
            self._mirror.deleted(action.object)
        return outcome

    async def _read(self, ref: Ref) -> Lease | None:
        answer = await self._transport.send("GET", resource(ref))
        if answer.status != HTTPStatus.OK:
            return None
        found = decode_object("lease", answer.body)
        self._mirror.put(found, listed=True)
        return found if isinstance(found, Lease) else None

    async def _create(self, action: PutLease, now: datetime) -> Answer:
        ref = action.object
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": ref.name,
                "namespace": ref.namespace,
                "labels": {MARK: action.run},
                "annotations": dict(action.annotations),
            },
            "spec": {**_held(action, now), "acquireTime": _micro_time(now)},
        }
        return await self._transport.send("POST", collection("lease", ref.namespace), body=body)

    async def _renew(self, action: PutLease, known: Lease, now: datetime) -> Answer:
        spec = _held(action, now)
        if known.holder != action.holder:
            spec["acquireTime"] = spec["renewTime"]
        body = {
            "metadata": {
                "uid": known.uid,
                "resourceVersion": known.resource_version,
                "labels": {MARK: action.run},
                "annotations": dict(action.annotations),
            },
            "spec": spec,
        }
        path = resource(action.object)
        return await self._transport.send("PATCH", path, body=body, content_type=_MERGE_PATCH)


def _held(action: PutLease, now: datetime) -> dict[str, Any]:
    return {
        "holderIdentity": action.holder,
        "leaseDurationSeconds": action.duration_seconds,
        "renewTime": _micro_time(now),
    }


def _micro_time(moment: datetime) -> str:
    """The API's MicroTime takes exactly six digits."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _ends(lease: Lease) -> datetime:
    return (lease.renewed or datetime.min.replace(tzinfo=UTC)) + timedelta(seconds=lease.duration_seconds)


def _held_by_another(lease: Lease, action: PutLease, now: datetime) -> bool:
    return lease.holder not in ("", action.holder) and now < _ends(lease)
