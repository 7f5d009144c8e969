"""What `underway approve` does: a word in the Lease of a living run, about the step that waits."""

from __future__ import annotations

import asyncio

import typer

from underway.cluster.actions import PatchLease
from underway.cluster.notes import APPROVED, AWAITING, lease_of
from underway.commands.options import Target
from underway.commands.pausing import NEED, living, person
from underway.commands.reach import opened, reading
from underway.errors import ExitStatus, UnderwayError, UsageError


def approve_live(run: str, target: Target) -> int:
    return asyncio.run(_approve(run, target))


async def _approve(run: str, target: Target) -> int:
    async with opened(target) as connection, reading(connection, [NEED]) as cluster:
        living(run, cluster)
        lease = cluster.state().leases[lease_of(run)]
        number = lease.annotations.get(AWAITING, "")
        if not number:
            raise UsageError(f"run {run} waits for no approval", f"underway status {run} shows where it stands")
        if lease.annotations.get(APPROVED, "").partition(" ")[0] == number:
            typer.echo(f"step {number} of run {run} has been approved already")
            return ExitStatus.DONE
        word = f"{number} by {person()} at {cluster.now():%H:%M:%S}Z"
        outcome = await cluster.perform(PatchLease(lease_of(run), "approve", {APPROVED: word}))
        if outcome.status != "done":
            raise UnderwayError(f"run {run} was not told: {outcome.message or outcome.status}")
    typer.echo(f"step {number} of run {run} is approved")
    return ExitStatus.DONE
