"""A StatefulSet's template and partition on the wire: what is written, and that undo writes back what was read."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from api_faults import Fault
from api_server import ApiServer, api_server
from reach import live, play

from underway.cluster.actions import RECORD, Outcome, PatchWorkload, RestoreTemplate, RollTemplate
from underway.cluster.model import Ref, Workload

DB = Ref("statefulset", "shop", "db")
CONTAINER = {"name": "db", "image": "shop:1", "env": [{"name": "A", "value": "1"}], "args": ["-x"]}
TEMPLATE = {"metadata": {"labels": {"app": "db"}, "annotations": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}


def db(server: ApiServer) -> dict[str, Any]:
    spec = {"replicas": 3, "template": copy.deepcopy(TEMPLATE), "updateStrategy": copy.deepcopy(STRATEGY)}
    return server.put("statefulset", "shop", "db", metadata={"generation": 4}, spec=spec)


def test_a_template_is_written_with_its_partition_and_put_back_as_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            uid = db(server)["metadata"]["uid"]
            async with live(server, tmp_path) as cluster:
                server.mute = True
                roll = RollTemplate(
                    DB,
                    uid,
                    4,
                    "roll",
                    images={"db": "shop:2"},
                    env={"B": "2"},
                    restarted_at="now",
                    annotations={"underway.dev/run": "r"},
                    partition=3,
                )
                assert await cluster.perform(roll) == Outcome("done")
                found = cluster.state().workloads[DB]
                assert isinstance(found, Workload)
                assert found.partition == 3
                assert found.template is not None
                assert found.template.images == {"db": "shop:2"}
                assert json.loads(found.annotations[RECORD]) == TEMPLATE
                spec = server.asked("PATCH")[0].body["spec"]
                assert spec["updateStrategy"] == {"rollingUpdate": {"partition": 3}}
                # nobody else's change of the template is written over
                assert (
                    await cluster.perform(RollTemplate(DB, uid, 3, "roll", images={"db": "x"}))
                ).status == "conflict"
                lower = PatchWorkload(DB, uid, "lower", partition=2)
                assert await cluster.perform(lower) == Outcome("done")
                assert server.asked("PATCH")[1].body["spec"] == {"updateStrategy": {"rollingUpdate": {"partition": 2}}}
                gone = dict.fromkeys(("underway.dev/run", RECORD))
                back = RestoreTemplate(DB, uid, "put back", annotations=gone, partition=0)
                assert await cluster.perform(back) == Outcome("done")
            stored = server.objects["statefulset", "shop", "db"]
            assert stored["spec"]["template"] == TEMPLATE
            assert stored["spec"]["updateStrategy"] == STRATEGY
            assert not stored["metadata"].get("annotations")

    play(story())


@pytest.mark.parametrize(("conflicts", "status"), [(2, "done"), (3, "conflict")])
def test_a_report_of_its_controller_in_between_is_read_and_written_over(
    tmp_path: Path, conflicts: int, status: str
) -> None:
    async def story() -> None:
        async with api_server() as server:
            uid = db(server)["metadata"]["uid"]
            async with live(server, tmp_path) as cluster:
                server.faults.append(Fault("PATCH", "/statefulsets/db", status=409, times=conflicts))
                roll = RollTemplate(DB, uid, 4, "roll", images={"db": "shop:2"})
                assert (await cluster.perform(roll)).status == status
                assert len(server.asked("PATCH")) == 3

    play(story())


def test_without_a_note_nothing_is_put_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            uid = db(server)["metadata"]["uid"]
            async with live(server, tmp_path) as cluster:
                assert (await cluster.perform(RestoreTemplate(DB, uid, "put back"))).status == "invalid"
                assert (await cluster.perform(RollTemplate(DB, uid, 4, "roll", images={"no": "x"}))).status == "invalid"
                assert server.asked("PATCH") == []

    play(story())
