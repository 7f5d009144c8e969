"""Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and HorizontalPodAutoscalers on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from underway.cluster.model import Ref, Template, Workload
from underway.cluster.objects import Autoscaler
from underway.cluster.wire_metadata import ABSENT, OURS, Condition, Once, Wire, WireObject, WireSelector, given, share
from underway.cluster.wire_podspec import digest, podspec

_HASH = "pod-template-hash"
_GENERATION = "deprecated.daemonset.template.generation"


class WireNamed(Wire):
    name: str | None = None
    image: str | None = None


class WireContainers(Wire):
    containers: list[WireNamed] | None = None
    init_containers: list[WireNamed] | None = None
    node_name: str | None = None

    def decoded(self) -> tuple[Mapping[str, str], str]:
        found = (*(self.init_containers or ()), *(self.containers or ()))
        return {one.name: one.image or "" for one in found if one.name}, self.node_name or ""


_CONTAINERS = msgspec.json.Decoder(WireContainers)
_BESIDE_SPEC = Once[tuple[Mapping[str, str], str]](512)


class WireTemplate(WireObject):
    spec: msgspec.Raw = ABSENT

    def decoded(self) -> Template:
        """A ReplicaSet's template has the same hash as that of its Deployment: the label that tells them apart does
        not count.
        """
        labels = self.own.labels or {}
        told = sorted((key, value) for key, value in labels.items() if key != _HASH)
        noted = sorted((self.own.annotations or {}).items())
        text = msgspec.json.encode((told, noted)) + digest(self.spec)
        images, node = self._beside_spec()
        return Template(labels, podspec(self.spec), blake2b(text, digest_size=8).hexdigest(), images, node)

    def _beside_spec(self) -> tuple[Mapping[str, str], str]:
        """What the spec holds that a pod's does not have in the model: images by container, nodeName."""
        if not given(self.spec):
            return {}, ""
        key = bytes(self.spec)
        known = _BESIDE_SPEC.get(key)
        return _BESIDE_SPEC.once(key, _CONTAINERS.decode(self.spec).decoded()) if known is None else known


class WireRollingUpdate(Wire):
    partition: int | None = None
    max_surge: int | str | None = None
    max_unavailable: int | str | None = None


class WireStrategy(Wire):
    type: str | None = None
    rolling_update: WireRollingUpdate | None = None


class WirePodCondition(Wire):
    type: str | None = None
    status: str | None = None


class WireFailureRule(Wire):
    action: str | None = None
    on_pod_conditions: list[WirePodCondition] | None = None

    def is_about_disruption(self) -> bool:
        """Whether it is about pods that were evicted, preempted or lost with their node."""
        told = ((one.type, one.status or "True") for one in self.on_pod_conditions or ())
        return ("DisruptionTarget", "True") in told


class WireFailurePolicy(Wire):
    rules: list[WireFailureRule] | None = None

    def forgives(self) -> bool:
        """The first rule that is about it decides."""
        return next((one.action == "Ignore" for one in self.rules or () if one.is_about_disruption()), False)


class WireOrdinals(Wire):
    start: int | None = None


class WireWorkloadSpec(Wire):
    replicas: int | None = None
    selector: WireSelector | None = None
    template: WireTemplate | None = None
    strategy: WireStrategy | None = None
    update_strategy: WireStrategy | None = None
    paused: bool | None = None
    suspend: bool | None = None
    parallelism: int | None = None
    pod_management_policy: str | None = None
    ordinals: WireOrdinals | None = None
    volume_claim_templates: list[WireObject] | None = None
    backoff_limit: int | None = None
    completions: int | None = None
    pod_failure_policy: WireFailurePolicy | None = None
    min_ready_seconds: int | None = None
    progress_deadline_seconds: int | None = None


class WireWorkloadStatus(Wire):
    replicas: int | None = None
    ready_replicas: int | None = None
    available_replicas: int | None = None
    updated_replicas: int | None = None
    observed_generation: int | None = None
    desired_number_scheduled: int | None = None
    current_number_scheduled: int | None = None
    number_ready: int | None = None
    number_available: int | None = None
    updated_number_scheduled: int | None = None
    active: int | None = None
    ready: int | None = None
    failed: int | None = None
    succeeded: int | None = None
    current_revision: str | None = None
    update_revision: str | None = None
    conditions: list[Condition] | None = None

    def condition(self, kind: str) -> Condition | None:
        return next((one for one in self.conditions or () if one.type == kind and one.status == "True"), None)


class WireWorkload(WireObject):
    spec: WireWorkloadSpec | None = None
    status: WireWorkloadStatus | None = None

    @property
    def asked(self) -> WireWorkloadSpec:
        return self.spec or WireWorkloadSpec()

    @property
    def told(self) -> WireWorkloadStatus:
        return self.status or WireWorkloadStatus()

    def workload(
        self, kind: Literal["deployment", "replicaset", "statefulset", "daemonset", "job"], **fields: Any
    ) -> Workload:
        own, spec = self.own, self.asked
        return Workload(
            kind=kind,
            uid=own.uid or "",
            namespace=own.namespace or "default",
            name=own.name or "",
            labels=own.kept_labels(),
            annotations=own.kept_annotations(OURS, "deployment.kubernetes.io/"),
            owner=own.controller(),
            selector=spec.selector.decoded() if spec.selector else None,
            template=spec.template.decoded() if spec.template else None,
            generation=own.generation or 0,
            observed_generation=self.told.observed_generation or 0,
            deleting=own.deletion_timestamp is not None,
            min_ready_seconds=spec.min_ready_seconds or 0,
            resource_version=own.resource_version or "",
            **fields,
        )

    def counts(self) -> dict[str, int]:
        replicas, status = self.asked.replicas, self.told
        return {
            "replicas": 1 if replicas is None else replicas,
            "ready": status.ready_replicas or 0,
            "available": status.available_replicas or 0,
            "updated": status.updated_replicas or 0,
            "current": status.replicas or 0,
        }


class WireDeployment(WireWorkload):
    def decoded(self) -> Workload:
        asked = self.asked
        return self.workload(
            "deployment",
            **_strategy(asked.strategy),
            paused=bool(asked.paused),
            progress_deadline_seconds=asked.progress_deadline_seconds or 600,
            **self.counts(),
        )


class WireReplicaSet(WireWorkload):
    def decoded(self) -> Workload:
        cannot = self.told.condition("ReplicaFailure")
        return self.workload("replicaset", failure=_words(cannot), **self.counts())


class WireStatefulSet(WireWorkload):
    def decoded(self) -> Workload:
        asked, told = self.asked, self.told
        rolling = (asked.update_strategy and asked.update_strategy.rolling_update) or WireRollingUpdate()
        return self.workload(
            "statefulset",
            **_strategy(asked.update_strategy),
            parallel=asked.pod_management_policy == "Parallel",
            partition=rolling.partition or 0,
            claim_templates=tuple(each.own.name or "" for each in asked.volume_claim_templates or ()),
            first_ordinal=(asked.ordinals and asked.ordinals.start) or 0,
            current_revision=told.current_revision or "",
            update_revision=told.update_revision or "",
            **self.counts(),
        )


class WireDaemonSet(WireWorkload):
    def decoded(self) -> Workload:
        status = self.told
        return self.workload(
            "daemonset",
            **_strategy(self.asked.update_strategy),
            replicas=status.desired_number_scheduled or 0,
            ready=status.number_ready or 0,
            available=status.number_available or 0,
            updated=status.updated_number_scheduled or 0,
            current=status.current_number_scheduled or 0,
            update_revision=(self.own.annotations or {}).get(_GENERATION, ""),
        )


class WireJob(WireWorkload):
    def decoded(self) -> Workload:
        spec, status = self.asked, self.told
        failed = status.condition("Failed")
        return self.workload(
            "job",
            paused=bool(spec.suspend),
            replicas=1 if spec.parallelism is None else spec.parallelism,
            ready=status.ready or 0,
            current=status.active or 0,
            backoff_limit=6 if spec.backoff_limit is None else spec.backoff_limit,
            completions=1 if spec.completions is None and spec.parallelism is None else spec.completions,
            forgiving=spec.pod_failure_policy is not None and spec.pod_failure_policy.forgives(),
            failed=status.failed or 0,
            succeeded=status.succeeded or 0,
            complete=status.condition("Complete") is not None,
            failure=_words(failed),
        )


class WireTargetRef(Wire):
    kind: str | None = None
    name: str | None = None


class WireAutoscalerSpec(Wire):
    scale_target_ref: WireTargetRef | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None


class WireAutoscaler(WireObject):
    """Of autoscaling/v2, and of v1 as far as it says the same."""

    spec: WireAutoscalerSpec | None = None
    status: WireWorkloadStatus | None = None

    def decoded(self) -> Autoscaler:
        own, spec = self.own, self.spec or WireAutoscalerSpec()
        target, namespace = spec.scale_target_ref or WireTargetRef(), own.namespace or "default"
        return Autoscaler(
            uid=own.uid or "",
            namespace=namespace,
            name=own.name or "",
            target=Ref((target.kind or "").lower(), namespace, target.name or ""),
            min_replicas=1 if spec.min_replicas is None else spec.min_replicas,
            max_replicas=spec.max_replicas or 1,
            measuring=(self.status or WireWorkloadStatus()).condition("ScalingActive") is not None,
            annotations=own.kept_annotations(OURS),
            resource_version=own.resource_version or "",
        )


def _words(condition: Condition | None) -> str:
    return (condition.message or condition.reason or "failed") if condition else ""


def _strategy(strategy: WireStrategy | None) -> dict[str, Any]:
    rolling = (strategy and strategy.rolling_update) or WireRollingUpdate()
    return {
        "strategy": (strategy and strategy.type) or "RollingUpdate",
        "max_surge": share(rolling.max_surge),
        "max_unavailable": share(rolling.max_unavailable),
    }
