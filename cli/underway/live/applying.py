"""Applying manifests, and taking them back: an object is read, written on the version that was read, and noted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec

from underway.cluster import applied
from underway.cluster.actions import Apply, Outcome, TakeBack, Unmark
from underway.cluster.kinds import watched_kind
from underway.cluster.notes import Note, written
from underway.cluster.wire import Resource, decode_object
from underway.live.leases import Leases
from underway.live.mirror import Mirror
from underway.live.refusal import conflicting_managers, outcome_of
from underway.live.transport import Answer, Transport
from underway.live.workload_writes import MERGE_PATCH

_APPLY_PATCH = "application/apply-patch+yaml"
_UNSPOKEN = (
    "it is refused by the API server, whose words may hold what is secret: try it with kubectl apply --server-side"
)
_JsonObject = dict[str, Any]
_PAUSE = 0.5
"""Seconds."""


class Applier:
    def __init__(self, transport: Transport, mirror: Mirror, leases: Leases) -> None:
        self._transport = transport
        self._mirror = mirror
        self._leases = leases

    async def perform(self, action: Apply | TakeBack | Unmark) -> Outcome:
        """Raises NoAnswerError, and ValueError for an answer that cannot be read."""
        found = await self._read(action.note)
        if isinstance(found, Outcome):
            if isinstance(action, Apply) and found.status == "denied":
                return await self._refuse(action, found.message)
            return found
        match action:
            case Apply():
                return await self._apply(action, found)
            case TakeBack():
                return await self._take_back(action, found)
            case Unmark():
                return await self._unmark(action, found)

    async def _read(self, note: Note) -> _JsonObject | Outcome | None:
        answer = await self._transport.send("GET", path_of(note))
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            return outcome_of(answer)
        found: _JsonObject = msgspec.json.decode(answer.body)
        return found

    async def _note(self, action: Apply | TakeBack | Unmark, text: str | None) -> Outcome:
        return await self._leases.annotate(action.lease, {action.key: text})

    async def _refuse(self, action: Apply, reason: str) -> Outcome:
        return await self._note(action, written(action.note, state="refused", reason=reason))

    # -- apply -------------------------------------------------------------------------------------------------

    async def _apply(self, action: Apply, found: _JsonObject | None) -> Outcome:
        other = applied.other_run(found, action.run) if found is not None else None
        if other is not None:
            return await self._refuse(action, f"run {other} has left it changed: underway restore {other}")
        if found is not None and found["metadata"].get("deletionTimestamp"):
            return await _look_again()
        before = await self._before(action, found)
        if isinstance(before, Answer):
            return await self._not_applied(action, before)
        if len(applied.pack(before)) > applied.MOST_BEFORE:
            return await self._refuse(action, "it is too large for a note of what it was: apply it with kubectl")
        body = applied.marked_manifest(action.manifest, action.run, before)
        answer = await self._send(action, _on_version(body, found))
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            return await self._not_applied(action, answer)
        if found is None and answer.status != HTTPStatus.CREATED:
            return await self._came_between(action, msgspec.json.decode(answer.body))
        self._show(action.note.resource, answer)
        return await self._note(action, written(action.note, state="applied", created=before.created))

    async def _before(self, action: Apply, found: _JsonObject | None) -> applied.Before | Answer:
        """What will have to be put back, or the refusal. What the manifest makes of the object, the server says."""
        if found is None:
            return applied.Before(created=True)
        dry = await self._send(action, _on_version(dict(action.manifest), found), {"dryRun": "All"})
        if dry.status >= HTTPStatus.MULTIPLE_CHOICES:
            return dry
        return applied.before_of(found, msgspec.json.decode(dry.body), action.run)

    async def _send(self, action: Apply, body: _JsonObject, query: Mapping[str, str] | None = None) -> Answer:
        asked = {"fieldManager": applied.MANAGER, "force": "true" if action.force else "false", **(query or {})}
        return await self._transport.send("PATCH", path_of(action.note), asked, body, _APPLY_PATCH)

    async def _not_applied(self, action: Apply, answer: Answer) -> Outcome:
        outcome = outcome_of(answer)
        managers = conflicting_managers(answer)
        if managers:
            return await self._refuse(action, _conflict(managers))
        if outcome.status not in ("invalid", "denied", "gone"):
            return outcome
        message = _UNSPOKEN if action.note.kind == "Secret" else outcome.message
        return await self._refuse(action, message)

    async def _came_between(self, action: Apply, now: _JsonObject) -> Outcome:
        """Somebody has made it since we looked: it is theirs, and must not be deleted when this is taken back."""
        theirs = applied.pack(applied.Before())
        body = {"metadata": {"uid": now["metadata"]["uid"], "annotations": {applied.BEFORE: theirs}}}
        answer = await self._transport.send("PATCH", path_of(action.note), body=body, content_type=MERGE_PATCH)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            return outcome_of(answer)
        return await self._refuse(action, "somebody else has made it at the same moment: run it again")

    # -- back --------------------------------------------------------------------------------------------------

    async def _take_back(self, action: TakeBack, found: _JsonObject | None) -> Outcome:
        before = applied.applied_before(found, action.run) if found is not None else None
        if found is None or before is None:
            return await self._note(action, None)
        if before.created:
            body = {"propagationPolicy": "Background", "preconditions": {"uid": found["metadata"]["uid"]}}
            answer = await self._transport.send("DELETE", path_of(action.note), body=body)
            outcome = outcome_of(answer)
            if outcome.status not in ("done", "gone"):
                return outcome
            return await self._note(action, written(action.note, state="undone", created=True))
        body = applied.undo_patch(found, before)
        query = {"fieldManager": applied.MANAGER}
        answer = await self._transport.send("PATCH", path_of(action.note), query, body, MERGE_PATCH)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            return _unspoken(outcome_of(answer), action.note)
        self._show(action.note.resource, answer)
        return await self._note(action, written(action.note, state="undone"))

    async def _unmark(self, action: Unmark, found: _JsonObject | None) -> Outcome:
        before = applied.applied_before(found, action.run) if found is not None else None
        if found is None or before is None:
            return await self._note(action, None)
        if found["metadata"].get("deletionTimestamp"):
            return await _look_again()
        body = applied.forget_patch(found, before if action.note.state == "undone" else None)
        query = {"fieldManager": applied.MANAGER}
        answer = await self._transport.send("PATCH", path_of(action.note), query, body, MERGE_PATCH)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            return _unspoken(outcome_of(answer), action.note)
        self._show(action.note.resource, answer)
        return Outcome("done") if action.keep_note else await self._note(action, None)

    # -- the state ---------------------------------------------------------------------------------------------

    def _show(self, resource: Resource, answer: Answer) -> None:
        kind = watched_kind(resource)
        if kind is not None:
            self._mirror.put(decode_object(kind, answer.body))


def path_of(note: Note) -> str:
    root = f"/apis/{note.group}/{note.version}" if note.group else f"/api/{note.version}"
    where = f"/namespaces/{quote(note.namespace, safe='')}" if note.namespace else ""
    return f"{root}{where}/{note.plural}/{quote(note.name, safe='')}"


async def _look_again() -> Outcome:
    """It is being deleted, which may take a while and is nothing to tell of."""
    await asyncio.sleep(_PAUSE)
    return Outcome("conflict", "it is being deleted")


def _on_version(body: _JsonObject, found: _JsonObject | None) -> _JsonObject:
    if found is None:
        return body
    return {**body, "metadata": {**body["metadata"], "resourceVersion": found["metadata"]["resourceVersion"]}}


def _conflict(managers: Mapping[str, str]) -> str:
    fields = "; ".join(f"{field} belongs to {manager}" for field, manager in list(managers.items())[:3])
    return f"{fields}: take these fields out of the manifest, or take them over with `force: true`"


def _unspoken(outcome: Outcome, note: Note) -> Outcome:
    """The server's words about a Secret may hold what is secret."""
    return msgspec.structs.replace(outcome, message=_UNSPOKEN) if note.kind == "Secret" else outcome
