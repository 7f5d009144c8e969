"""The marks that applying a manifest leaves on the object: who applied it, and what was there before."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from underway.cluster.templates import difference

APPLIED = "underway.dev/applied"
"""The run that has applied it."""
BEFORE = "underway.dev/before"
"""A `Before`, packed."""
MANAGER = "underway"
MOST_BEFORE = 200 * 1024
"""All annotations of an object together may have 256 KiB."""
_ALWAYS_NEW = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid", "deletionTimestamp"}
)


class Before(msgspec.Struct, frozen=True):
    """What an object was. `created`: nothing. `patch` is the merge patch that puts it back, `managers` its
    managedFields.
    """

    created: bool = False
    patch: dict[str, Any] = {}
    managers: list[dict[str, Any]] = []


def pack(before: Before) -> str:
    """Small, and not for the eye: `base64 -d | zlib-flate -uncompress` shows it."""
    return base64.b64encode(zlib.compress(msgspec.json.encode(before), 9)).decode()


def unpack(text: str) -> Before:
    """Raises ValueError for what nobody has packed."""
    try:
        return msgspec.json.decode(zlib.decompress(base64.b64decode(text)), type=Before)
    except (zlib.error, ValueError) as error:
        raise ValueError("its note of what it was cannot be read (annotation underway.dev/before)") from error


def before_of(found: Mapping[str, Any], after: Mapping[str, Any], run: str) -> Before:
    """What has to be put back when `found` has become `after`. What this run has applied before counts as not yet
    done. Raises ValueError as `unpack`.
    """
    known = applied_before(found, run)
    if known is not None and known.created:
        return known
    was = patched(_content(found), known.patch) if known is not None else _content(found)
    managers = known.managers if known is not None else found["metadata"].get("managedFields") or []
    return Before(patch=difference(_content(after), was), managers=managers)


def applied_before(found: Mapping[str, Any], run: str) -> Before | None:
    annotations = found["metadata"].get("annotations") or {}
    return unpack(annotations[BEFORE]) if annotations.get(APPLIED) == run and BEFORE in annotations else None


def other_run(found: Mapping[str, Any], run: str) -> str | None:
    """Another run that has left its marks on the object."""
    other: str | None = (found["metadata"].get("annotations") or {}).get(APPLIED)
    return other if other != run else None


def marked_manifest(manifest: Mapping[str, Any], run: str, before: Before) -> dict[str, Any]:
    metadata = dict(manifest["metadata"])
    metadata["annotations"] = {**(metadata.get("annotations") or {}), APPLIED: run, BEFORE: pack(before)}
    return {**manifest, "metadata": metadata}


def undo_patch(found: Mapping[str, Any], before: Before) -> dict[str, Any]:
    """Puts the fields back; the marks stay."""
    metadata = {**before.patch.get("metadata", {}), **_identity(found)}
    return {**before.patch, "metadata": metadata}


def forget_patch(found: Mapping[str, Any], before: Before | None) -> dict[str, Any]:
    """Takes the marks away and, given what was before, gives its fields back to those who managed them."""
    metadata: dict[str, Any] = {**_identity(found), "annotations": {APPLIED: None, BEFORE: None}}
    if before is not None:
        metadata["managedFields"] = list(_managers(found["metadata"].get("managedFields") or [], before.managers))
    return {"metadata": metadata}


def _identity(found: Mapping[str, Any]) -> dict[str, str]:
    own = found["metadata"]
    return {"uid": own["uid"], "resourceVersion": own["resourceVersion"]}


def _managers(now: list[dict[str, Any]], was: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those of before as they were; of the others all but Underway, and who writes a status as it is now."""
    known = {_manager(one) for one in was if not one.get("subresource")}
    yield from (one for one in was if not one.get("subresource"))
    for one in now:
        if one.get("subresource") or (_manager(one) not in known and one.get("manager") != MANAGER):
            yield one


def _manager(one: Mapping[str, Any]) -> tuple[object, ...]:
    return one.get("manager"), one.get("operation"), one.get("apiVersion")


def _content(found: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody has written of an object: not what only the server keeps, nor our own marks."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in _ALWAYS_NEW}
    annotations = metadata.pop("annotations", None) or {}
    kept = {key: value for key, value in annotations.items() if key not in (APPLIED, BEFORE)}
    if kept:
        metadata["annotations"] = kept
    rest = {key: value for key, value in found.items() if key not in ("status", "metadata")}
    return {**rest, "metadata": metadata}


def patched(target: Any, patch: Any) -> Any:
    """A merge patch (RFC 7386) carried out."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = patched(merged.get(key), value)
    return merged
