"""What is done on a real cluster: a run, restore, uncordon, status."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import typer

from underway.cluster.actions import Evict, Need, Outcome, PatchNode
from underway.cluster.notes import lease_of
from underway.commands.conduct import Order, conduct, restoring
from underway.commands.options import Showing, Target
from underway.commands.reach import opened, reading, with_places
from underway.engine import preflight
from underway.engine.saved_plan import SavedPlan
from underway.engine.standing import Standing, standings
from underway.errors import Blocker, ClusterUnreachableError, ExitStatus, RefusedError, UsageError
from underway.live.cluster import LiveCluster
from underway.live.connection import Connection
from underway.playbook.models import Playbook
from underway.probes.prober import Prober
from underway.steps import marks, quarantine
from underway.steps.taking_back import needs_of

if TYPE_CHECKING:
    from underway.report.status import RunStatus


@dataclass(frozen=True)
class LiveOrder:
    """What is asked of the real cluster. `source`: the playbook's file, or the command that stands for it. `saved`:
    the plan that the playbook comes from.
    """

    playbook: Playbook
    source: str
    target: Target
    showing: Showing
    saved: SavedPlan | None = None
    ask: bool = False
    dry_run: bool = False
    keep_cordons: bool = False
    allow_commands: bool = False
    restore: str | None = None


def run_live(order: LiveOrder) -> int:
    """Carry out a run; returns the exit status."""
    return asyncio.run(_run(order))


async def _run(order: LiveOrder) -> int:
    async with opened(order.target) as connection:
        namespace = order.target.namespace or connection.namespace
        order = replace(order, playbook=await with_places(order.playbook, connection, namespace))
        needs = preflight.restore_needs() if order.restore else preflight.needs(order.playbook, namespace)
        async with reading(connection, needs) as cluster:
            return await _conducted(order, connection, namespace, cluster)


async def _conducted(order: LiveOrder, connection: Connection, namespace: str, cluster: LiveCluster) -> int:
    async with Prober(cluster.stir, allow_commands=order.allow_commands) as prober:
        asked = Order(
            playbook=order.playbook,
            source=order.source,
            namespace=namespace,
            showing=order.showing,
            cluster_name=connection.context,
            ask=order.ask,
            dry_run=order.dry_run,
            keep_cordons=order.keep_cordons,
            allow_commands=order.allow_commands,
            restore=order.restore,
            saved=order.saved,
        )
        return await conduct(asked, cluster, prober)


# -- restore -----------------------------------------------------------------------------------------------------


def restore_live(run: str | None, target: Target, showing: Showing) -> int:
    """Put back one run, or every run that has not come to its end and gives no sign of life."""
    return asyncio.run(_restore(run, target, showing))


async def _restore(run: str | None, target: Target, showing: Showing) -> int:
    order = LiveOrder(restoring(), "underway restore", target, showing, restore=run)
    async with opened(target) as connection, reading(connection, preflight.restore_needs()) as cluster:
        found = standings(cluster.state(), cluster.now())
        if run is not None and run not in found:
            typer.echo(f"nothing in the cluster carries the marks of run {run}: nothing is left to put back", err=True)
            return ExitStatus.DONE
        expired = await _end_quarantines(run, cluster)
        chosen = [run] if run is not None else [standing.run for standing in found.values() if standing.unfinished]
        if not chosen:
            typer.echo("no run has left anything changed", err=True)
            _mention_drained(found)
            return expired
        needs = [need for name in chosen for need in _to_take_back(name, cluster)]
        missing = await cluster.denied(needs) if needs else ()
        if missing:
            found_missing = tuple(preflight.permission_blocker(need) for need in missing)
            raise RefusedError(f"{len(missing)} permissions are missing, nothing has been changed", found_missing)
        statuses = [await _conducted(replace(order, restore=name), connection, "", cluster) for name in chosen]
        return max(expired, *statuses)


async def _end_quarantines(run: str | None, cluster: LiveCluster) -> int:
    """Remove the pods in quarantine that have been kept for as long as they were to be; say which are kept still."""
    worst: int = ExitStatus.DONE
    for pod in list(cluster.state().pods.values()):
        by = marks.quarantined_by(pod)
        if run not in (None, by) or not quarantine.is_left(pod):
            continue
        if not quarantine.is_expired(pod, cluster.now()):
            typer.echo(f"{pod.ref} stays {quarantine.stays(pod)}", err=True)
            continue
        outcome = await cluster.perform(Evict(pod.ref, pod.uid, says="evict, its time in quarantine is over"))
        if outcome.status == "done":
            typer.echo(f"{pod.ref} evicted, its time in quarantine is over ({quarantine.told(pod)})", err=True)
        else:
            sys.stderr.write(f"error: {pod.ref} was not evicted: {outcome.message or outcome.status}\n")
            worst = ExitStatus.PERSON_NEEDED
    return worst


def _to_take_back(run: str, cluster: LiveCluster) -> Iterable[Need]:
    lease = cluster.state().leases.get(lease_of(run))
    return needs_of(lease) if lease is not None else ()


def _mention_drained(found: dict[str, Standing]) -> None:
    for standing in found.values():
        nodes = " ".join(ref.name for ref, _ in standing.changed if ref.kind == "node")
        if nodes:
            typer.echo(f"left cordoned on purpose by run {standing.run}: underway uncordon {nodes}", err=True)


# -- uncordon ----------------------------------------------------------------------------------------------------


def uncordon_live(names: list[str], target: Target) -> int:
    """Give nodes back; refuses those that a living run is at work on."""
    return asyncio.run(_uncordon(names, target))


async def _uncordon(names: list[str], target: Target) -> int:
    async with opened(target) as connection, reading(connection, [Need("patch", "", "nodes")]) as cluster:
        blockers = tuple(_uncordon_blockers(names, cluster))
        if blockers:
            raise RefusedError("nothing has been changed", blockers)
        worst: int = ExitStatus.DONE
        for name in names:
            worst = max(worst, await _uncordon_node(name, cluster))
        return worst


def _uncordon_blockers(names: list[str], cluster: LiveCluster) -> Iterable[Blocker]:
    found = standings(cluster.state(), cluster.now())
    for name in names:
        node = cluster.state().nodes.get(name)
        if node is None:
            yield Blocker(f"node/{name}", "there is no such node", "correct the name: kubectl get nodes lists them")
            continue
        run = marks.run_of(node)
        standing = found.get(run) if run else None
        if standing is not None and standing.alive:
            yield Blocker(
                f"node/{name}", f"run {run} is at work on it", "wait for it, or stop it with Ctrl-C where it runs"
            )
        elif standing is not None and standing.unfinished:
            yield Blocker(f"node/{name}", f"run {run} has left more changed than the cordon", f"underway restore {run}")


async def _uncordon_node(name: str, cluster: LiveCluster) -> int:
    for _ in range(10):
        node = cluster.state().nodes.get(name)
        if node is None:
            return _not_given_back(name, Outcome("gone", "it has been deleted"))
        if not node.unschedulable and marks.run_of(node) is None:
            typer.echo(f"node/{name} uncordoned")
            return ExitStatus.DONE
        patch = marks.give_back(node, marks.run_of(node) or "", done=False)
        outcome = await cluster.perform(replace_cordon(patch))
        if outcome.status == "conflict":
            await asyncio.sleep(0.1)
        elif outcome.status != "done":
            return _not_given_back(name, outcome)
    return _not_given_back(name, Outcome("conflict", "somebody else keeps changing it"))


def replace_cordon(patch: PatchNode) -> PatchNode:
    """Whoever cordoned it: this was asked for by name."""
    from msgspec.structs import replace as with_fields

    return with_fields(patch, unschedulable=False, says="uncordon")


def _not_given_back(name: str, outcome: Outcome) -> int:
    sys.stderr.write(f"error: node/{name} was not uncordoned: {outcome.message or outcome.status}\n")
    return ExitStatus.PERSON_NEEDED


# -- status ------------------------------------------------------------------------------------------------------


def status_live(run: str | None, target: Target, output: Literal["text", "json"]) -> int:
    """Print the runs that the cluster knows of, or one."""
    return asyncio.run(_status(run, target, output))


async def _status(run: str | None, target: Target, output: Literal["text", "json"]) -> int:
    from underway.report.status import RunDetail, render_run, render_runs, status_json

    async with opened(target) as connection, reading(connection, ()) as cluster:
        now = cluster.now()
        found = standings(cluster.state(), now)
        if run is None:
            rows = [_row(standing, now) for standing in found.values()]
            typer.echo(status_json(rows) if output == "json" else render_runs(rows, now))
            return ExitStatus.DONE
        standing = found.get(run)
        if standing is None:
            raise UsageError(f"the cluster knows of no run `{run}`", f"its receipt may be here: underway report {run}")
        detail = RunDetail(
            status=_row(standing, now),
            operator=standing.operator,
            cluster=connection.context,
            changed=tuple((str(ref), what) for ref, what in standing.changed),
        )
        typer.echo(status_json(detail) if output == "json" else render_run(detail, now))
        return ExitStatus.DONE


def _row(standing: Standing, now: datetime) -> RunStatus:
    from underway.report.status import RunStatus

    at_work: Literal["running", "paused"] = "paused" if standing.paused else "running"
    phase: Literal["running", "paused", "abandoned", "done"] = (
        at_work if standing.alive else "abandoned" if standing.unfinished else "done"
    )
    count = len(standing.changed)
    where = f"{count} object{'' if count == 1 else 's'} changed"
    if phase == "paused":
        where += f", paused by {standing.paused}"
    return RunStatus(
        run=standing.run, playbook=standing.playbook, started=standing.started or now, phase=phase, where=where
    )


__all__ = ["ClusterUnreachableError", "LiveOrder", "restore_live", "run_live", "status_live", "uncordon_live"]
