"""The API's JSON to the cluster's model: one object, a page of a list, or an event of a watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from underway.cluster.objects import Object
from underway.cluster.wire_metadata import ABSENT, Wire, given
from underway.cluster.wire_node import (
    WireBudget,
    WireClaim,
    WireLease,
    WireNode,
    WirePersistentVolume,
    WireQuota,
)
from underway.cluster.wire_pod import WirePod
from underway.cluster.wire_service import WireEndpointSlice, WireNetworkPolicy, WireService
from underway.cluster.wire_workload import (
    WireAutoscaler,
    WireDaemonSet,
    WireDeployment,
    WireJob,
    WireReplicaSet,
    WireStatefulSet,
)


class Resource(NamedTuple):
    """Where the API serves a kind. `api_kind` is the kind as manifests write it."""

    group: str
    version: str
    plural: str
    namespaced: bool
    api_kind: str


RESOURCES: Mapping[str, Resource] = {
    "node": Resource("", "v1", "nodes", False, "Node"),
    "pod": Resource("", "v1", "pods", True, "Pod"),
    "deployment": Resource("apps", "v1", "deployments", True, "Deployment"),
    "replicaset": Resource("apps", "v1", "replicasets", True, "ReplicaSet"),
    "statefulset": Resource("apps", "v1", "statefulsets", True, "StatefulSet"),
    "daemonset": Resource("apps", "v1", "daemonsets", True, "DaemonSet"),
    "job": Resource("batch", "v1", "jobs", True, "Job"),
    "horizontalpodautoscaler": Resource(
        "autoscaling", "v2", "horizontalpodautoscalers", True, "HorizontalPodAutoscaler"
    ),
    "poddisruptionbudget": Resource("policy", "v1", "poddisruptionbudgets", True, "PodDisruptionBudget"),
    "service": Resource("", "v1", "services", True, "Service"),
    "endpointslice": Resource("discovery.k8s.io", "v1", "endpointslices", True, "EndpointSlice"),
    "networkpolicy": Resource("networking.k8s.io", "v1", "networkpolicies", True, "NetworkPolicy"),
    "persistentvolumeclaim": Resource("", "v1", "persistentvolumeclaims", True, "PersistentVolumeClaim"),
    "persistentvolume": Resource("", "v1", "persistentvolumes", False, "PersistentVolume"),
    "resourcequota": Resource("", "v1", "resourcequotas", True, "ResourceQuota"),
    "lease": Resource("coordination.k8s.io", "v1", "leases", True, "Lease"),
}
_KINDS: Mapping[tuple[str, str], str] = {(found.group, found.api_kind): kind for kind, found in RESOURCES.items()}


class _Decodable(Protocol):
    def decoded(self) -> Object: ...


_W = TypeVar("_W", bound=_Decodable)


class _ListMetadata(Wire):
    resource_version: str | None = None
    continue_: str | None = msgspec.field(name="continue", default=None)


class _List(msgspec.Struct, Generic[_W]):
    metadata: _ListMetadata | None = None
    items: list[_W] | None = None


class _Line(Wire):
    type: str | None = None
    object: msgspec.Raw = ABSENT


class _Identity(Wire):
    resource_version: str | None = None


class _Notice(Wire):
    """What a BOOKMARK and an ERROR have: the one a resourceVersion, the other a code."""

    metadata: _Identity | None = None
    code: int | None = None
    reason: str | None = None
    message: str | None = None


class Page(NamedTuple):
    """`continue_token` is empty on the last page."""

    items: list[Object]
    resource_version: str
    continue_token: str


class WatchEvent(NamedTuple):
    """`type` is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR; only the first three have an object, only the last a
    code (an HTTP status) and a message.
    """

    type: str
    object: Object | None = None
    resource_version: str = ""
    status_code: int = 0
    message: str = ""


class _Decoders(Generic[_W]):
    def __init__(self, wire: type[_W]) -> None:
        self._one: msgspec.json.Decoder[_W] = msgspec.json.Decoder(wire, strict=False)
        pages: Any = _List
        self._many: msgspec.json.Decoder[_List[_W]] = msgspec.json.Decoder(pages[wire], strict=False)

    def one(self, data: bytes | msgspec.Raw) -> Object:
        return self._one.decode(data).decoded()

    def many(self, data: bytes) -> Page:
        found = self._many.decode(data)
        metadata = found.metadata or _ListMetadata()
        items = [item.decoded() for item in found.items or ()]
        return Page(items, metadata.resource_version or "", metadata.continue_ or "")


_DECODERS: Mapping[str, _Decoders[Any]] = {
    "node": _Decoders(WireNode),
    "pod": _Decoders(WirePod),
    "deployment": _Decoders(WireDeployment),
    "replicaset": _Decoders(WireReplicaSet),
    "statefulset": _Decoders(WireStatefulSet),
    "daemonset": _Decoders(WireDaemonSet),
    "job": _Decoders(WireJob),
    "horizontalpodautoscaler": _Decoders(WireAutoscaler),
    "poddisruptionbudget": _Decoders(WireBudget),
    "service": _Decoders(WireService),
    "endpointslice": _Decoders(WireEndpointSlice),
    "networkpolicy": _Decoders(WireNetworkPolicy),
    "persistentvolumeclaim": _Decoders(WireClaim),
    "persistentvolume": _Decoders(WirePersistentVolume),
    "resourcequota": _Decoders(WireQuota),
    "lease": _Decoders(WireLease),
}
_line = msgspec.json.Decoder(_Line)
_notice = msgspec.json.Decoder(_Notice, strict=False)


def decode_object(kind: str, data: bytes) -> Object:
    """Raises ValueError for what is no JSON, or has a value of another type than the API's."""
    return _DECODERS[kind].one(data)


def decode_list(kind: str, data: bytes) -> Page:
    """Raises ValueError as `decode_object` does."""
    return _DECODERS[kind].many(data)


def decode_event(kind: str, line: bytes) -> WatchEvent:
    """Raises ValueError as `decode_object` does."""
    found = _line.decode(line)
    if not given(found.object):
        return WatchEvent(found.type or "")
    if found.type in ("ADDED", "MODIFIED", "DELETED"):
        decoded = _DECODERS[kind].one(found.object)
        return WatchEvent(found.type, decoded, decoded.resource_version)
    notice = _notice.decode(found.object)
    version = (notice.metadata and notice.metadata.resource_version) or ""
    return WatchEvent(found.type or "", None, version, notice.code or 0, notice.message or notice.reason or "")


def from_mapping(source: Mapping[str, Any]) -> Object | None:
    """Read an object as a manifest or a snapshot holds it; None for a kind that Underway does not look at.

    What only a server fills in (uid, status) stays empty; a namespaced object without a namespace is in `default`.
    Raises ValueError, with the path, for a value of another type than the API's.
    """
    group, slash, _ = str(source.get("apiVersion", "")).rpartition("/")
    kind = _KINDS.get((group if slash else "", str(source.get("kind", ""))))
    return None if kind is None else decode_object(kind, msgspec.json.encode(source))
