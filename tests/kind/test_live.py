"""The live adapter against a real API server: what tests/contract's small one only imitates."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from kubernetes_cluster import items, kubectl

from underway.cluster.actions import (
    CreateJob,
    DeleteJob,
    DeleteLease,
    Evict,
    Need,
    Outcome,
    PatchBudget,
    PatchNode,
    PatchPod,
    PutLease,
)
from underway.cluster.model import Budget, Pod, Ref
from underway.cluster.wire import RESOURCES
from underway.live.access import READING, denied
from underway.live.cluster import LiveCluster, connect
from underway.live.connection import open_connection

HERE = "live-check"
RUN = "underway.dev/run"
NOBODY = "00000000-0000-0000-0000-000000000000"
MANIFEST = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: two, namespace: {HERE}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: two}}}}
  template:
    metadata: {{labels: {{app: two}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: two, image: 'underway/shop:1'}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: two, namespace: {HERE}}}
spec: {{minAvailable: 2, selector: {{matchLabels: {{app: two}}}}}}
"""


@pytest.fixture(scope="module", autouse=True)
def two_pods_that_must_stay() -> Iterator[None]:
    kubectl("create", "namespace", HERE)
    try:
        kubectl("apply", "-f", "-", stdin=MANIFEST)
        kubectl("-n", HERE, "rollout", "status", "deployment/two", "--timeout=60s")
        yield
    finally:
        kubectl("delete", "namespace", HERE)


def play(story: Callable[[LiveCluster], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(90), live() as cluster:
            await story(cluster)

    asyncio.run(whole())


@asynccontextmanager
async def live() -> AsyncIterator[LiveCluster]:
    cluster = await connect(await open_connection())
    try:
        yield cluster
    finally:
        await cluster.close()


async def until(cluster: LiveCluster, holds: Callable[[], object], seconds: float = 30) -> None:
    deadline = cluster.now() + timedelta(seconds=seconds)
    while not holds():
        assert cluster.now() < deadline
        await cluster.changed(deadline)


def ready_pods(cluster: LiveCluster) -> list[Pod]:
    pods = [pod for pod in cluster.state().pods_in(HERE) if pod.ready and pod.deleting is None]
    assert len(pods) == 2
    return pods


def budget(cluster: LiveCluster) -> Budget:
    return next(iter(cluster.state().budgets_in(HERE)))


def missing(cluster: LiveCluster) -> list[str]:
    """What kubectl lists and the state does not have, or has on another node."""
    state, found = cluster.state(), []
    for kind, resource in RESOURCES.items():
        if kind == "lease":
            continue  # the state has only those of runs
        listed = items("-A", f"{resource.plural}.{resource.group}" if resource.group else resource.plural)
        known = {each.uid for each in state.objects() if each.ref.kind == kind}
        found += [f"{kind} {each['metadata']['name']}" for each in listed if each["metadata"]["uid"] not in known]
    for pod in items("-A", "pods"):
        known_pod = state.pods.get(Ref("pod", pod["metadata"]["namespace"], pod["metadata"]["name"]))
        if known_pod is None or known_pod.node != pod["spec"].get("nodeName", ""):
            found.append(f"pod {pod['metadata']['name']} on its node")
    return found


def test_every_object_that_kubectl_lists_is_in_the_state() -> None:
    async def story(cluster: LiveCluster) -> None:
        deadline = cluster.now() + timedelta(seconds=20)
        while lacking := missing(cluster):  # what has just been made or deleted takes a moment on its way
            assert cluster.now() < deadline, lacking
            await cluster.changed(cluster.now() + timedelta(seconds=1))

    play(story)


def test_what_kubectl_changes_is_seen_within_a_second() -> None:
    async def story(cluster: LiveCluster) -> None:
        kubectl("-n", HERE, "annotate", "poddisruptionbudget/two", "underway.dev/seen=yes")
        await until(cluster, lambda: "underway.dev/seen" in budget(cluster).annotations, 1)
        kubectl("-n", HERE, "annotate", "poddisruptionbudget/two", "underway.dev/seen-")
        await until(cluster, lambda: "underway.dev/seen" not in budget(cluster).annotations, 1)

    play(story)


def test_a_budget_that_forbids_an_eviction_is_named() -> None:
    async def story(cluster: LiveCluster) -> None:
        await until(cluster, lambda: budget(cluster).current_healthy == 2)
        pod = ready_pods(cluster)[0]
        outcome = await cluster.perform(Evict(pod.ref, pod.uid, "evict"))
        assert outcome.status == "blocked"
        assert "The disruption budget two needs 2 healthy pods and has 2 currently" in outcome.message
        assert cluster.state().pods[pod.ref].deleting is None

    play(story)


def test_an_eviction_within_the_budget_is_seen_to_its_end() -> None:
    async def story(cluster: LiveCluster) -> None:
        kubectl("-n", HERE, "patch", "poddisruptionbudget/two", "-p", '{"spec":{"minAvailable":1}}')
        await until(cluster, lambda: budget(cluster).disruptions_allowed == 1)
        pod = ready_pods(cluster)[0]
        assert (await cluster.perform(Evict(pod.ref, NOBODY, "evict"))).status == "gone"
        assert budget(cluster).disruptions_allowed == 1
        assert await cluster.perform(Evict(pod.ref, pod.uid, "evict")) == Outcome("done")
        assert cluster.state().pods[pod.ref].deleting is not None
        await until(cluster, lambda: pod.ref not in cluster.state().pods)
        assert (await cluster.perform(Evict(pod.ref, pod.uid, "evict"))).status == "gone"
        kubectl("-n", HERE, "patch", "poddisruptionbudget/two", "-p", '{"spec":{"minAvailable":2}}')
        await until(cluster, lambda: budget(cluster).current_healthy == 2 and budget(cluster).desired_healthy == 2)

    play(story)


def test_two_budgets_on_one_pod_are_a_failure_with_words() -> None:
    second = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "second", "namespace": HERE},
        "spec": {"maxUnavailable": 2, "selector": {"matchLabels": {"app": "two"}}},
    }

    async def story(cluster: LiveCluster) -> None:
        kubectl("create", "-f", "-", stdin=json.dumps(second))
        await until(cluster, lambda: len(cluster.state().budgets_in(HERE)) == 2)
        pod = ready_pods(cluster)[0]
        outcome = await cluster.perform(Evict(pod.ref, pod.uid, "evict"))
        kubectl("-n", HERE, "delete", "poddisruptionbudget/second")
        assert outcome.status == "failed"
        assert "more than one PodDisruptionBudget" in outcome.message

    play(story)


def test_a_patch_is_in_the_state_on_return_and_old_versions_conflict() -> None:
    async def story(cluster: LiveCluster) -> None:
        pod = ready_pods(cluster)[0]
        mark = PatchPod(pod.ref, pod.uid, "mark", {RUN: "check"}, {"underway.dev/was": "{}"}, pod.resource_version)
        assert await cluster.perform(mark) == Outcome("done")
        assert cluster.state().pods[pod.ref] in cluster.state().marked_pods()
        assert (await cluster.perform(mark)).status == "conflict"
        assert (await cluster.perform(PatchPod(pod.ref, NOBODY, "mark"))).status == "gone"
        clean = PatchPod(pod.ref, pod.uid, "clean", {RUN: None}, {"underway.dev/was": None})
        assert await cluster.perform(clean) == Outcome("done")
        found = cluster.state().pods[pod.ref]
        assert RUN not in found.labels
        assert found.annotations == pod.annotations

    play(story)


def test_a_node_is_cordoned_and_given_back_as_it_was() -> None:
    async def story(cluster: LiveCluster) -> None:
        name = next(name for name in cluster.state().nodes if name.endswith("worker"))
        before = cluster.state().nodes[name]
        mine = {"underway.dev/live-check": "1"}
        cordon = PatchNode(before.ref, before.uid, before.resource_version, "cordon", mine, unschedulable=True)
        assert await cluster.perform(cordon) == Outcome("done")
        node = cluster.state().nodes[name]
        assert node.unschedulable
        assert (await cluster.perform(cordon)).status == "conflict"
        undo = dict.fromkeys(mine)
        for _ in range(5):
            node = cluster.state().nodes[name]
            back = PatchNode(node.ref, node.uid, node.resource_version, "back", undo, False, before.taints)
            if (await cluster.perform(back)).status == "done":
                break
            await cluster.changed(cluster.now() + timedelta(seconds=1))
        await until(cluster, lambda: cluster.state().nodes[name].taints == before.taints)
        after = cluster.state().nodes[name]
        assert (after.unschedulable, after.annotations) == (before.unschedulable, before.annotations)

    play(story)


def test_touching_a_budget_is_accepted() -> None:
    async def story(cluster: LiveCluster) -> None:
        for value in ("1", None):
            found = budget(cluster)
            touch = PatchBudget(found.ref, found.uid, "recount", {"underway.dev/recount": value})
            assert await cluster.perform(touch) == Outcome("done")
            assert ("underway.dev/recount" in budget(cluster).annotations) == (value is not None)

    play(story)


def test_a_job_is_made_once_seen_and_deleted_with_its_pods() -> None:
    ref = Ref("job", HERE, "once")
    container = {"name": "c", "image": "underway/shop:1"}
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once", "namespace": HERE, "labels": {RUN: "check"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }

    async def story(cluster: LiveCluster) -> None:
        create = CreateJob(ref, "create", manifest)
        assert await cluster.perform(create) == Outcome("done")
        assert await cluster.perform(create) == Outcome("done")
        uid = cluster.state().workloads[ref].uid
        await until(cluster, lambda: cluster.state().pods_of(uid))
        bad = CreateJob(Ref("job", HERE, "bad"), "create", manifest | {"metadata": {"name": "bad"}, "spec": {}})
        assert (await cluster.perform(bad)).status == "invalid"
        assert (await cluster.perform(DeleteJob(ref, NOBODY, "delete"))).status == "gone"
        assert await cluster.perform(DeleteJob(ref, uid, "delete")) == Outcome("done")
        assert ref not in cluster.state().workloads
        await until(cluster, lambda: not cluster.state().pods_of(uid))
        assert (await cluster.perform(DeleteJob(ref, uid, "delete"))).status == "gone"

    play(story)


def test_a_lease_has_one_holder() -> None:
    ref = Ref("lease", "default", "underway-live-check")

    async def story(cluster: LiveCluster) -> None:
        mine, theirs = (PutLease(ref, "check", holder, 30, "hold") for holder in ("me", "them"))
        assert await cluster.perform(mine) == Outcome("done")
        assert (await cluster.perform(theirs)).status == "conflict"
        assert await cluster.perform(mine) == Outcome("done")
        assert cluster.state().leases[ref].holder == "me"
        assert await cluster.perform(DeleteLease(ref, "let go")) == Outcome("done")
        assert ref not in cluster.state().leases

    play(story)


def test_permissions_are_known_beforehand() -> None:
    async def story() -> None:
        connection = await open_connection(impersonate=f"system:serviceaccount:{HERE}:default")
        needs = (*READING, Need("create", "", "pods/eviction", HERE))
        assert set(await denied(connection.transport, needs)) == set(needs)
        await connection.transport.close()
        own = await open_connection()
        assert await denied(own.transport, needs) == ()
        await own.transport.close()

    asyncio.run(story())
