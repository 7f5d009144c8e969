"""Workloads as the API writes them, decoded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from underway.cluster.model import Workload
from underway.cluster.objects import Object
from underway.cluster.wire import decode_object
from underway.units import equality_selector


def decoded(kind: str, **parts: Any) -> Object:
    return decode_object(kind, msgspec.json.encode(parts))


META = {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7"}
APP = {"matchLabels": {"app": "web"}}
WEB = equality_selector([("app", "web")])


TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": "shop/web:1"}]}}


def workload(kind: str, spec: dict[str, Any], status: dict[str, Any] | None = None) -> Workload:
    found = decoded(kind, metadata=META | {"generation": 4}, spec=spec, status=status)
    assert isinstance(found, Workload)
    return found


def test_a_deployment() -> None:
    status = {
        "replicas": 4,
        "readyReplicas": 3,
        "availableReplicas": 2,
        "updatedReplicas": 1,
        "observedGeneration": 4,
    }
    spec = {"replicas": 3, "selector": APP, "template": TEMPLATE, "paused": True, "strategy": {"type": "Recreate"}}
    found = workload("deployment", spec, status)
    assert (found.replicas, found.current, found.ready, found.available, found.updated) == (3, 4, 3, 2, 1)
    assert (found.strategy, found.paused, found.generation, found.observed_generation) == ("Recreate", True, 4, 4)
    assert found.selector == WEB
    assert found.template is not None
    assert found.template.labels == {"app": "web"}
    assert found.template.spec.images == ("shop/web:1",)


def test_what_the_server_would_fill_in_is_filled_in() -> None:
    assert workload("deployment", {}).replicas == 1
    assert workload("statefulset", {"replicas": 0}).replicas == 0
    assert workload("daemonset", {}).strategy == "RollingUpdate"
    assert (workload("job", {}).backoff_limit, workload("job", {}).replicas) == (6, 1)


def test_a_replicaset_has_the_template_hash_of_its_deployment() -> None:
    labels = {"app": "web", "pod-template-hash": "abc"}
    own = {"metadata": {"labels": labels, "creationTimestamp": None}, "spec": TEMPLATE["spec"]}
    deployment, replicaset, other = (
        workload(kind, {"template": template}).template
        for kind, template in (
            ("deployment", TEMPLATE),
            ("replicaset", own),
            ("replicaset", own | {"spec": {"containers": [{"image": "shop/web:2"}]}}),
        )
    )
    assert deployment is not None
    assert replicaset is not None
    assert other is not None
    assert deployment.hash == replicaset.hash != other.hash
    assert replicaset.labels == labels


def test_a_statefulset_and_a_daemonset() -> None:
    status = {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}
    found = workload("statefulset", {"replicas": 3, "updateStrategy": {"type": "OnDelete"}}, status)
    assert (found.replicas, found.ready, found.updated, found.strategy) == (3, 2, 1, "OnDelete")
    assert not found.parallel
    assert workload("statefulset", {"podManagementPolicy": "Parallel"}, {}).parallel
    assert [workload("statefulset", spec).first_ordinal for spec in ({}, {"ordinals": {"start": 5}})] == [0, 5]
    volumes = {"volumeClaimTemplates": [{"metadata": {"name": "data"}}, {"metadata": {"name": "log"}}]}
    assert [workload("statefulset", spec).claim_templates for spec in ({}, volumes)] == [(), ("data", "log")]
    status = {
        "desiredNumberScheduled": 5,
        "currentNumberScheduled": 4,
        "numberReady": 3,
        "numberAvailable": 2,
        "updatedNumberScheduled": 1,
    }
    found = workload("daemonset", {}, status)
    assert (found.replicas, found.current, found.ready, found.available, found.updated) == (5, 4, 3, 2, 1)


def test_of_which_version_the_pods_shall_be() -> None:
    rolling = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
    found = workload("statefulset", rolling, {"currentRevision": "db-1", "updateRevision": "db-2"})
    assert (found.partition, found.current_revision, found.update_revision) == (2, "db-1", "db-2")
    numbered = META | {"annotations": {"deprecated.daemonset.template.generation": "7"}}
    agent = decoded("daemonset", metadata=numbered, spec={})
    assert isinstance(agent, Workload)
    assert agent.update_revision == "7"
    assert agent.annotations == {}
    assert workload("daemonset", {}).update_revision == ""


def test_a_job() -> None:
    found = workload("job", {"parallelism": 2, "backoffLimit": 0}, {"active": 2, "ready": 1, "failed": 1})
    assert (found.replicas, found.current, found.ready, found.failed, found.backoff_limit) == (2, 2, 1, 1, 0)
    assert (found.complete, found.failure) == (False, "")
    done = workload("job", {}, {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]})
    assert (done.complete, done.succeeded) == (True, 1)
    condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached…"}
    assert workload("job", {}, {"conditions": [condition]}).failure == "Job has reached…"
    assert not workload("job", {}, {"conditions": [condition | {"status": "False"}]}).failure


@pytest.mark.parametrize(
    ("spec", "completions"), [({}, 1), ({"parallelism": 2}, None), ({"parallelism": 2, "completions": 10}, 10)]
)
def test_how_often_a_job_has_to_succeed(spec: dict[str, Any], completions: int | None) -> None:
    assert workload("job", spec).completions == completions


def test_whether_a_job_forgives_evictions() -> None:
    bug = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    evicted = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    policies = [None, {"rules": [bug]}, {"rules": [bug, evicted]}, {"rules": [evicted | {"action": "Count"}, evicted]}]
    found = [workload("job", {"podFailurePolicy": policy}).forgiving for policy in policies]
    assert found == [False, False, True, False]


def test_only_the_controller_is_the_owner() -> None:
    owners = [
        {"kind": "Foo", "name": "f", "uid": "1"},
        {"kind": "Bar", "name": "b", "uid": "2", "controller": False},
        {"kind": "Rollout", "name": "r", "uid": "3", "controller": True},
    ]
    found = decoded("replicaset", metadata=META | {"ownerReferences": owners})
    assert isinstance(found, Workload)
    assert found.owner is not None
    assert (found.owner.kind, found.owner.uid) == ("Rollout", "3")
