"""A saved plan against an API server: it runs while its targets are as they were; else not one write is sent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from api_server import ApiServer, api_server
from invoke import Ended, underway
from reach import kubeconfig, play

PLAYBOOK = """
apiVersion: underway.dev/v1alpha1
kind: Playbook
metadata: {name: look}
spec: {steps: [{nodes: {select: {names: [a]}}}]}
"""
READY = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "4", "pods": "110"}}


async def told(server: ApiServer, folder: Path, *arguments: str) -> Ended:
    options = ("--kubeconfig", kubeconfig(folder, server.url))
    return await asyncio.to_thread(underway, *arguments, *options, XDG_STATE_HOME=str(folder))


async def saved(server: ApiServer, folder: Path) -> str:
    server.put("node", "", "a", status=READY)
    playbook, out = folder / "playbook.yaml", folder / "plan"
    playbook.write_text(PLAYBOOK)
    ended = await told(server, folder, "plan", str(playbook), "--out", str(out))
    assert ended.status == 0, ended.err
    assert json.loads(out.read_bytes())["namespace"] == "shop"
    return str(out)


def test_a_heartbeat_between_plan_and_run_does_no_harm(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            plan = await saved(server, tmp_path)
            assert server.asked("PATCH") == []
            server.put("node", "", "a", status=READY | {"images": []})
            ended = await told(server, tmp_path, "run", plan, "--yes", "-o", "json")
            assert ended.status == 0, ended.err
            receipt = json.loads(ended.out.splitlines()[-1])
            assert (receipt["nodes"], receipt["leftChanged"]) == (["a"], [])

    play(story())


def test_what_has_changed_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            plan = await saved(server, tmp_path)
            server.put("node", "", "a", spec={"unschedulable": True})
            ended = await told(server, tmp_path, "run", plan, "--yes", "-o", "json")
            assert ended.status == 4
            (blocker,) = json.loads(ended.out)["blockers"]
            assert (blocker["object"], blocker["reason"]) == ("node/a", "unschedulable was false, now true")
            again = f"underway plan {tmp_path}/playbook.yaml --kubeconfig {tmp_path}/kubeconfig --out {plan}"
            assert blocker["remedy"] == f"plan again: {again}"
            writes = [one for one in server.seen if one.method != "GET" and "accessreview" not in one.path]
            assert writes == []

    play(story())


def test_a_plan_made_on_files_says_so_where_it_does_not_fit(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            await saved(server, tmp_path)
            node = tmp_path / "node.json"
            node.write_text(json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}))
            arguments = ("--cluster", str(node), "--out", str(tmp_path / "plan"))
            await told(server, tmp_path, "plan", str(tmp_path / "playbook.yaml"), *arguments)
            ended = await told(server, tmp_path, "run", str(tmp_path / "plan"), "--yes")
            assert ended.status == 4
            assert "is another one of this name" in ended.err
            assert f"the plan was made on {node}, and this is here" in ended.err
            assert "--cluster" not in ended.err

    play(story())
