"""Fields that do not exist and values of another type are refused, and nothing is that the API has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import models
from manifests import ONE, accepted, container, pod, refused, service, workload

from underway.simulated import api_fields
from underway.simulated.api_fields import Plain
from underway.simulated.structure import misshapen

SINCE_REMOVED = {"workloadRef"}
"""Fields of some versions since 1.34 that the library's version has no more."""
PLAIN = {
    Plain.WHOLE: "int",
    Plain.TRUTH: "bool",
    Plain.TEXT: "str datetime",
    Plain.EITHER: "object",
    Plain.TEXTS: "Dict[str, str]",
    Plain.AMOUNTS: "Dict[str, str]",
    Plain.WORDS: "List[str]",
}


def differences(path: str, level: Mapping[str, Any], model: Any) -> Iterator[str]:
    """How a level differs from the client library's model of it."""
    known = {model.attribute_map[name]: told for name, told in model.openapi_types.items()}
    yield from (f"{path}.{name}" for name in (known.keys() ^ level.keys()) - SINCE_REMOVED)
    for name, field in level.items():
        told = known.get(name, "")
        inner = getattr(models, told.removeprefix("List[").removesuffix("]"), None)
        match field:
            case Plain() if field in PLAIN:
                right = told in PLAIN[field].replace(", ", ",").split() or told == PLAIN[field]
            case Plain.LIST:
                right = told.startswith("List[V1") or told == "List[CoreV1ResourceClaim]" or "V2Metric" in told
            case Plain.MAPPING:
                right = (inner is not None and not told.startswith("List[")) or name in SINCE_REMOVED
            case list():
                right = told.startswith("List[") and inner is not None
                yield from differences(f"{path}.{name}", field[0], inner)
            case _:
                right = inner is not None and not told.startswith("List[")
                yield from differences(f"{path}.{name}", field, inner)
        if not right:
            yield f"{path}.{name}: {field} is {told}"


@pytest.mark.parametrize("key", api_fields.SPECS)
def test_the_fields_are_those_of_the_api(key: tuple[str, str]) -> None:
    version, kind = key
    prefix = {"autoscaling/v2": "V2"}.get(version, "V1")
    assert list(differences(kind, api_fields.SPECS[key], getattr(models, f"{prefix}{kind}Spec"))) == []
    assert list(differences("metadata", api_fields.METADATA, models.V1ObjectMeta)) == []


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        (workload("Deployment", "replicsa: 2"), "`spec.replicsa` is not a field", "did you mean `replicas`?"),
        (workload("Deployment", "containers: []"), "`spec.containers`", "it belongs to `spec.template.spec`"),
        (workload("StatefulSet", "strategy: {}"), "`spec.strategy`", "did you mean `updateStrategy`?"),
        (workload("DaemonSet", "replicas: 2"), "`spec.replicas`", "kubectl explain daemonset.spec"),
        (workload("ReplicaSet", "replica: 2"), "`spec.replica`", "did you mean `replicas`?"),
        (
            workload("Deployment", "strategy: {rollingUpdate: {maxsurge: 1}}"),
            "`spec.strategy.rollingUpdate.maxsurge`",
            "did you mean `maxSurge`?",
        ),
        (
            workload("Deployment").replace("{matchLabels: {app: web}}", "{app: web}"),
            "`spec.selector.app`",
            "write it below `matchLabels`",
        ),
        (container("imagee: x"), "`spec.containers[0].imagee`", "did you mean `image`?"),
        (container("readinessprobe: {}"), "`spec.containers[0].readinessprobe`", "did you mean `readinessProbe`?"),
        (container("resources: {request: {}}"), "`spec.containers[0].resources.request`", "did you mean `requests`?"),
        (pod(f"image: x, {ONE}"), "`spec.image`", "it belongs to `spec.containers`"),
        (service("ports: [{port: 80}], Type: NodePort"), "`spec.Type`", "did you mean `type`?"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: x}, specs: {}}", "`specs`", "did you mean `spec`?"),
        (
            "{apiVersion: batch/v1, kind: CronJob, metadata: {name: x}, spec: {jobTemplate: {spec: {tmplate: {}}}}}",
            "`spec.jobTemplate.spec.tmplate`",
            "did you mean `template`?",
        ),
        (
            "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: x}, spec: {minAvailble: 1}}",
            "`spec.minAvailble`",
            "did you mean `minAvailable`?",
        ),
    ],
)
def test_a_field_that_does_not_exist_is_refused_with_what_is_meant(
    tmp_path: Path, text: str, told: str, hint: str
) -> None:
    wrong = refused(tmp_path, text)
    assert f"{tmp_path}/wrong.yaml:2: " in wrong.message
    assert told in wrong.message
    assert wrong.hint is not None
    assert hint in wrong.hint


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        (workload("Deployment", "replicas: '2'"), "`spec.replicas` is the text `2`, and a whole number", "quotes"),
        (workload("Deployment", "replicas: 2.5"), "`spec.replicas` is a number, and a whole number", "such as 1"),
        (workload("Deployment", "replicas: .inf"), "`spec.replicas` is a number, and a whole number", "such as 1"),
        (workload("Deployment", "strategy: {rollingUpdate: {maxSurge: .nan}}"), "maxSurge` is a number", "such as 1"),
        (workload("Deployment", "replicas: true"), "`spec.replicas` is true or false", "such as 1"),
        (workload("Deployment", "paused: 'yes'"), "`spec.paused` is the text `yes`, and true or false", "quotes"),
        (workload("Deployment", "strategy: Recreate"), "`spec.strategy` is the text `Recreate`", "indent"),
        (workload("Deployment", "strategy: {rollingUpdate: {maxSurge: 1.5}}"), "maxSurge` is a number", "such as 1"),
        (container("env: [{name: A, value: 1}]"), "`spec.containers[0].env[0].value` is a number", "in quotes"),
        (container("env: [{name: A, value: yes}]"), "env[0].value` is true or false, and text", "in quotes"),
        (container("args: [-n, 1]"), "`spec.containers[0].args[1]` is a number, and text is needed", "in quotes"),
        (container("command: sleep"), "`spec.containers[0].command` is the text `sleep`, and a list", "dash"),
        (container("ports: {containerPort: 80}"), "`spec.containers[0].ports` is a mapping, and a list", "dash"),
        (container("env: [A]"), "`spec.containers[0].env[0]` is the text `A`, and a mapping is needed", "indent"),
        (container("resources: {requests: {cpu: lots}}"), "`spec.containers[0].resources.requests.cpu` is", "250m"),
        (container("resources: {limits: {cpu: true}}"), "resources.limits.cpu` is true or false", "1Gi"),
        (pod(f"nodeSelector: {{a: 1}}, {ONE}"), "`spec.nodeSelector.a` is a number, and text is needed", "in quotes"),
        (service("selector: [a]"), "`spec.selector` is a list, and a mapping of text to text is needed", "indent"),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_to_write(tmp_path: Path, text: str, told: str, hint: str) -> None:
    wrong = refused(tmp_path, text)
    assert f"{tmp_path}/wrong.yaml:2: " in wrong.message
    assert told in wrong.message
    assert wrong.hint is not None
    assert hint in wrong.hint


def test_what_has_no_quotes_is_not_shown_for_it_may_be_a_password(tmp_path: Path) -> None:
    assert "987654" not in refused(tmp_path, container("env: [{name: PASSWORD, value: 987654}]")).message


def test_each_mistake_is_told_with_its_own_hint(tmp_path: Path) -> None:
    node = "{apiVersion: v1, kind: Node, metadata: {name: x}, spec: {unschedulable: 5}}"
    wrong = refused(tmp_path, workload("Deployment", "replicsa: 2"), container("command: sleep"), node)
    first, second, third = wrong.message.splitlines()
    assert first.endswith("; did you mean `replicas`?")
    assert second.endswith("; begin each item with a dash, or write [a, b]")
    assert third.endswith("; look it up: kubectl explain node")


@pytest.mark.parametrize(
    "spec", ["replicas: 2.0", "replicas:", "paused:", "strategy: {type: Recreate, rollingUpdate: }"]
)
def test_a_whole_number_with_a_point_and_nothing_at_all_are_taken(tmp_path: Path, spec: str) -> None:
    accepted(tmp_path, workload("Deployment", spec))


def test_what_a_server_has_taken_may_have_fields_of_a_newer_one() -> None:
    spec = {"fieldOfTomorrow": 1, "replicas": "2"}
    read = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "uid": "1"}, "spec": spec}
    assert ["`spec.replicas` is the text" in wrong.message for wrong in misshapen(read)] == [True]
    made = {**read, "metadata": {"name": "x", "uid": "1", "ownerReferences": [{"kind": "X"}]}}
    assert list(misshapen(made)) == []
