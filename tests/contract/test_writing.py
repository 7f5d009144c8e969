"""Writes: what each answer, and each missing one, means; and what the state shows right afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from api_faults import Fault
from api_server import ApiServer, api_server
from reach import live, play, until

from underway.cluster.actions import (
    DeleteJob,
    DeleteLease,
    Evict,
    Outcome,
    PatchAutoscaler,
    PatchBudget,
    PatchNode,
    PatchPod,
)
from underway.cluster.model import Ref
from underway.cluster.podspec import Taint

RUN = "underway.dev/run"
WEB = Ref("pod", "shop", "web-0")
NODE = Ref("node", "", "worker")
JOB = Ref("job", "shop", "maintain")
LEASE = Ref("lease", "default", "run-1")


def web(server: ApiServer) -> dict[str, Any]:
    return server.put(
        "pod",
        "shop",
        "web-0",
        metadata={"labels": {"app": "web", "pod-template-hash": "1"}},
        spec={"nodeName": "worker", "terminationGracePeriodSeconds": 7},
        status={"phase": "Running"},
    )


def evict(found: dict[str, Any], **options: Any) -> Evict:
    return Evict(WEB, found["metadata"]["uid"], "evict web-0", **options)


def patch_pod(found: dict[str, Any], **options: Any) -> PatchPod:
    return PatchPod(WEB, found["metadata"]["uid"], "detach web-0", **options)


def patch_node(found: dict[str, Any], **options: Any) -> PatchNode:
    own = found["metadata"]
    return PatchNode(NODE, own["uid"], own["resourceVersion"], "cordon worker", **options)


def test_the_state_shows_an_accepted_patch_before_any_watch_does(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            pod, node = web(server), server.put("node", "", "worker", spec={"taints": [{"key": "a", "effect": "X"}]})
            budget = server.put("poddisruptionbudget", "shop", "web")
            async with live(server, tmp_path) as cluster:
                server.mute = True
                labels = {"pod-template-hash": None, RUN: "run-1"}
                assert await cluster.perform(patch_pod(pod, labels=labels)) == Outcome("done")
                assert cluster.state().pods[WEB].labels == {"app": "web", RUN: "run-1"}
                taints = (Taint("underway.dev/later", "PreferNoSchedule"),)
                annotations = {"underway.dev/cordoned": "run-1"}
                action = patch_node(node, unschedulable=True, taints=taints, annotations=annotations)
                assert await cluster.perform(action) == Outcome("done")
                found = cluster.state().nodes["worker"]
                assert (found.unschedulable, found.taints, found.annotations) == (True, taints, annotations)
                ref = Ref("poddisruptionbudget", "shop", "web")
                touch = PatchBudget(ref, budget["metadata"]["uid"], "recount", {"underway.dev/recount": "1"})
                assert await cluster.perform(touch) == Outcome("done")
                assert [one.annotations for one in cluster.state().budgets()] == [{"underway.dev/recount": "1"}]

    play(story())


def test_the_bounds_of_an_autoscaler_are_changed_with_its_marks_as_long_as_nobody_else_has(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            ref = Ref("horizontalpodautoscaler", "shop", "web")
            spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 5}
            found = server.put(ref.kind, "shop", "web", spec=spec)["metadata"]
            marks = {"underway.dev/scaled": "r"}
            raised = PatchAutoscaler(ref, found["uid"], found["resourceVersion"], "raise", marks, 4, None)
            async with live(server, tmp_path) as cluster:
                assert await cluster.perform(raised) == Outcome("done")
                (now,) = cluster.state().autoscalers.values()
                assert (now.min_replicas, now.max_replicas, now.annotations) == (4, 5, marks)
                assert cluster.state().autoscaler_of(Ref("deployment", "shop", "web")) == now
                assert (await cluster.perform(raised)).status == "conflict"

    play(story())


def test_putting_back_leaves_no_empty_fields(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            node = server.put("node", "", "worker", spec={"unschedulable": True, "taints": []})
            async with live(server, tmp_path) as cluster:
                await cluster.perform(patch_node(node, unschedulable=False, taints=()))
                assert server.asked("PATCH")[0].body["spec"] == {"unschedulable": None, "taints": None}

    play(story())


def test_what_has_changed_since_is_a_conflict(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            node, pod = server.put("node", "", "worker"), web(server)
            version = pod["metadata"]["resourceVersion"]
            server.put("node", "", "worker", spec={"unschedulable": True})
            web(server)
            async with live(server, tmp_path) as cluster:
                assert (await cluster.perform(patch_node(node, unschedulable=True))).status == "conflict"
                assert (await cluster.perform(patch_pod(pod, resource_version=version))).status == "conflict"
                assert (await cluster.perform(patch_pod(pod))).status == "done"

    play(story())


def test_what_is_another_one_now_or_not_there_is_gone(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            old = web(server)
            server.delete("pod", "shop", "web-0")
            async with live(server, tmp_path) as cluster:
                assert (await cluster.perform(evict(old))).status == "gone"
                assert (await cluster.perform(patch_pod(old))).status == "gone"
                web(server)
                assert (await cluster.perform(evict(old))).status == "gone"
                assert (await cluster.perform(patch_pod(old))).status == "gone"
                assert (await cluster.perform(DeleteJob(JOB, "old", "delete"))).status == "gone"
                assert (await cluster.perform(DeleteLease(LEASE, "let go"))).status == "gone"
                server.put("job", "shop", "maintain")
                assert (await cluster.perform(DeleteJob(JOB, "old", "delete"))).status == "gone"
            assert {("pod", "shop", "web-0"), ("job", "shop", "maintain")} <= server.objects.keys()

    play(story())


def test_an_accepted_eviction_marks_the_pod_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            pod = web(server)
            async with live(server, tmp_path) as cluster:
                server.mute = True
                assert await cluster.perform(evict(pod)) == Outcome("done")
                deleting = cluster.state().pods[WEB].deleting
                assert deleting is not None
                assert 5 < (deleting - cluster.now()).total_seconds() <= 7
            body = server.asked("POST", "/eviction")[0].body
            assert body["deleteOptions"] == {"preconditions": {"uid": pod["metadata"]["uid"]}}

    play(story())


def test_an_eviction_can_name_its_grace_period(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            pod = web(server)
            async with live(server, tmp_path) as cluster:
                await cluster.perform(evict(pod, grace_seconds=0))
            assert server.asked("POST", "/eviction")[0].body["deleteOptions"]["gracePeriodSeconds"] == 0

    play(story())


def status(code: int, message: str, **details: Any) -> Fault:
    return Fault("POST", "/eviction", status=code, body={"kind": "Status", "message": message, "details": details})


VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."
NEEDS = "The disruption budget web needs 2 healthy pods and has 2 currently"
TWO = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
HOOK = 'admission webhook "guard.example.com" denied the request: not today'


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (
            status(429, VIOLATES, causes=[{"reason": "DisruptionBudget", "message": NEEDS}]),
            Outcome("blocked", f"{VIOLATES} {NEEDS}"),
        ),
        (
            status(429, "budget is being processed", retryAfterSeconds=10),
            Outcome("blocked", "budget is being processed", 10),
        ),
        (
            Fault("POST", "/eviction", status=429, body={"message": "too many requests"}, headers={"Retry-After": "1"}),
            Outcome("blocked", "too many requests", 1),
        ),
        (status(500, TWO), Outcome("failed", TWO)),
        (status(403, HOOK), Outcome("denied", HOOK)),
        (status(400, HOOK), Outcome("denied", HOOK)),
        (status(500, HOOK), Outcome("denied", HOOK)),
        (status(403, "pods is forbidden"), Outcome("denied", "pods is forbidden")),
        (status(422, "no"), Outcome("invalid", "no")),
        (status(400, "no"), Outcome("invalid", "no")),
        (Fault("POST", "/eviction", status=503), Outcome("failed", "HTTP 503 Service Unavailable")),
        (status(504, "Timeout: may still be processing"), Outcome("unknown", "Timeout: may still be processing")),
    ],
    ids=lambda value: value.status if isinstance(value, Outcome) else None,
)
def test_a_refusal_means(fault: Fault, outcome: Outcome, tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            pod = web(server)
            fault.times = 1
            server.faults.append(fault)
            async with live(server, tmp_path) as cluster:
                assert await cluster.perform(evict(pod)) == outcome
                assert cluster.state().pods[WEB].deleting is None
            assert len(server.asked("POST", "/eviction")) == 1

    play(story())


@pytest.mark.parametrize("performed", [True, False], ids=["carried out", "lost"])
def test_a_write_without_an_answer_is_unknown_and_not_repeated(performed: bool, tmp_path: Path) -> None:  # noqa: FBT001
    async def story() -> None:
        async with api_server() as server:
            pod = web(server)
            server.faults.append(Fault("PATCH", "/pods/", cut=True, perform=performed))
            async with live(server, tmp_path) as cluster:
                outcome = await cluster.perform(patch_pod(pod, labels={RUN: "run-1"}))
                assert outcome.status == "unknown"
                assert len(server.asked("PATCH")) == 1
                if performed:
                    await until(lambda: RUN in cluster.state().pods[WEB].labels)

    play(story())


def test_a_write_that_takes_too_long_is_unknown(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            pod = web(server)
            server.faults.append(Fault("PATCH", "/pods/", delay=3))
            async with live(server, tmp_path) as cluster:
                assert await cluster.perform(patch_pod(pod)) == Outcome(
                    "unknown", "the API server did not answer: no answer within 2 s"
                )

    play(story())


def test_a_write_that_never_left_has_failed(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            pod = web(server)
            async with live(server, tmp_path) as cluster:
                await server.stop()
                assert (await cluster.perform(patch_pod(pod))).status == "failed"

    play(story())


def test_a_late_answer_does_not_undo_what_came_after(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            pod = web(server)
            stale = {**pod, "metadata": {**pod["metadata"], "labels": {}}}
            server.faults.append(Fault("PATCH", "/pods/", status=200, body=stale))
            async with live(server, tmp_path) as cluster:
                server.delete("pod", "shop", "web-0")
                await until(lambda: not cluster.state().pods)
                assert (await cluster.perform(patch_pod(pod))).status == "done"
                assert not cluster.state().pods

    play(story())


def test_few_writes_are_under_way_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            pod = web(server)
            async with live(server, tmp_path) as cluster:
                server.busiest = 0
                server.faults.append(Fault("PATCH", "/pods/", delay=0.05, times=99))
                outcomes = await asyncio.gather(*(cluster.perform(patch_pod(pod)) for _ in range(60)))
                assert {one.status for one in outcomes} == {"done"}
                assert 8 < server.busiest <= 16

    play(story())
