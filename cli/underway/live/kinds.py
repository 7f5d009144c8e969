"""Which kinds the server serves: asked for the API versions in question, not for all that it has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from underway.cluster.kinds import Kinds
from underway.cluster.wire import Resource
from underway.live.access import ask_whether
from underway.live.transport import Transport


class _Served(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool


class _List(msgspec.Struct):
    resources: list[_Served] | None = None


async def served(transport: Transport, api_versions: Iterable[str]) -> Kinds:
    """What it serves of these; nothing of a version that it does not know. Raises ClusterUnreachableError."""
    wanted = sorted(set(api_versions))
    found = await asyncio.gather(*(_of(transport, version) for version in wanted))
    return {key: resource for part in found for key, resource in part.items()}


async def _of(transport: Transport, api_version: str) -> dict[tuple[str, str], Resource]:
    group, _, version = api_version.rpartition("/")
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    answer = await ask_whether(transport, path)
    if answer.status == HTTPStatus.NOT_FOUND:
        return {}
    listed = msgspec.json.decode(answer.body, type=_List).resources or []
    return {
        (api_version, one.kind): Resource(group, version, one.name, one.namespaced, one.kind)
        for one in listed
        if "/" not in one.name
    }
