"""Pods on the wire."""

from __future__ import annotations

import sys
from datetime import datetime

import msgspec

from underway.cluster.model import Pod
from underway.cluster.wire_metadata import ABSENT, OURS, Condition, Wire, WireObject, given
from underway.cluster.wire_podspec import podspec

_MIRROR = "kubernetes.io/config.mirror"
_USUAL = ("ContainerCreating", "PodInitializing")
"""Why a container waits while all is well."""


class WireReason(Wire):
    reason: str | None = None
    message: str | None = None


class WireRunning(Wire):
    started_at: datetime | None = None


class WireTerminated(WireRunning):
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None

    def told(self) -> str:
        """Empty if it ended well."""
        if not self.exit_code:
            return ""
        ended = f"exit status {self.exit_code}" + (f" ({self.reason})" if self.reason not in (None, "Error") else "")
        said = " ".join((self.message or "").split())
        return f"{ended}: {said}" if said else ended


class WireContainerState(Wire):
    waiting: WireReason | None = None
    running: WireRunning | None = None
    terminated: WireTerminated | None = None


class WireContainerStatus(Wire):
    restart_count: int | None = None
    state: WireContainerState | None = None


class WirePodStatus(Wire):
    phase: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[WireContainerStatus] | None = None
    init_container_statuses: list[WireContainerStatus] | None = None
    pod_ip: str | None = msgspec.field(name="podIP", default=None)

    def condition(self, kind: str) -> Condition:
        return next((found for found in self.conditions or () if found.type == kind), Condition())

    def started(self) -> datetime | None:
        """When the last of the containers began to run."""
        states = [found.state for found in self.container_statuses or () if found.state]
        spans = [state.running or state.terminated for state in states]
        return max((span.started_at for span in spans if span and span.started_at), default=None)

    def restarts(self) -> int:
        return sum(found.restart_count or 0 for found in self.container_statuses or ())

    def waiting(self) -> str:
        scheduled = self.condition("PodScheduled")
        if scheduled.status == "False":
            return scheduled.message or scheduled.reason or ""
        for found in (*(self.init_container_statuses or ()), *(self.container_statuses or ())):
            why = found.state.waiting if found.state else None
            if why and why.reason and why.reason not in _USUAL:
                return f"{why.reason}: {why.message}" if why.message else why.reason
        return ""

    def ending(self) -> str:
        ends = (found.state.terminated for found in self.container_statuses or () if found.state)
        return next((told for end in ends if end and (told := end.told())), "")


class WireBinding(Wire):
    """The one part of a pod's spec that is its own."""

    node_name: str | None = None


_binding = msgspec.json.Decoder(WireBinding)


class WirePod(WireObject):
    spec: msgspec.Raw = ABSENT
    status: WirePodStatus | None = None

    def decoded(self) -> Pod:
        own, status = self.own, self.status or WirePodStatus()
        ready, scheduled = status.condition("Ready"), status.condition("PodScheduled")
        binding = _binding.decode(self.spec) if given(self.spec) else WireBinding()
        return Pod(
            uid=own.uid or "",
            namespace=sys.intern(own.namespace or "default"),
            name=own.name or "",
            node=sys.intern(binding.node_name or ""),
            labels=own.kept_labels(),
            annotations=own.kept_annotations(OURS, "controller.kubernetes.io/"),
            owner=own.controller(),
            spec=podspec(self.spec),
            phase=status.phase or "Pending",
            ready=ready.status == "True",
            deleting=own.deletion_timestamp,
            mirror=_MIRROR in (own.annotations or ()),
            created=own.creation_timestamp,
            scheduled=scheduled.last_transition_time if scheduled.status == "True" else None,
            started=status.started(),
            ready_since=ready.last_transition_time if ready.status == "True" else None,
            restarts=status.restarts(),
            waiting=status.waiting(),
            ending=status.ending(),
            ip=status.pod_ip or "",
            resource_version=own.resource_version or "",
        )
