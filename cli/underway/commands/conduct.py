"""A run from the command line, on any cluster: look for what stands in the way, ask, drive, hand over the receipt."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import typer

from underway import __version__
from underway.cluster.port import Cluster
from underway.commands.options import Showing
from underway.commands.report_directory import make_directory, write_forms
from underway.commands.saved_plan import staleness
from underway.engine import preflight
from underway.engine.events import Event, Receipt, RunStarted
from underway.engine.guarding import probe_counts
from underway.engine.journal import Journal
from underway.engine.loop import Loop, Measuring
from underway.engine.receipt import Tally, receipt, receipt_of
from underway.engine.run import Run
from underway.engine.saved_plan import SavedPlan
from underway.engine.stepping import step_name
from underway.errors import Blocker, ExitStatus, RefusedError
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.report.views import View, view_for
from underway.stopping import TERMINATING, is_ignored

_SAME_SIGNAL = 0.25
"""Seconds within which a second signal is the first one still."""


@dataclass(frozen=True)
class Order:
    """What is asked of a cluster. `source`: the playbook's file, or the command line that stands for it."""

    playbook: Playbook
    source: str
    namespace: str
    showing: Showing
    cluster_name: str
    simulated: bool = False
    ask: bool = False
    dry_run: bool = False
    keep_cordons: bool = False
    allow_commands: bool = False
    restore: str | None = None
    """The run to put back, instead of starting one."""
    saved: SavedPlan | None = None
    """The plan that the playbook comes from; `source` is its file."""
    blockers: tuple[Blocker, ...] = ()
    """What whoever wires the run has found in its way already."""


@dataclass
class Conduct:
    """One run on its way: its events go to the journal, the view and the tally."""

    order: Order
    cluster: Cluster
    measuring: Measuring
    view: View
    run: Run
    tally: Tally = field(default_factory=Tally)
    events: list[Event] = field(default_factory=list)
    journal: Journal | None = None
    finish: Callable[[Receipt], Receipt] = lambda found: found
    """What the receipt is made into before it is handed over."""

    def record(self, event: Event) -> None:
        if self.journal is not None:
            self.journal.append(event)
        if event.journaled:
            self.events.append(event)
        self.tally.add(event)
        self.view.show(event)

    def sync(self) -> None:
        if self.journal is not None:
            self.journal.sync()

    def receipt(self) -> Receipt:
        probes = probe_counts(self.run, self.measuring)
        return self.finish(receipt_of(self.run, self.tally, self.cluster.now(), probes))


async def conduct(order: Order, cluster: Cluster, measuring: Measuring) -> int:
    """Carry out a run on a cluster that has been read; returns the exit status. RefusedError before any change."""
    return await carry_out(prepared(order, cluster, measuring))


def restoring() -> Playbook:
    """What stands where a run has its playbook, for `underway restore`."""
    return from_command_line("restore", [{"soak": {"for": "0s"}}])


def prepared(order: Order, cluster: Cluster, measuring: Measuring) -> Conduct:
    run = Run(
        id=order.restore or _new_run_id(cluster.now(), "0000" if order.simulated else secrets.token_hex(2)),
        playbook=order.playbook,
        holder=_holder(),
        namespace=order.namespace,
        started=cluster.now(),
        keep_cordons=order.keep_cordons,
        only_restore=order.restore is not None,
    )
    view = view_for(
        sys.stdout,
        sys.stderr,
        output=order.showing.output,
        quiet=order.showing.quiet,
        verbose=order.showing.verbose,
        color=False if order.showing.no_color else None,
    )
    return Conduct(order, cluster, measuring, view, run)


async def carry_out(conducted: Conduct) -> int:
    order = conducted.order
    try:
        if order.restore is None:
            await _look_ahead(conducted)
        if order.dry_run:
            return ExitStatus.DONE
        if order.showing.report is not None:
            make_directory(order.showing.report)
        conducted.journal = Journal(conducted.run.id) if not order.simulated else None
        status = await _drive(conducted)
    finally:
        conducted.view.close()
    return handed_over(conducted.view, status)


def handed_over(view: View, status: int) -> int:
    """A run is as good as it was, but its end is not told where nothing could be written."""
    if view.lost is None:
        return status
    sys.stderr.write(f"error: what was asked for cannot be written: {view.lost.strerror}\n")
    return status or ExitStatus.UNEXPECTED


def _refused(
    conducted: Conduct, blockers: tuple[Blocker, ...], *, shown: tuple[Blocker, ...], hint: str | None
) -> RefusedError:
    """The error to raise; a program that reads JSON gets its receipt all the same, with every blocker."""
    order, run = conducted.order, conducted.run
    if order.showing.output == "json":
        end = receipt(
            Tally(),
            run=run.id,
            playbook=order.playbook.metadata.name,
            at=conducted.cluster.now(),
            outcome="refused",
            reason="nothing has been changed",
            blockers=blockers,
        )
        conducted.view.show(end)
    return RefusedError(f"{len(blockers):,} in the way", shown, hint)


async def _look_ahead(conducted: Conduct) -> None:
    """Find every blocker; say what will be done; ask if that was asked for."""
    order, run, cluster = conducted.order, conducted.run, conducted.cluster
    state = cluster.state()
    found = preflight.blockers(
        order.playbook,
        state,
        run.id,
        cluster.now(),
        allow_commands=order.allow_commands,
        keep_cordons=order.keep_cordons,
    )
    found = (*order.blockers, *found)
    stale = staleness(order.saved, order.playbook, order.source, state, order.cluster_name, simulated=order.simulated)
    if stale.blockers or found:
        raise _refused(conducted, (*stale.blockers, *found), shown=(*stale.shown, *found), hint=stale.hint)
    if order.ask or order.dry_run:
        await _tell_plan(order, cluster)
    if order.ask and not order.dry_run and not await _confirmed():
        raise RefusedError("not confirmed")


async def _tell_plan(order: Order, cluster: Cluster) -> None:
    """What a dry run is for; and what somebody who is asked to go ahead has to know."""
    from underway.commands.planning import plan_on_copy
    from underway.report.plan import plan_json, plan_text

    found = await plan_on_copy(order.playbook, order.source, cluster, order.namespace)
    as_json = order.dry_run and order.showing.output == "json"
    text = plan_json(found) if as_json else plan_text(found, wide=order.showing.verbose)
    typer.echo(text, err=not order.dry_run)


async def _confirmed() -> bool:
    """Ask at the terminal. The cluster is watched meanwhile, and the first Ctrl-C is enough; both need the loop."""
    typer.echo("Go ahead? [y/N]: ", nl=False, err=True)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        loop.remove_reader(sys.stdin)
        answer.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin, read)
    try:
        return (await answer).strip().lower() in {"y", "yes"}
    finally:
        loop.remove_reader(sys.stdin)


async def _drive(conducted: Conduct) -> int:
    order, run, cluster = conducted.order, conducted.run, conducted.cluster
    conducted.record(
        RunStarted(
            at=cluster.now(),
            run=run.id,
            playbook=order.playbook.metadata.name,
            source=order.source,
            cluster=order.cluster_name,
            operator=f"{getpass.getuser()}@{socket.gethostname()}",
            version=__version__,
            steps=tuple(step_name(step, index) for index, step in enumerate(order.playbook.spec.steps)),
            simulated=order.simulated,
        )
    )
    loop = Loop(run, cluster, conducted.measuring, conducted.record, conducted.sync)
    driving = asyncio.ensure_future(loop.drive())
    _heed_signals(run, cluster, driving)
    try:
        await driving
    except asyncio.CancelledError:
        run.outcome, run.reason = "interrupted", "stopped at once by a second signal"
        run.left_changed = run.left_changed or tuple(_still_marked(conducted))
    end = conducted.receipt()
    conducted.record(end)
    conducted.sync()
    if conducted.journal is not None and conducted.journal.trouble:
        sys.stderr.write(f"warning: the journal is not whole: {conducted.journal.trouble}\n")
    if order.showing.report is not None:
        write_forms(order.showing.report, end, conducted.events)
    return end.exit_status


def _still_marked(conducted: Conduct) -> list[str]:
    from underway.steps.progress import Turn
    from underway.steps.undo import marked

    turn = Turn(conducted.run.id, conducted.cluster.state(), conducted.cluster.now(), {}, lambda _: None)
    return [str(ref) for ref in marked(turn)]


def _heed_signals(run: Run, cluster: Cluster, driving: asyncio.Future[None]) -> None:
    """The first signal ends what is in flight and puts back; the second stops at once, and the marks remain. `timeout`
    sends one to the process and to its group: two at the same moment are one.
    """
    loop = asyncio.get_running_loop()
    first: list[float] = []

    def heed(stop: Literal["interrupted", "terminated"]) -> None:
        if not first:
            first.append(loop.time())
        elif loop.time() - first[0] > _SAME_SIGNAL:
            driving.cancel()
        run.stop = run.stop or stop
        cluster.stir()

    loop.add_signal_handler(signal.SIGINT, heed, "interrupted")
    for number in TERMINATING:
        if not is_ignored(number):
            loop.add_signal_handler(number, heed, "terminated")


def _new_run_id(now: datetime, chance: str) -> str:
    """Sorts by time, can be read aloud, and is a valid label value: `261123-0436-a1b2`."""
    return f"{now:%y%m%d-%H%M}-{chance}"


def _holder() -> str:
    """Who holds a run's Lease: this process and no other."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
