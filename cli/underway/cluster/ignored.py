"""Objects that Underway does not look at, and what that means for a simulation that is made without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from underway.cluster.kinds import KUBERNETES, guessed, ref_of
from underway.cluster.wire import RESOURCES, Resource

_MEANING = {
    "CronJob": "the Jobs that it makes are not in the simulation",
    "LimitRange": "the requests and limits that it gives to pods are not in the simulation",
    "MutatingWebhookConfiguration": "what it changes in pods is not in the simulation",
    "ReplicationController": "the pods that it makes are not in the simulation",
    "RuntimeClass": "the overhead that it gives to pods is not in the simulation",
}
_SERVED = {found.api_kind: f"{found.group}/{found.version}".lstrip("/") for found in RESOURCES.values()}


class Ignored(msgspec.Struct, frozen=True, kw_only=True, order=True, rename="camel"):
    """`object` as kubectl prints it; `reason`: what follows, empty where nothing does for maintenance."""

    object: str
    api_version: str
    kind: str
    reason: str = ""


def is_gone(api_version: str, kind: str) -> bool:
    """Whether this is an object of Kubernetes itself in a version that no API server serves any more (of those that
    `KUBERNETES` describes), of a kind that Underway looks at.
    """
    group, slash, _ = api_version.rpartition("/")
    own = not slash or "." not in group or group.endswith(".k8s.io")
    if kind not in _SERVED or not own:
        return False
    return (api_version, kind) not in KUBERNETES


def ignored(document: Mapping[str, Any]) -> Ignored:
    """`document`: a manifest, whatever it holds."""
    api_version, kind = str(document["apiVersion"]), str(document["kind"])
    metadata = document.get("metadata")
    told = metadata if isinstance(metadata, dict) else {}
    namespace, name = (str(told.get(key) or "") for key in ("namespace", "name"))
    group, _, version = api_version.rpartition("/")
    resource = KUBERNETES.get((api_version, kind))
    if resource is None:
        resource = Resource(group, version, guessed(kind), bool(namespace) or is_gone(api_version, kind), kind)
    reason = _MEANING.get(kind, "")
    if is_gone(api_version, kind):
        reason = f"no API server takes {api_version} any more, {_SERVED[kind]} is its successor"
    named = str(ref_of(resource, namespace or "default", name))
    return Ignored(object=named, api_version=api_version, kind=kind, reason=reason)
