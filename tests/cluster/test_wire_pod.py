"""Pods: what they ask for as the scheduler adds it up, and how they fare."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from wire_pods import pod, spec_of


def container(cpu: str | int = 0, memory: str | int = 0, **parts: Any) -> dict[str, Any]:
    return {"image": "i", "resources": {"requests": {"cpu": cpu, "memory": memory}}} | parts


MI = 1024**2


@pytest.mark.parametrize(
    ("parts", "cpu", "memory"),
    [
        ({"containers": [container("100m", "64Mi"), container("0.25", "1Mi")]}, 350, 65 * MI),
        (
            {"containers": [container("100m")], "initContainers": [container("1"), container("500m", "8Mi")]},
            1000,
            8 * MI,
        ),
        ({"containers": [container("900m")], "initContainers": [container("1", "8Mi")]}, 1000, 8 * MI),
        (
            {"containers": [container("100m")], "initContainers": [container("50m", restartPolicy="Always")]},
            150,
            0,
        ),
        (
            {
                "containers": [container("100m")],
                "initContainers": [container("50m", restartPolicy="Always"), container("200m")],
            },
            250,
            0,
        ),
        (
            {
                "containers": [container("100m")],
                "initContainers": [container("200m"), container("150m", restartPolicy="Always")],
            },
            250,
            0,
        ),
        ({"containers": [container("100m")], "overhead": {"cpu": "10m", "memory": "1Mi"}}, 110, MI),
        (
            {"containers": [container("100m")], "resources": {"requests": {"cpu": "1"}}, "overhead": {"cpu": "1m"}},
            1001,
            0,
        ),
        ({"containers": [container("0.1m", "1.5")]}, 1, 2),
        ({"containers": [container(2, 1e3)]}, 2000, 1000),
        ({"containers": [{"resources": {"limits": {"cpu": "1", "memory": "1Mi"}}}]}, 1000, MI),
        ({"containers": [{"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "10m"}}}]}, 10, 0),
    ],
    ids=[
        "sum of the containers",
        "the neediest init container",
        "or what runs together",
        "sidecars run on",
        "init container beside an earlier sidecar",
        "but not beside a later one",
        "overhead",
        "the pod as a whole",
        "rounded up",
        "plain numbers",
        "a limit is a request",
        "unless there is one",
    ],
)
def test_requests(parts: dict[str, Any], cpu: int, memory: int) -> None:
    requests = spec_of(**parts).requests
    assert (requests.get("cpu", 0), requests.get("memory", 0)) == (cpu, memory)


def test_host_ports() -> None:
    ports = [{"containerPort": 80}, {"containerPort": 53, "hostPort": 53, "protocol": "UDP", "hostIP": "10.0.0.1"}]
    assert spec_of(containers=[container(ports=ports)]).host_ports == (("UDP", "10.0.0.1", 53),)
    whole = spec_of(hostNetwork=True, containers=[container(ports=ports)])
    assert whole.host_ports == (("TCP", "", 80), ("UDP", "10.0.0.1", 53))
    assert whole.host_network
    everywhere = [{"containerPort": 80, "hostPort": 80, "hostIP": "0.0.0.0"}]
    assert spec_of(containers=[container(ports=everywhere)]).host_ports == (("TCP", "", 80),)
    sidecar = container(ports=[{"containerPort": 9, "hostPort": 9}], restartPolicy="Always")
    assert spec_of(initContainers=[sidecar]).host_ports == (("TCP", "", 9),)


def test_volumes() -> None:
    volumes = [
        {"name": "cache", "emptyDir": {}},
        {"name": "ram", "emptyDir": {"medium": "Memory"}},
        {"name": "none", "emptyDir": None},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}},
        {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}},
        {"name": "kube-api-access-abcde", "projected": {}},
    ]
    found = spec_of(volumes=volumes)
    assert (found.local_volumes, found.claims) == (("cache", "ram"), ("data-db-0",))


def test_the_rest_of_a_spec() -> None:
    lifecycle = {"preStop": {"sleep": {"seconds": 5}}}
    found = spec_of(
        containers=[container(lifecycle=lifecycle), {"image": "j"}],
        priority=1000,
        terminationGracePeriodSeconds=0,
        restartPolicy="Never",
        nodeSelector={"zone": "a"},
    )
    assert (found.images, found.pre_stop, found.priority) == (("i", "j"), True, 1000)
    assert [spec_of(preemptionPolicy=policy).preempts for policy in (None, "Never")] == [True, False]
    assert (found.grace_seconds, found.restart_policy, found.node_selector) == (0, "Never", {"zone": "a"})
    assert not spec_of(containers=[container(lifecycle={"preStop": None})]).pre_stop
    assert [spec_of(schedulingGates=gates).gated for gates in (None, [], [{"name": "quota"}])] == [False, False, True]


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        ({"sleep": {"seconds": 15}}, 15),
        ({"exec": {"command": ["sleep", "5"]}}, 5),
        ({"exec": {"command": ["/bin/sh", "-c", "sleep 7.5s; nginx -s quit"]}}, 7.5),
        ({"exec": {"command": ["/stop", "--sleep", "3"]}}, 0),
        ({"httpGet": {"path": "/stop"}}, 0),
    ],
)
def test_how_long_a_pre_stop_hook_sleeps(hook: dict[str, Any], seconds: float) -> None:
    found = spec_of(containers=[container(), container(lifecycle={"preStop": hook})])
    assert (found.pre_stop, found.pre_stop_seconds) == (True, seconds)


def test_before_its_probes_a_pod_is_not_ready() -> None:
    late, later = ({"initialDelaySeconds": seconds} for seconds in (20, 30))
    assert spec_of(containers=[container(readinessProbe=late, startupProbe=later), container()]).probe_delay == 30
    assert spec_of(containers=[container(readinessProbe={})]).probe_delay == 0


def template(token: str, node: str, image: str = "i") -> dict[str, Any]:
    mounts = [{"name": f"kube-api-access-{token}"}]
    volumes = [{"name": f"kube-api-access-{token}", "projected": {}}]
    return {"nodeName": node, "containers": [{"image": image, "volumeMounts": mounts}], "volumes": volumes}


def test_pods_of_a_template_share_its_spec() -> None:
    first, second = pod(template("abcde", "one")), pod(template("fghij", "two"))
    assert first.spec is second.spec
    assert (first.node, second.node) == ("one", "two")
    assert pod(template("abcde", "one", image="other")).spec.images == ("other",)


def test_a_pod_on_its_way() -> None:
    found = pod(
        {"nodeName": "worker"},
        {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-23T04:00:00Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-23T04:00:09Z"},
            ],
            "containerStatuses": [
                {"restartCount": 2, "state": {"running": {"startedAt": "2026-11-23T04:00:02Z"}}},
                {"restartCount": 1, "state": {"running": {"startedAt": "2026-11-23T04:00:03Z"}}},
            ],
        },
        deletionTimestamp="2026-11-23T05:00:00Z",
        creationTimestamp="2026-11-23T04:00:00Z",
        annotations={"controller.kubernetes.io/pod-deletion-cost": "1", "underway.dev/labels": "{}", "big": "x"},
    )
    moment = datetime(2026, 11, 23, 4, tzinfo=UTC)
    assert (found.created, found.scheduled) == (moment, moment)
    assert (found.started, found.ready_since) == (moment.replace(second=3), moment.replace(second=9))
    assert found.deleting == moment.replace(hour=5)
    assert (found.ready, found.phase, found.restarts, found.ip) == (True, "Running", 3, "10.0.0.1")
    assert found.annotations == {"controller.kubernetes.io/pod-deletion-cost": "1", "underway.dev/labels": "{}"}
    assert not found.mirror
    assert pod(annotations={"kubernetes.io/config.mirror": "abc"}).mirror


def waiting(reason: str, message: str | None = None) -> dict[str, Any]:
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}


NO_ROOM = "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) were unschedulable."


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": NO_ROOM}
                ]
            },
            NO_ROOM,
        ),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}, "SchedulingGated"),
        (waiting("ImagePullBackOff", 'Back-off pulling image "x"'), 'ImagePullBackOff: Back-off pulling image "x"'),
        (waiting("CrashLoopBackOff"), "CrashLoopBackOff"),
        (waiting("ContainerCreating"), ""),
        (waiting("PodInitializing"), ""),
        ({"initContainerStatuses": waiting("ErrImagePull")["containerStatuses"]}, "ErrImagePull"),
        ({"conditions": [{"type": "Ready", "status": "False", "message": "not ready"}]}, ""),
    ],
)
def test_why_it_does_not_run(status: dict[str, Any], words: str) -> None:
    assert pod({}, status).waiting == words


@pytest.mark.parametrize(
    ("terminated", "words"),
    [
        ({"exitCode": 0, "reason": "Completed"}, ""),
        (
            {"exitCode": 1, "reason": "Error", "message": "no kubelet\nlies ready\n"},
            "exit status 1: no kubelet lies ready",
        ),
        ({"exitCode": 137, "reason": "OOMKilled"}, "exit status 137 (OOMKilled)"),
    ],
)
def test_how_a_container_ended(terminated: dict[str, Any], words: str) -> None:
    assert pod(status={"containerStatuses": [{"state": {"terminated": terminated}}]}).ending == words
