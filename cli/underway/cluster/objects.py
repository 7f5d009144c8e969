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


Object: TypeAlias = (
    Node | Pod | Workload | Autoscaler | Budget | Service | EndpointSlice | NetworkPolicy | Claim | Volume | Lease
)
