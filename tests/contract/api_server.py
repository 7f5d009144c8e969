"""A small Kubernetes API on 127.0.0.1 that misbehaves on demand: objects in memory, paged lists, real watch streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from api_faults import Fault, cut, next_fault
from api_words import json_answer, merge_patch, status, target

JsonObject = dict[str, Any]


@dataclass
class Watcher:
    kind: str
    lines: asyncio.Queue[bytes | None]
    transport: asyncio.BaseTransport
    since: int


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class ApiServer:
    def __init__(self) -> None:
        self.version = 1000
        self.objects: dict[tuple[str, str, str], JsonObject] = {}
        self.history: list[tuple[int, str, str, JsonObject]] = []
        self.oldest = 0
        self.faults: list[Fault] = []
        self.watchers: list[Watcher] = []
        self.seen: list[Seen] = []
        self.mute = False
        """Watches stay open and say nothing."""
        self.permits: Callable[[JsonObject], bool] = lambda _: True
        self.served: dict[str, list[JsonObject]] = {}
        """What discovery tells, by path."""
        self.token: str | None = None
        self.url = ""
        self.busiest = 0
        self._busy = 0
        self._runner: web.AppRunner | None = None

    # -- what happens in the cluster ---------------------------------------------------------------------------

    def put(self, kind: str, namespace: str, name: str, **parts: Any) -> JsonObject:
        """Create an object, or change it: `parts` are metadata, spec and status, merged one level deep."""
        self.version += 1
        key = (kind, namespace, name)
        old = self.objects.get(key)
        uid = old["metadata"]["uid"] if old else f"{kind}-{name}-{self.version}"
        merged = {part: {**(old or {}).get(part, {}), **parts.get(part, {})} for part in ("metadata", "spec", "status")}
        merged["metadata"] |= {"name": name, "uid": uid, "resourceVersion": str(self.version)}
        if namespace:
            merged["metadata"]["namespace"] = namespace
        self.objects[key] = {**merged, **{key: value for key, value in parts.items() if key not in merged}}
        self._tell("MODIFIED" if old else "ADDED", kind, self.objects[key])
        return self.objects[key]

    def delete(self, kind: str, namespace: str, name: str) -> None:
        self.version += 1
        old = self.objects.pop((kind, namespace, name))
        self._tell("DELETED", kind, {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}})

    def forget(self) -> None:
        """Compaction: no watch can begin before now, and no list can go on."""
        self.oldest = self.version

    def cut_watches(self) -> None:
        for watcher in self.watchers:
            watcher.transport.abort()

    def end_watches(self) -> None:
        for watcher in self.watchers:
            watcher.lines.put_nowait(None)

    def say(self, kind: str, event: str, found: JsonObject) -> None:
        """An event that is not in the history: a lie, an old one, or a bookmark."""
        self.say_line(kind, json.dumps({"type": event, "object": found}).encode() + b"\n")

    def say_line(self, kind: str, line: bytes) -> None:
        for watcher in self.watchers:
            if watcher.kind == kind:
                watcher.lines.put_nowait(line)

    def asked(self, method: str, part: str = "") -> list[Seen]:
        return [one for one in self.seen if one.method == method and part in one.path]

    def _tell(self, event: str, kind: str, found: JsonObject) -> None:
        self.history.append((self.version, event, kind, found))
        if not self.mute:
            self.say(kind, event, found)

    # -- HTTP --------------------------------------------------------------------------------------------------

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner:
            self.cut_watches()
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.seen.append(Seen(request.method, request.path, dict(request.query), dict(request.headers), body))
        fault = next_fault(self.faults, request)
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            await asyncio.sleep(fault.delay)
        finally:
            self._busy -= 1
        if fault.cut:
            if fault.perform:
                self._answer(request, body)
            return cut(request)
        if fault.status:
            return web.json_response(fault.body or {}, status=fault.status, headers=fault.headers)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized")
        if request.query.get("watch"):
            return await self._watch(request)
        answer = self._answer(request, body)
        if fault.cut_after is not None:
            whole = answer.body
            assert isinstance(whole, bytes)
            partly = web.StreamResponse(headers={"Content-Length": str(len(whole))})
            await partly.prepare(request)
            await partly.write(whole[: fault.cut_after])
            return cut(request)
        return answer

    def _answer(self, request: web.Request, body: Any) -> web.Response:
        if request.path in self.served:
            return json_answer({"resources": self.served[request.path]})
        kind, namespace, name, action = target(request.path)
        if kind == "selfsubjectaccessreviews":
            return json_answer({"status": {"allowed": self.permits(body["spec"]["resourceAttributes"])}}, 201)
        key = (kind, namespace, name)
        if request.method == "GET" and not name:
            return self._list(kind, namespace, request.query)
        if request.method == "POST" and not name:
            return self._create(kind, namespace, body)
        found = self.objects.get(key)
        if found is None and "apply-patch" not in request.headers.get("Content-Type", ""):
            return status(404, f'{kind} "{name}" not found')
        if request.method == "GET":
            return json_answer(found)
        if request.method == "PATCH":
            return self._patch(request, key, found, body)
        uid = ((body or {}).get("deleteOptions" if action else "preconditions") or {}).get(
            "preconditions" if action else "uid"
        )
        uid = uid.get("uid") if isinstance(uid, dict) else uid
        if uid and uid != found["metadata"]["uid"]:
            if action:
                return status(409, f"Precondition failed: UID in precondition: {uid}, UID in object meta: other")
            return status(409, f"the UID in the precondition ({uid}) does not match the UID in record (other)")
        self.delete(*key)
        return json_answer({"kind": "Status", "status": "Success"}, 201 if action else 200)

    def _list(self, kind: str, namespace: str, query: Any) -> web.Response:
        names = [key for key in sorted(self.objects) if key[0] == kind and namespace in ("", key[1])]
        if "fieldSelector" in query:
            names = [key for key in names if query["fieldSelector"] == f"metadata.name={key[2]}"]
        start = 0
        metadata: JsonObject = {"resourceVersion": str(self.version)}
        if "continue" in query:
            version, start = map(int, query["continue"].split("-"))
            if version < self.oldest:
                return status(410, "The provided continue parameter is too old")
            metadata["resourceVersion"] = str(version)
        end = start + int(query.get("limit", len(names)))
        if end < len(names):
            metadata["continue"] = f"{metadata['resourceVersion']}-{end}"
        return json_answer({"metadata": metadata, "items": [self.objects[key] for key in names[start:end]]})

    def _create(self, kind: str, namespace: str, body: JsonObject) -> web.Response:
        name = body["metadata"]["name"]
        if (kind, namespace, name) in self.objects:
            return status(409, f'{kind} "{name}" already exists')
        return json_answer(self.put(kind, namespace, name, metadata=body["metadata"], spec=body.get("spec", {})), 201)

    def _patch(
        self, request: web.Request, key: tuple[str, str, str], found: JsonObject | None, body: JsonObject
    ) -> web.Response:
        if found is None or "apply-patch" in request.headers["Content-Type"]:
            return self._apply(key, found, body, dry="dryRun" in request.query)
        asked = body.get("metadata", {})
        if asked.get("resourceVersion", found["metadata"]["resourceVersion"]) != found["metadata"]["resourceVersion"]:
            return status(409, "the object has been modified; please apply your changes to the latest version")
        if asked.get("uid", found["metadata"]["uid"]) != found["metadata"]["uid"]:
            causes = [{"reason": "FieldValueInvalid", "message": "field is immutable", "field": "metadata.uid"}]
            return status(422, "metadata.uid: field is immutable", causes=causes)
        merged = merge_patch(found, body)
        return json_answer(self._replace(key, merged))

    def _apply(
        self, key: tuple[str, str, str], found: JsonObject | None, body: JsonObject, *, dry: bool
    ) -> web.Response:
        """As a server-side apply by a manager who owns nothing yet."""
        asked = body["metadata"].get("resourceVersion")
        if asked and found and asked != found["metadata"]["resourceVersion"]:
            return status(409, "the object has been modified; please apply your changes to the latest version")
        merged = merge_patch(found or {}, body)
        managers = merged["metadata"].get("managedFields") or []
        merged["metadata"]["managedFields"] = [*managers, {"manager": "underway", "operation": "Apply"}]
        return json_answer(merged if dry else self._replace(key, merged), 200 if found else 201)

    def _replace(self, key: tuple[str, str, str], whole: JsonObject) -> JsonObject:
        self.version += 1
        own = {"uid": f"{key[0]}-{key[2]}-{self.version}"} | whole["metadata"] | {"resourceVersion": str(self.version)}
        new = whole | {"metadata": own}
        self._tell("MODIFIED" if key in self.objects else "ADDED", key[0], new)
        self.objects[key] = new
        return new

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        kind, since = target(request.path)[0], int(request.query["resourceVersion"])
        if since < self.oldest:
            return status(410, "too old resource version")
        assert request.transport is not None
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        for version, event, of, found in self.history:
            if version > since and of == kind and not self.mute:
                lines.put_nowait(json.dumps({"type": event, "object": found}).encode() + b"\n")
        watcher = Watcher(kind, lines, request.transport, since)
        self.watchers.append(watcher)
        response = web.StreamResponse()
        try:
            await response.prepare(request)
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                while (line := await lines.get()) is not None:
                    await response.write(line)
        except TimeoutError:
            if self.mute:
                await asyncio.sleep(3600)
        finally:
            self.watchers.remove(watcher)
        return response


@asynccontextmanager
async def api_server() -> AsyncIterator[ApiServer]:
    server = ApiServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
