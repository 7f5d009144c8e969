"""What `underway pause` and `underway resume` do: a word in the Lease of a living run."""

from __future__ import annotations

import asyncio
import getpass
import shlex
import socket

import typer

from underway.cluster.actions import Need, PatchLease
from underway.cluster.model import LEASE_NAMESPACE
from underway.cluster.notes import lease_of
from underway.commands.options import Target
from underway.commands.reach import opened, reading
from underway.engine.events import RunStarted
from underway.engine.journal import read
from underway.engine.pausing import PAUSED
from underway.engine.standing import Standing, standings
from underway.errors import ExitStatus, RefusedError, UnderwayError, UsageError
from underway.live.cluster import LiveCluster

NEED = Need("patch", "coordination.k8s.io", "leases", LEASE_NAMESPACE)


def pause_live(run: str, target: Target) -> int:
    return asyncio.run(_said(run, target, pausing=True))


def resume_live(run: str, target: Target) -> int:
    return asyncio.run(_said(run, target, pausing=False))


async def _said(run: str, target: Target, *, pausing: bool) -> int:
    async with opened(target) as connection, reading(connection, [NEED]) as cluster:
        standing = living(run, cluster)
        if bool(standing.paused) == pausing:
            by = f", by {standing.paused}" if standing.paused else ""
            typer.echo(f"run {run} {'is paused already' if pausing else 'is not paused'}{by}")
            return ExitStatus.DONE
        await _write(run, cluster, f"{person()} at {cluster.now():%H:%M:%S}Z" if pausing else None)
    typer.echo(f"run {run} pauses: what is in flight is finished first" if pausing else f"run {run} goes on")
    return ExitStatus.DONE


def living(run: str, cluster: LiveCluster) -> Standing:
    """Where the run stands. UsageError if there is no such run, RefusedError if its process has died."""
    standing = standings(cluster.state(), cluster.now()).get(run)
    if standing is None:
        raise UsageError(f"the cluster knows of no run `{run}`", "underway status lists those that it knows of")
    if not standing.alive:
        raise _dead(standing)
    return standing


async def _write(run: str, cluster: LiveCluster, word: str | None) -> None:
    says = "pause" if word else "go on"
    outcome = await cluster.perform(PatchLease(lease_of(run), says, {PAUSED: word}))
    if outcome.status != "done":
        raise UnderwayError(f"run {run} was not told: {outcome.message or outcome.status}")


def _dead(standing: Standing) -> RefusedError:
    """What it takes to go on with a run whose process has died: its steps are in no cluster, but what it has changed
    is.
    """
    again = _source(standing.run)
    then = f"then from its beginning: {again}" if again else "then run its playbook again, from its beginning"
    hint = f"underway restore {standing.run} puts back what it has changed; {then}"
    return RefusedError(f"run {standing.run} has died: how far its steps were is known to nobody", hint=hint)


def _source(run: str) -> str:
    """The command that began it, if it was begun on this machine."""
    try:
        first = next((event for event in read(run) if isinstance(event, RunStarted)), None)
    except UsageError:
        return ""
    if first is None or first.source.startswith("underway "):
        return first.source if first else ""
    return shlex.join(["underway", "run", first.source])


def person() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
