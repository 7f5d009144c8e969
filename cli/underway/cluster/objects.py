"""Every kind of object that is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from underway.cluster.model import (
    Budget,
    Claim,
    EndpointSlice,
    Lease,
    NetworkPolicy,
    Node,
    Pod,
    Ref,
    Service,
    Volume,
    Workload,
)


class Autoscaler(msgspec.Struct, frozen=True, gc=False):
    """A HorizontalPodAutoscaler. `target`: the workload whose replicas it decides, its kind in lower case.
    `measuring`: it can tell how many are needed (ScalingActive); otherwise it only holds to its bounds.
    """

    uid: str
    namespace: str
    name: str
    target: Ref
    min_replicas: int = 1
    max_replicas: int = 1
    measuring: bool = False
    annotations: Mapping[str, str] = {}
    """Only those of underway.dev."""
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("horizontalpodautoscaler", self.namespace, self.name)


class Quota(msgspec.Struct, frozen=True, gc=False):
    """A ResourceQuota, as far as it limits what pods request: `hard` has `pods`, `cpu` and `memory`, in the units of
    `Pod.spec.requests`. One with scopes limits nothing here: it is about some pods only.
    """

    uid: str
    namespace: str
    name: str
    hard: Mapping[str, int] = {}
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("resourcequota", self.namespace, self.name)


_Own: TypeAlias = Node | Pod | Workload | Budget | Service | EndpointSlice
_Others: TypeAlias = Autoscaler | Quota | NetworkPolicy | Claim | Volume | Lease
Object: TypeAlias = _Own | _Others
