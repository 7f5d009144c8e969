"""A pod that no API server would take is refused: its containers, volumes and tolerations."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifests import ONE, accepted, container, job, pod, refused, workload

SAME = "containers: [{name: c, image: x}, {name: %s, image: x}], initContainers: [{name: %s, image: x}]"
VOLUMES = f"volumes: [{{name: a, emptyDir: {{}}}}, {{name: %s}}], {ONE}"
TOLERATION = f"tolerations: [{{%s}}], {ONE}"
HOST_PORTS = (
    "containers: [{name: a, image: x, ports: [{containerPort: 80, hostPort: 80}]},"
    " {name: b, image: x, ports: [{containerPort: 81, hostPort: 80%s}]}]"
)
PROBE = "readinessProbe: {%s}"
GET = "httpGet: {port: %s}"
GATE = f"readinessProbe: {{{GET % 80}}}"
SELECTOR = "labelSelector: {matchExpressions: [{%s}]}"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
MOUNT = "volumes: [{name: a}], containers: [{name: c, image: x, volumeMounts: [{%s}]}]"
SPREAD = (
    f"topologySpreadConstraints: [{{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, {SELECTOR}}}], {ONE}"
)
AFFINITY = f"affinity: {{podAffinity: {{{REQUIRED}: [{{topologyKey: a, {SELECTOR}}}]}}}}, {ONE}"
ON_NODE = f"affinity: {{nodeAffinity: {{{REQUIRED}: {{nodeSelectorTerms: [{{matchFields: [{{%s}}]}}]}}}}}}, {ONE}"
INIT = f"initContainers: [{{name: i, image: x, %s}}], {ONE}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (pod("initContainers: []"), "`spec.containers` is missing or empty"),
        (pod(SAME % ("c", "i")), "`spec.containers[1].name` is `c`, as `spec.containers[0].name` is"),
        (pod(SAME % ("d", "d")), "`spec.initContainers[0].name` is `d`, as `spec.containers[1].name` is"),
        (pod("containers: [{image: x}]"), "`spec.containers[0].name` is missing"),
        (pod("containers: [{name: a_b, image: x}]"), "`spec.containers[0].name` is `a_b`, which is no name"),
        (pod("containers: [{name: c}]"), "`spec.containers[0].image` is missing"),
        (container("imagePullPolicy: Sometimes"), "imagePullPolicy` is `Sometimes`, which it cannot be"),
        (container("resources: {requests: {cpu: 2}, limits: {cpu: 500m}}"), "requests.cpu` is 2, more than its limit"),
        (container("resources: {requests: {cpu: -1}}"), "resources.requests.cpu` is -1, and 0 is the least"),
        (container(PROBE % "periodSeconds: 1"), "`spec.containers[0].readinessProbe` has no handler"),
        (container(PROBE % "exec: {}"), "readinessProbe.exec.command` is missing"),
        (pod(INIT % GATE), "`spec.initContainers[0].readinessProbe` cannot be given in an init container that ends"),
        (
            container("resources: {requests: {nvidia.com/gpu: 1}}"),
            "requests.nvidia.com/gpu` is 1, and its limit has to",
        ),
        (
            container("resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}"),
            "requests.nvidia.com/gpu` is 1, and its limit has to be the same",
        ),
        (container(PROBE % f"exec: {{}}, {GET % 80}"), "readinessProbe` has 2 handlers: exec, httpGet"),
        (container(PROBE % f"periodSeconds: -1, {GET % 80}"), "readinessProbe.periodSeconds` is -1, and 0 is the"),
        (container(PROBE % (GET % 0)), "readinessProbe.httpGet.port` is 0, which is no port"),
        (container(PROBE % (GET % '"80"')), "readinessProbe.httpGet.port` is the text `80`, which is no port's name"),
        (container("lifecycle: {preStop: {}}"), "`spec.containers[0].lifecycle.preStop` has no handler"),
        (container("ports: [{hostPort: 80}]"), "`spec.containers[0].ports[0].containerPort` is missing"),
        (container("ports: [{containerPort: 70000}]"), "ports[0].containerPort` is 70000, which is no port"),
        (container("ports: [{containerPort: 80, protocol: HTTP}]"), "ports[0].protocol` is `HTTP`, which it cannot be"),
        (
            container("ports: [{containerPort: 80, name: a}, {containerPort: 81, name: a}]"),
            "ports[1].name` is `a`, as that of a port before it",
        ),
        (pod(HOST_PORTS % ""), "`spec.containers[1].ports[0].hostPort` is 80, as `spec.containers[0].ports[0]"),
        (container("env: [{value: a}]"), "`spec.containers[0].env[0].name` is missing"),
        (
            container("volumeMounts: [{name: a, mountPath: /a}]"),
            "volumeMounts[0].name` is `a`, and the pod has no such",
        ),
        (pod(VOLUMES % "a"), "`spec.volumes[1].name` is `a`, as that of a volume before it"),
        (pod(VOLUMES % "B"), "`spec.volumes[1].name` is `B`, which is no name"),
        (pod(MOUNT % "name: a"), "volumeMounts[0].mountPath` is missing"),
        (container("ports: [{containerPort: 80, hostPort: 70000}]"), "ports[0].hostPort` is 70000, which is no port"),
        (pod(SPREAD % "operator: Exists"), "labelSelector.matchExpressions[0].key` is missing"),
        (pod(SPREAD % "key: a, operator: Is"), "labelSelector.matchExpressions[0].operator` is `Is`, which it cannot"),
        (pod(AFFINITY % "key: a, operator: In"), "labelSelector.matchExpressions[0].values` is missing, and In needs"),
        (
            pod(ON_NODE % "key: metadata.name, operator: Exists"),
            "matchFields[0].operator` is `Exists`, which it cannot",
        ),
        (pod(TOLERATION % "operator: Equal"), "`spec.tolerations[0].key` is missing"),
        (pod(TOLERATION % "key: a, operator: Exists, value: b"), "`spec.tolerations[0].value` is given"),
        (pod(TOLERATION % "key: a, effect: NoRun"), "`spec.tolerations[0].effect` is `NoRun`, which it cannot be"),
        (pod(TOLERATION % "key: a, tolerationSeconds: 5"), "tolerationSeconds` is only for `effect: NoExecute`"),
        (pod(f"nodeSelector: {{a: -b}}, {ONE}"), "`spec.nodeSelector.a` is `-b`, which no label can be"),
        (job(ONE), "`spec.template.spec.restartPolicy` is missing"),
        (job(f"restartPolicy: Always, {ONE}"), "restartPolicy` is `Always`, which it cannot be"),
        (workload("Deployment", pod=f"restartPolicy: Never, {ONE}"), "restartPolicy` is `Never`, which it cannot be"),
        (workload("StatefulSet", pod="containers: [{name: c}]"), "`spec.template.spec.containers[0].image` is missing"),
    ],
)
def test_a_pod_that_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    wrong = refused(tmp_path, text)
    assert f"{tmp_path}/wrong.yaml:2: " in wrong.message
    assert told in wrong.message
    assert wrong.hint


def test_two_volumes_at_one_place_are_refused(tmp_path: Path) -> None:
    mounts = "volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /a}]"
    text = pod(f"volumes: [{{name: a}}, {{name: b}}], containers: [{{name: c, image: x, {mounts}}}]")
    assert "volumeMounts[1].mountPath` is /a, where another volume is" in refused(tmp_path, text).message


@pytest.mark.parametrize(
    "text",
    [
        container("env: [{name: A, value: a}, {name: A, value: b}]"),
        container("ports: [{containerPort: 80}, {containerPort: 80}]"),
        container("resources: {requests: {cpu: 500m}, limits: {cpu: '0.5'}}"),
        container(PROBE % (GET % "http")),
        container(PROBE % "grpc: {port: 80}"),
        pod(INIT % f"restartPolicy: Always, {GATE}"),
        container("resources: {limits: {nvidia.com/gpu: 1}}"),
        container("resources: {requests: {example.kubernetes.io/a: 1}}"),
        container("lifecycle: {preStop: {sleep: {seconds: 5}}}"),
        pod(HOST_PORTS % ", protocol: UDP"),
        pod(TOLERATION % "operator: Exists"),
        pod(TOLERATION % "key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5"),
        workload(
            "StatefulSet",
            "volumeClaimTemplates: [{metadata: {name: a}}]",
            "containers: [{name: c, image: x, volumeMounts: [{name: a, mountPath: /a}]}]",
        ),
    ],
)
def test_a_pod_that_can_be_is_taken(tmp_path: Path, text: str) -> None:
    accepted(tmp_path, text)
