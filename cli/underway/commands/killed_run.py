"""A rehearsal in which the run may be killed: then comes `underway restore`, as an operator would have it come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import typer
from msgspec.structs import replace as with_fields

from underway.commands.conduct import Conduct, Order, carry_out, handed_over, prepared, restoring
from underway.engine.events import Killed, Receipt
from underway.engine.guarding import probe_counts
from underway.engine.loop import Measuring
from underway.engine.receipt import receipt
from underway.engine.standing import standings
from underway.errors import ExitStatus
from underway.report.words import between
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import KilledError


async def rehearse_run(
    order: Order, cluster: SimulatedCluster, measuring: Measuring, *, to_be_killed: bool = False
) -> int:
    """Returns the exit status of the run or, if it is killed, that of the restore after it. RefusedError before any
    change.
    """
    run = prepared(order, cluster, measuring)
    try:
        status = await carry_out(run)
    except KilledError:
        return await _restored(run, cluster)
    if to_be_killed:
        typer.echo("the run had ended before it could be killed", err=True)
    return status


async def _restored(killed: Conduct, cluster: SimulatedCluster) -> int:
    at, run = cluster.now(), killed.run
    standing = standings(cluster.state(), at).get(run.id)
    after = between(run.started, at)
    if standing is None:
        typer.echo(f"killed after {after}: run {run.id} has left nothing changed", err=True)
        killed.view.show(_of_both(_nothing_to_restore(killed, at), killed, at, ()))
        return handed_over(killed.view, ExitStatus.DONE)
    typer.echo(f"killed after {after}, now: underway restore {run.id}", err=True)
    left = tuple(str(ref) for ref, _ in standing.changed)
    order = replace(killed.order, playbook=restoring(), source="underway restore", restore=run.id, saved=None)
    after_it = prepared(order, cluster, killed.measuring)
    # what was done and measured before counts too
    after_it.tally, after_it.events, after_it.run.kept = killed.tally, killed.events, run.kept
    after_it.finish = lambda end: _of_both(end, killed, at, left)
    return handed_over(killed.view, await carry_out(after_it))


def _nothing_to_restore(killed: Conduct, at: datetime) -> Receipt:
    """There is a receipt also where there was nothing to do."""
    return receipt(
        killed.tally,
        run=killed.run.id,
        playbook=killed.order.playbook.metadata.name,
        at=at,
        outcome="done",
        reason="killed before its first change: nothing had to be put back",
    )


def _of_both(end: Receipt, killed: Conduct, at: datetime, left: tuple[str, ...]) -> Receipt:
    began = killed.run.started
    return with_fields(
        end,
        playbook=killed.order.playbook.metadata.name,
        started=began,
        duration_seconds=round((end.at - began).total_seconds(), 3),
        probes=probe_counts(killed.run, killed.measuring),
        killed=Killed(
            after_seconds=round((at - began).total_seconds(), 3),
            left_changed=left,
            put_back_seconds=round((end.at - at).total_seconds(), 3),
        ),
    )
