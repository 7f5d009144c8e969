"""Manifests on the wire: what was before is noted in the same request, and can be put back by anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_faults import Fault
from api_server import ApiServer, api_server
from reach import live, play, reach

from underway.cluster import applied
from underway.cluster.actions import Apply, Outcome, TakeBack, Unmark
from underway.cluster.model import Ref
from underway.cluster.notes import Note, note_key, notes_of
from underway.live.cluster import LiveCluster
from underway.live.kinds import served

RUN = "run-1"
LEASE = Ref("lease", "default", "underway-run-1")
KEY = note_key(0, 0)
REF = Ref("configmap", "shop", "settings")
NOTE = Note("", "v1", "configmaps", "ConfigMap", "shop", "settings")
PATH = "/api/v1/namespaces/shop/configmaps/settings"
THERE = ("configmaps", "shop", "settings")
MANIFEST = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop"},
    "data": {"color": "blue", "new": "yes"},
}
MANAGERS = [{"manager": "ops", "operation": "Update"}]


def lease(server: ApiServer) -> None:
    server.put("lease", "default", "underway-run-1", metadata={"labels": {"underway.dev/run": RUN}})


def existing(server: ApiServer, **metadata: Any) -> dict[str, Any]:
    data = {"color": "green", "kept": "as it is"}
    return server.put(*THERE, metadata={"managedFields": MANAGERS, **metadata}, data=data)


def apply(manifest: dict[str, Any] = MANIFEST, note: Note = NOTE) -> Apply:
    return Apply(note.ref, RUN, LEASE, KEY, note, says="apply", manifest=manifest)


def noted(cluster: LiveCluster) -> Note | None:
    return notes_of(cluster.state().leases[LEASE]).get(KEY)


async def take_back(cluster: LiveCluster) -> None:
    note = noted(cluster)
    assert note is not None
    assert await cluster.perform(TakeBack(REF, RUN, LEASE, KEY, note, says="back")) == Outcome("done")
    note = noted(cluster)
    if note is not None:
        assert await cluster.perform(Unmark(REF, RUN, LEASE, KEY, note, says="remove")) == Outcome("done")
    assert noted(cluster) is None


def content(found: dict[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in found["metadata"].items() if key != "resourceVersion"}
    return found | {"metadata": own}


def test_what_was_there_is_put_back_with_its_managers(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            before = content(existing(server))
            async with live(server, tmp_path) as cluster:
                assert await cluster.perform(apply()) == Outcome("done")
                now = server.objects[THERE]
                assert now["data"] == {"color": "blue", "kept": "as it is", "new": "yes"}
                assert now["metadata"]["annotations"][applied.APPLIED] == RUN
                assert noted(cluster) == Note(**{**_fields(NOTE), "state": "applied"})
                await take_back(cluster)
            after = content(server.objects[THERE])
            assert not after["metadata"].pop("annotations", None)
            assert after | {"apiVersion": "v1", "kind": "ConfigMap"} == before | {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": before["metadata"],
            }

    play(story())


def _fields(note: Note) -> dict[str, Any]:
    return {name: getattr(note, name) for name in note.__struct_fields__}


def test_what_was_not_there_is_deleted(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            async with live(server, tmp_path) as cluster:
                await cluster.perform(apply())
                note = noted(cluster)
                assert note is not None
                assert note.created
                await take_back(cluster)
            assert THERE not in server.objects
            (deletion,) = server.asked("DELETE")
            assert "uid" in deletion.body["preconditions"]

    play(story())


def test_applied_twice_what_was_before_is_still_known(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            existing(server)
            async with live(server, tmp_path) as cluster:
                await cluster.perform(apply())
                await cluster.perform(apply())
                await cluster.perform(apply(MANIFEST | {"data": {"color": "red", "kept": "no more"}}))
                await take_back(cluster)
            assert server.objects[THERE]["data"] == {"color": "green", "kept": "as it is"}

    play(story())


def test_an_answer_that_is_lost_does_no_harm(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            async with live(server, tmp_path) as cluster:
                server.faults.append(Fault("PATCH", "configmaps", cut=True))
                assert (await cluster.perform(apply())).status == "unknown"
                assert THERE in server.objects
                assert await cluster.perform(apply()) == Outcome("done")
                note = noted(cluster)
                assert note is not None
                assert note.created
                await take_back(cluster)
            assert THERE not in server.objects

    play(story())


def conflict() -> dict[str, Any]:
    cause = {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl-client-side-apply" using v1',
        "field": ".data.color",
    }
    return {"message": "Apply failed with 1 conflict", "code": 409, "details": {"causes": [cause]}}


def refusals() -> Iterator[tuple[Fault, str]]:
    yield Fault("PATCH", "configmaps", status=409, body=conflict()), "data.color belongs to kubectl-client-side-apply"
    denied = {"message": "admission webhook says no", "code": 403}
    yield Fault("PATCH", "configmaps", status=403, body=denied), "admission webhook says no"
    yield Fault("PATCH", "configmaps", status=404, body={"message": 'namespaces "shop" not found'}), "not found"


@pytest.mark.parametrize(("fault", "says"), list(refusals()))
def test_what_is_refused_for_good_is_noted_with_its_reason(tmp_path: Path, fault: Fault, says: str) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            before = existing(server)
            async with live(server, tmp_path) as cluster:
                server.faults.append(fault)
                assert await cluster.perform(apply()) == Outcome("done")
                note = noted(cluster)
                assert note is not None
                assert note.state == "refused"
                assert says in note.reason
            assert server.objects[THERE] == before

    play(story())


def test_a_server_that_is_busy_is_asked_again_later(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            async with live(server, tmp_path) as cluster:
                server.faults.append(Fault("PATCH", "configmaps", status=503, body={"message": "busy"}))
                assert (await cluster.perform(apply())).status == "failed"
                assert noted(cluster) is None

    play(story())


def test_the_servers_words_about_a_secret_are_not_repeated(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            note = Note("", "v1", "secrets", "Secret", "shop", "password")
            manifest = MANIFEST | {"kind": "Secret", "metadata": {"name": "password", "namespace": "shop"}}
            async with live(server, tmp_path) as cluster:
                body = {"message": 'Secret is invalid: data[x]: Invalid value: "TOPSECRET"', "code": 422}
                server.faults.append(Fault("PATCH", "secrets", status=422, body=body))
                await cluster.perform(apply(manifest, note))
                told = noted(cluster)
                assert told is not None
                assert told.state == "refused"
                assert "TOPSECRET" not in told.reason

    play(story())


def test_what_another_run_has_left_changed_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            existing(server, annotations={applied.APPLIED: "run-0"})
            async with live(server, tmp_path) as cluster:
                await cluster.perform(apply())
                note = noted(cluster)
                assert note is not None
                assert "underway restore run-0" in note.reason

    play(story())


def test_what_somebody_else_made_at_the_same_moment_is_not_deleted(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            existing(server)
            async with live(server, tmp_path) as cluster:
                server.faults.append(Fault("GET", "configmaps", status=404, body={"message": "not found"}))
                await cluster.perform(apply())
                note = noted(cluster)
                assert note is not None
                assert note.state == "refused"
                await take_back(cluster)
            assert THERE in server.objects

    play(story())


def test_without_our_marks_nothing_is_taken_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            lease(server)
            before = existing(server)
            async with live(server, tmp_path) as cluster:
                assert await cluster.perform(TakeBack(REF, RUN, LEASE, KEY, NOTE, says="back")) == Outcome("done")
            assert server.objects[THERE] == before

    play(story())


def test_the_server_is_asked_for_the_kinds_in_question_only(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            server.served["/apis/acme.io/v1"] = [
                {"name": "widgets", "kind": "Widget", "namespaced": False},
                {"name": "widgets/status", "kind": "Widget", "namespaced": False},
            ]
            server.faults.append(Fault("GET", "/apis/acme.io/v2", status=404, body={}))
            connection = await reach(server, tmp_path)
            found = await served(connection.transport, ["acme.io/v1", "acme.io/v2"])
            await connection.transport.close()
            assert {key: kind.plural for key, kind in found.items()} == {("acme.io/v1", "Widget"): "widgets"}
            assert [one.method for one in server.seen] == ["GET", "GET"]

    play(story())
