"""List and watch: whatever the server and the network do, the state ends as the cluster is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from api_server import ApiServer, api_server
from reach import PACE, live, play, until

from underway.cluster.model import Ref
from underway.live.cluster import LiveCluster

POD = {"spec": {"nodeName": "worker"}, "status": {"phase": "Running"}}


def names(cluster: LiveCluster) -> set[str]:
    return {pod.name for pod in cluster.state().pods.values()}


def phase(cluster: LiveCluster, name: str) -> str | None:
    pod = cluster.state().pods.get(Ref("pod", "shop", name))
    return pod.phase if pod else None


def shop(server: ApiServer, count: int = 5) -> None:
    for number in range(count):
        server.put("pod", "shop", f"web-{number}", **POD)


def test_what_happens_afterwards_arrives(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            shop(server, 2)
            async with live(server, tmp_path) as cluster:
                server.put("pod", "shop", "web-1", status={"phase": "Failed"})
                server.put("pod", "shop", "new", **POD)
                server.delete("pod", "shop", "web-0")
                await until(lambda: names(cluster) == {"web-1", "new"})
                assert phase(cluster, "web-1") == "Failed"

    play(story())


def test_a_change_wakes_whoever_waits(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path) as cluster:
            far = cluster.now().replace(year=2100)
            await cluster.changed(cluster.now())
            waiting = asyncio.create_task(cluster.changed(far))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            server.put("pod", "shop", "new", **POD)
            await asyncio.wait_for(waiting, 5)
            assert names(cluster) == {"new"}
            await cluster.changed(cluster.now())

    play(story())


def test_a_cut_watch_resumes_where_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            shop(server, 2)
            async with live(server, tmp_path) as cluster:
                for number in range(2, 30):
                    server.put("pod", "shop", f"web-{number}", **POD)
                    if number % 5 == 0:
                        await until(lambda: server.watchers)
                        server.cut_watches()
                server.delete("pod", "shop", "web-0")
                await until(lambda: names(cluster) == {f"web-{number}" for number in range(1, 30)})
            lists = [one for one in server.asked("GET", "/pods") if "watch" not in one.query]
            assert len(lists) == 1

    play(story())


def test_half_a_line_is_no_event(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path) as cluster:
            server.say_line("pod", b'{"type":"ADDED","object":{"metadata":{"name":"half"')
            await asyncio.sleep(0.05)
            server.cut_watches()
            server.put("pod", "shop", "new", **POD)
            await until(lambda: names(cluster) == {"new"})

    play(story())


def test_a_watch_that_the_server_ends_begins_again_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path) as cluster:
            server.put("pod", "shop", "first", **POD)
            await until(lambda: names(cluster) == {"first"})
            server.end_watches()
            server.put("pod", "shop", "second", **POD)
            await until(lambda: names(cluster) == {"first", "second"})

    play(story())


@pytest.mark.parametrize("words", [True, False], ids=["as an event", "as the answer"])
def test_what_went_while_the_version_expired_is_dropped(words: bool, tmp_path: Path) -> None:  # noqa: FBT001
    async def story() -> None:
        async with api_server() as server:
            shop(server, 3)
            async with live(server, tmp_path) as cluster:
                server.mute = True
                server.delete("pod", "shop", "web-0")
                server.put("pod", "shop", "web-1", status={"phase": "Failed"})
                server.forget()
                server.mute = False
                if words:
                    server.say("pod", "ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
                else:
                    server.cut_watches()
                await until(lambda: names(cluster) == {"web-1", "web-2"})
                assert phase(cluster, "web-1") == "Failed"

    play(story())


def test_old_news_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            first = server.put("pod", "shop", "web-0", **POD)
            async with live(server, tmp_path) as cluster:
                second = server.put("pod", "shop", "web-0", status={"phase": "Failed"})
                server.put("pod", "shop", "web-0", status={"phase": "Succeeded"})
                server.say("pod", "MODIFIED", second)
                server.say("pod", "MODIFIED", first)
                server.say("pod", "DELETED", first)
                server.put("pod", "shop", "after", **POD)
                await until(lambda: "after" in names(cluster))
                assert phase(cluster, "web-0") == "Succeeded"

    play(story())


def test_the_dead_do_not_rise(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            old = server.put("pod", "shop", "web-0", **POD)
            async with live(server, tmp_path) as cluster:
                server.delete("pod", "shop", "web-0")
                server.say("pod", "MODIFIED", old)
                server.put("pod", "shop", "after", **POD)
                await until(lambda: "after" in names(cluster))
                assert names(cluster) == {"after"}

    play(story())


def test_a_pod_of_the_same_name_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            old = server.put("pod", "shop", "db-0", **POD)
            async with live(server, tmp_path) as cluster:
                server.delete("pod", "shop", "db-0")
                new = server.put("pod", "shop", "db-0", **POD)
                await until(lambda: [pod.uid for pod in cluster.state().pods.values()] == [new["metadata"]["uid"]])
                assert old["metadata"]["uid"] != new["metadata"]["uid"]

    play(story())


def test_a_watch_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def story() -> None:
        pace = PACE._replace(watch=1, margin=0.1)
        async with api_server() as server, live(server, tmp_path, pace) as cluster:
            server.mute = True
            server.put("pod", "shop", "unheard", **POD)
            await asyncio.sleep(1.2)
            server.mute = False
            await until(lambda: names(cluster) == {"unheard"})

    play(story())


def test_a_line_may_be_longer_than_any_buffer(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path) as cluster:
            server.put("pod", "shop", "huge", metadata={"annotations": {"note": "x" * 9_000_000}}, **POD)
            server.put("pod", "shop", "after", **POD)
            await until(lambda: names(cluster) == {"huge", "after"})

    play(story())


def test_a_stream_with_garbage_in_it_is_not_trusted(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path) as cluster:
            server.mute = True
            server.put("pod", "shop", "missed", **POD)
            server.mute = False
            server.say_line("pod", b"<html>502 Bad Gateway</html>\n")
            await until(lambda: names(cluster) == {"missed"})

    play(story())


def test_a_bookmark_saves_reading_everything_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            shop(server, 1)
            async with live(server, tmp_path) as cluster:
                server.put("node", "", "elsewhere")
                server.forget()
                for kind in ("pod", "node"):
                    server.say(kind, "BOOKMARK", {"metadata": {"resourceVersion": str(server.version)}})
                await asyncio.sleep(0.05)
                watches = len(server.asked("GET", "/pods"))
                server.cut_watches()
                server.put("pod", "shop", "after", **POD)
                await until(lambda: names(cluster) == {"web-0", "after"})
                assert all("watch" in one.query for one in server.asked("GET", "/pods")[watches:])

    play(story())


def test_silence_tells_how_long_the_server_has_been_away(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            shop(server, 1)
            port = int(server.url.rpartition(":")[2])
            async with live(server, tmp_path) as cluster:
                await until(lambda: cluster.silence().total_seconds() < 0.5)
                await server.stop()
                await until(lambda: cluster.silence().total_seconds() > 0.7)
                assert names(cluster) == {"web-0"}
                server.put("pod", "shop", "meanwhile", **POD)
                await server.start(port)
                await until(lambda: names(cluster) == {"web-0", "meanwhile"})
                await until(lambda: cluster.silence().total_seconds() < 0.5)

    play(story())


def test_only_the_leases_of_runs_are_asked_for(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            async with live(server, tmp_path):
                pass
            asked = server.asked("GET", "/leases")
            assert {one.path for one in asked} == {"/apis/coordination.k8s.io/v1/namespaces/default/leases"}
            assert {one.query["labelSelector"] for one in asked} == {"underway.dev/run"}

    play(story())
