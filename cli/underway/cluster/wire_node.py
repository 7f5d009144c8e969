"""Nodes, volumes, claims, budgets, quotas and Leases on the wire."""

from __future__ import annotations

from datetime import datetime

import msgspec

from underway.cluster.model import Budget, Claim, Lease, Node, Volume
from underway.cluster.objects import Quota
from underway.cluster.podspec import Taint
from underway.cluster.state import MARK
from underway.cluster.wire_affinity import WireNodeSelector
from underway.cluster.wire_metadata import ABSENT, OURS, Condition, Wire, WireObject, WireSelector, given, share
from underway.cluster.wire_podspec import WireAmounts, amounts


class WireTaint(Wire):
    key: str | None = None
    effect: str | None = None
    value: str | None = None


class WireNodeSpec(Wire):
    taints: list[WireTaint] | None = None
    unschedulable: bool | None = None


class WireNodeInfo(Wire):
    kubelet_version: str | None = None


class WireNodeStatus(Wire):
    allocatable: WireAmounts | None = None
    conditions: list[Condition] | None = None
    node_info: WireNodeInfo | None = None


class WireNode(WireObject):
    spec: WireNodeSpec | None = None
    status: WireNodeStatus | None = None

    def decoded(self) -> Node:
        own, spec, status = self.own, self.spec or WireNodeSpec(), self.status or WireNodeStatus()
        conditions = {one.type: one for one in status.conditions or () if one.type}
        ready = conditions.get("Ready", Condition())
        return Node(
            uid=own.uid or "",
            name=own.name or "",
            labels=own.labels or {},
            annotations=own.kept_annotations(OURS),
            taints=tuple(taint for found in spec.taints or () if (taint := _taint(found))),
            unschedulable=bool(spec.unschedulable),
            allocatable=amounts(status.allocatable),
            ready=ready.status == "True",
            ready_since=ready.last_transition_time if ready.status == "True" else None,
            conditions={kind: one.status or "Unknown" for kind, one in conditions.items()},
            kubelet_version=(status.node_info and status.node_info.kubelet_version) or "",
            resource_version=own.resource_version or "",
        )


def _taint(found: WireTaint) -> Taint | None:
    match found.effect:
        case "NoSchedule" | "PreferNoSchedule" | "NoExecute" as effect:
            return Taint(found.key or "", effect, found.value or "")
        case _:
            return None


class WireVolumeNodeAffinity(Wire):
    required: WireNodeSelector | None = None


_FILE_SERVERS = ("efs.", "nfs.", "smb.", "file.", "filestore.", "fsx.")
"""How the names of the CSI drivers begin that serve files: their volumes are mounted, not attached."""


class WireDriver(Wire):
    driver: str | None = None


class WirePersistentVolumeSpec(Wire):
    node_affinity: WireVolumeNodeAffinity | None = None
    csi: WireDriver | None = None


class WirePersistentVolume(WireObject):
    spec: WirePersistentVolumeSpec | None = None

    def decoded(self) -> Volume:
        affinity = self.spec.node_affinity if self.spec else None
        driver = self.spec.csi.driver if self.spec and self.spec.csi else None
        return Volume(
            uid=self.own.uid or "",
            name=self.own.name or "",
            node_terms=affinity.required.decoded() if affinity and affinity.required else None,
            attachable=driver is not None and not driver.startswith(_FILE_SERVERS),
            resource_version=self.own.resource_version or "",
        )


class WireClaimSpec(Wire):
    access_modes: list[str] | None = None
    volume_name: str | None = None


class WireClaim(WireObject):
    spec: WireClaimSpec | None = None

    def decoded(self) -> Claim:
        own, spec = self.own, self.spec or WireClaimSpec()
        return Claim(
            uid=own.uid or "",
            namespace=own.namespace or "default",
            name=own.name or "",
            modes=tuple(spec.access_modes or ()),
            volume=spec.volume_name or "",
            resource_version=own.resource_version or "",
        )


class WireBudgetSpec(Wire):
    selector: WireSelector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    unhealthy_pod_eviction_policy: str | None = None


class WireBudgetStatus(Wire):
    observed_generation: int | None = None
    disruptions_allowed: int | None = None
    current_healthy: int | None = None
    desired_healthy: int | None = None
    expected_pods: int | None = None
    disrupted_pods: dict[str, datetime | None] | None = None


class WireBudget(WireObject):
    spec: WireBudgetSpec | None = None
    status: WireBudgetStatus | None = None

    def decoded(self) -> Budget:
        own, spec, status = self.own, self.spec or WireBudgetSpec(), self.status or WireBudgetStatus()
        return Budget(
            uid=own.uid or "",
            namespace=own.namespace or "default",
            name=own.name or "",
            selector=spec.selector.decoded() if spec.selector else None,
            min_available=share(spec.min_available),
            max_unavailable=share(spec.max_unavailable),
            always_allow_unhealthy=spec.unhealthy_pod_eviction_policy == "AlwaysAllow",
            generation=own.generation or 0,
            observed_generation=status.observed_generation or 0,
            disruptions_allowed=status.disruptions_allowed or 0,
            current_healthy=status.current_healthy or 0,
            desired_healthy=status.desired_healthy or 0,
            expected_pods=status.expected_pods or 0,
            disrupted_pods=frozenset(status.disrupted_pods or ()),
            annotations=own.kept_annotations(OURS),
            resource_version=own.resource_version or "",
        )


class WireLeaseSpec(Wire):
    holder_identity: str | None = None
    renew_time: datetime | None = None
    lease_duration_seconds: int | None = None


class WireLease(WireObject):
    spec: WireLeaseSpec | None = None

    def decoded(self) -> Lease:
        own, spec = self.own, self.spec or WireLeaseSpec()
        return Lease(
            uid=own.uid or "",
            namespace=own.namespace or "default",
            name=own.name or "",
            run=(own.labels or {}).get(MARK, ""),
            holder=spec.holder_identity or "",
            renewed=spec.renew_time,
            duration_seconds=spec.lease_duration_seconds or 0,
            annotations=own.kept_annotations(OURS),
            resource_version=own.resource_version or "",
        )


class WireQuotaSpec(Wire):
    hard: WireAmounts | None = None
    scopes: list[str] | None = None
    scope_selector: msgspec.Raw = ABSENT


_LIMITED = {
    "pods": "pods",
    "count/pods": "pods",
    "cpu": "cpu",
    "requests.cpu": "cpu",
    "memory": "memory",
    "requests.memory": "memory",
}
"""What a quota's keys limit."""


class WireQuota(WireObject):
    spec: WireQuotaSpec | None = None

    def decoded(self) -> Quota:
        own, spec = self.own, self.spec or WireQuotaSpec()
        hard: dict[str, int] = {}
        for key, value in (spec.hard or {}).items():
            resource = _LIMITED.get(key)
            if resource is not None and not spec.scopes and not given(spec.scope_selector):
                most = amounts({resource: value}).get(resource, 0)  # a quantity that is null is none
                hard[resource] = min(hard.get(resource, most), most)
        return Quota(
            uid=own.uid or "",
            namespace=own.namespace or "default",
            name=own.name or "",
            hard=hard,
            resource_version=own.resource_version or "",
        )
