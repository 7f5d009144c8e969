"""Jobs in the simulation: their pods, ends and failures."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import KIND, advance, evict, node, pods, run, settled, workload, written

from underway.cluster.actions import (
    CreateJob,
    DeleteJob,
)
from underway.cluster.model import Pod, Ref
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.load import load, simulate
from underway.simulated.settings import DURATION

NODES = (node("a"), node("b"), node("c"))


def test_a_job_runs_on_its_node_to_completion_and_goes_with_its_pods() -> None:
    ref = Ref("job", "default", "maintain-a")
    pod_spec = {
        "nodeName": "a",
        "hostPID": True,
        "restartPolicy": "Never",
        "containers": [{"name": "m", "image": "i", "command": ["sh", "-c", "install-kubelet v1.34.4"]}],
    }
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": {"underway.dev/run": "r1"}},
        "spec": {"template": {"metadata": {"labels": {"app": "maintain"}}, "spec": pod_spec}},
    }

    async def story() -> None:
        cluster = settled(*NODES)
        create = CreateJob(ref, "run a Job", manifest)
        assert (await cluster.perform(create)).status == "done"
        assert (await cluster.perform(create)).status == "done", "creating it twice is harmless"
        await advance(cluster, 1)
        assert [pod.node for pod in pods(cluster, "maintain")] == ["a"]
        assert not cluster.state().workloads[ref].complete
        await advance(cluster, 10)
        job = cluster.state().workloads[ref]
        assert job.complete
        assert cluster.state().nodes["a"].kubelet_version == "v1.34.4"
        await cluster.perform(DeleteJob(ref, job.uid, "delete the Job"))
        await advance(cluster, 1)
        assert ref not in cluster.state().workloads
        assert pods(cluster, "maintain") == []

    run(story())


def test_a_job_that_takes_too_long_has_failed_once_its_pod_is_gone() -> None:
    ref = Ref("job", "default", "maintain-a")
    pod_spec = {"nodeName": "a", "restartPolicy": "Never", "containers": [{"name": "m", "image": "i"}]}
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"activeDeadlineSeconds": 2, "template": {"metadata": {"labels": {"app": "slow"}}, "spec": pod_spec}},
    }

    async def story() -> None:
        cluster = settled(*NODES)
        await cluster.perform(CreateJob(ref, "run a Job", manifest))
        await advance(cluster, 2)
        (pod,) = pods(cluster, "slow")
        assert pod.deleting is not None
        assert not cluster.state().workloads[ref].failure
        await advance(cluster, 5)
        assert cluster.state().workloads[ref].failure == "Job was active longer than specified deadline"
        await advance(cluster, 60)
        assert pods(cluster, "slow") == []

    run(story())


@pytest.mark.parametrize(("completions", "succeeded"), [(5, 5), (None, 2)])
def test_a_job_is_complete_when_enough_of_its_pods_have_succeeded(completions: int | None, succeeded: int) -> None:
    async def story() -> None:
        spec = PodSpec(restart_policy="Never")
        job = workload("job", "import", 2, spec, completions=completions, annotations={DURATION: "10s"})
        cluster = settled(*NODES, job)
        most = 0
        for _ in range(90):
            await advance(cluster, 1)
            most = max(most, sum(not pod.finished for pod in pods(cluster, "import")))
        (found,) = cluster.state().workloads.values()
        assert (found.complete, found.succeeded, most) == (True, succeeded, 2)

    run(story())


def test_a_job_waits_twice_as_long_after_every_further_pod_that_fails() -> None:
    async def story() -> None:
        spec = PodSpec(restart_policy="Never")
        cluster = settled(*NODES, workload("job", "import", 1, spec, backoff_limit=9, annotations={DURATION: "1h"}))
        for seconds in (10, 20, 40):
            (pod,) = [pod for pod in pods(cluster, "import") if not pod.finished]
            await evict(cluster, pod)
            await advance(cluster, seconds - 1)
            assert [pod for pod in pods(cluster, "import") if not pod.finished] == []
            await advance(cluster, 6)
        left = ClusterState(found for found in cluster.state().objects() if not isinstance(found, Pod))
        again = SimulatedCluster(left, at_rest=True)
        await advance(again, 19)
        assert pods(again, "import") == [], "it has waited half of 40 s, as far as anybody knows"
        await advance(again, 5)
        assert len(pods(again, "import")) == 1

    run(story())


JOB = """
    apiVersion: batch/v1
    kind: Job
    metadata: {name: import, uid: 7f3a}
    spec:
      %s
      template:
        metadata: {labels: {%s}}
        spec: {restartPolicy: Never, containers: [{name: c, image: x}]}
"""
NAMED = {
    "batch.kubernetes.io/job-name": "import",
    "job-name": "import",
    "batch.kubernetes.io/controller-uid": "7f3a",
    "controller-uid": "7f3a",
}


@pytest.mark.parametrize(
    ("more", "labels", "expected"),
    [
        ("", "app: import", {"app": "import"} | NAMED),
        ("selector: {matchLabels: {controller-uid: old}}", "controller-uid: old", {"controller-uid": "old"}),
        ("manualSelector: true\n      selector: {matchLabels: {app: x}}", "app: x", {"app": "x"}),
    ],
)
def test_a_pod_bears_the_name_and_uid_of_its_job_unless_that_is_complete_already(
    tmp_path: Path, more: str, labels: str, expected: dict[str, str]
) -> None:
    cluster = simulate(load(written(tmp_path, kind=KIND, job=JOB % (more, labels))))
    (pod,) = [pod for pod in cluster.state().pods.values() if pod.owner and pod.owner.kind == "Job"]
    assert pod.labels == expected
