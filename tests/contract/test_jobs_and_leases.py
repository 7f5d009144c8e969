"""What a run makes in the cluster for itself: Jobs that are safe to make twice, and a Lease with one holder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from api_server import ApiServer, api_server
from reach import live, play

from underway.cluster.actions import CreateJob, DeleteJob, DeleteLease, Outcome, PutLease
from underway.cluster.model import Lease, Ref
from underway.live.cluster import LiveCluster

RUN = "underway.dev/run"
JOB = Ref("job", "shop", "maintain")
LEASE = Ref("lease", "default", "run-1")
MANIFEST = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "maintain", "namespace": "shop", "labels": {RUN: "run-1"}},
    "spec": {"template": {"spec": {"containers": [{"image": "x"}]}}},
}


def put_lease(holder: str = "me") -> PutLease:
    return PutLease(LEASE, "run-1", holder, 30, "hold the run", {"underway.dev/playbook": "p"})


def lease(server: ApiServer, holder: str, age: float) -> None:
    renewed = datetime.now(UTC) - timedelta(seconds=age)
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 30, "renewTime": renewed.isoformat()}
    server.put("lease", "default", "run-1", metadata={"labels": {RUN: "run-1"}}, spec=spec)


def held(cluster: LiveCluster) -> Lease:
    return cluster.state().leases[LEASE]


def test_a_job_that_this_run_has_made_already_counts_as_done(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path) as cluster:
            server.mute = True
            create = CreateJob(JOB, "create", MANIFEST)
            assert await cluster.perform(create) == Outcome("done")
            assert [one.ref for one in cluster.state().marked_workloads()] == [JOB]
            assert await cluster.perform(create) == Outcome("done")
            uid = cluster.state().workloads[JOB].uid
            assert await cluster.perform(DeleteJob(JOB, uid, "delete")) == Outcome("done")
            assert JOB not in cluster.state().workloads
            assert server.asked("DELETE")[0].body == {"propagationPolicy": "Background", "preconditions": {"uid": uid}}

    play(story())


def test_somebody_else_s_job_of_that_name_is_a_conflict(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            server.put("job", "shop", "maintain")
            async with live(server, tmp_path) as cluster:
                outcome = await cluster.perform(CreateJob(JOB, "create", MANIFEST))
                assert outcome == Outcome("conflict", "job/shop/maintain exists and is not this run's")

    play(story())


def test_a_lease_is_made_renewed_and_let_go(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path) as cluster:
            server.mute = True
            assert await cluster.perform(put_lease()) == Outcome("done")
            first = held(cluster)
            assert (first.run, first.holder, first.duration_seconds) == ("run-1", "me", 30)
            assert first.annotations == {"underway.dev/playbook": "p"}
            assert await cluster.perform(put_lease()) == Outcome("done")
            assert held(cluster).renewed != first.renewed
            assert await cluster.perform(DeleteLease(LEASE, "let go")) == Outcome("done")
            assert not cluster.state().leases

    play(story())


def test_a_lease_that_somebody_holds_is_left_alone(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server, "them", age=5)
            async with live(server, tmp_path) as cluster:
                outcome = await cluster.perform(put_lease())
                assert outcome.status == "conflict"
                assert outcome.message.startswith("lease/default/run-1 is held by them until ")
            assert not server.asked("PATCH")

    play(story())


def test_a_lease_whose_holder_is_gone_is_taken_over(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server, "them", age=31)
            async with live(server, tmp_path) as cluster:
                assert await cluster.perform(put_lease()) == Outcome("done")
                assert held(cluster).holder == "me"
            spec = server.asked("PATCH")[0].body["spec"]
            assert spec["acquireTime"] == spec["renewTime"]

    play(story())


def test_whoever_takes_the_lease_first_has_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server, "dead", age=100)
            async with live(server, tmp_path) as cluster:
                server.mute = True
                lease(server, "them", age=0)
                assert (await cluster.perform(put_lease())).status == "conflict"
                assert server.objects["lease", "default", "run-1"]["spec"]["holderIdentity"] == "them"

    play(story())


def test_a_lease_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path) as cluster:
            await cluster.perform(put_lease())
            server.mute = True
            server.delete("lease", "default", "run-1")
            assert await cluster.perform(put_lease()) == Outcome("done")
            assert ("lease", "default", "run-1") in server.objects

    play(story())
