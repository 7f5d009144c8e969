"""How every command that needs the real cluster gets at it: the connection, then permissions, then the state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from underway.cluster.actions import Need
from underway.commands.options import Target
from underway.engine import preflight
from underway.engine.locating import api_versions, located
from underway.errors import RefusedError, UsageError
from underway.live.access import READING, denied
from underway.live.cluster import LiveCluster, connect
from underway.live.connection import Connection, open_connection
from underway.live.kinds import served
from underway.playbook.models import Playbook
from underway.units import parse_duration


@asynccontextmanager
async def opened(target: Target) -> AsyncIterator[Connection]:
    given = target.request_timeout
    try:
        # as kubectl: a bare number is seconds, and 0 is as long as it takes (here: the transport's own limit)
        seconds = float(given) if given.isdecimal() else parse_duration(given).total_seconds()
    except ValueError as error:
        raise UsageError(f"--request-timeout: {error}") from error
    connection = await open_connection(
        context=target.context,
        kubeconfig=str(target.kubeconfig) if target.kubeconfig else None,
        impersonate=target.impersonate,
        request_timeout=seconds,
    )
    try:
        yield connection
    finally:
        await connection.transport.close()


async def default_namespace(target: Target) -> str:
    """That of -n, or of the context. Raises UsageError and ClusterUnreachableError."""
    if target.namespace:
        return target.namespace
    async with opened(target) as connection:
        return connection.namespace


async def with_places(playbook: Playbook, connection: Connection, namespace: str) -> Playbook:
    """The playbook with the place in the API of each object that it applies. Raises ClusterUnreachableError."""
    versions = api_versions(playbook)
    return located(playbook, namespace, await served(connection.transport, versions)) if versions else playbook


@asynccontextmanager
async def reading(connection: Connection, needs: Iterable[Need]) -> AsyncIterator[LiveCluster]:
    """The cluster, once every permission is there. RefusedError names each that is not."""
    missing = await denied(connection.transport, (*READING, *needs))
    if missing:
        found = tuple(preflight.permission_blocker(need) for need in missing)
        raise RefusedError(f"{len(found)} permissions are missing, nothing has been changed", found)
    cluster = await connect(connection)
    try:
        yield cluster
    finally:
        await cluster.close()
