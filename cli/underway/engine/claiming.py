"""The Lease of a run: a sign of life, so that nobody restores what is still at work.

It is claimed before the first change, renewed all the while, and deleted at the end.
"""

from __future__ import annotations

from datetime import timedelta

from underway.cluster.actions import DeleteLease, PutLease
from underway.cluster.model import Lease
from underway.cluster.notes import notes_of
from underway.engine.run import Run
from underway.engine.standing import OPERATOR, PLAYBOOK, STARTED
from underway.errors import Blocker
from underway.steps import undo
from underway.steps.progress import Turn
from underway.units import format_duration

CLAIM_LIMIT = timedelta(minutes=1)
RELEASE_LIMIT = timedelta(seconds=30)
LEASE_SECONDS = 10
LEASE_RENEWAL = timedelta(seconds=3)
_CLOCKS_DIFFER = timedelta(seconds=50)


def renew(run: Run, turn: Turn) -> None:
    if run.phase in ("claiming", "releasing", "ended"):
        return
    lease = turn.state.leases.get(run.lease)
    if lease is not None and lease.holder != run.holder:
        run.outcome, run.reason = "failed", f"another process has taken this run over: {lease.holder}"
        run.left_changed = tuple(str(ref) for ref in undo.marked(turn))
        run.phase = "ended"
        return
    _put_lease(run, turn)


def _put_lease(run: Run, turn: Turn) -> None:
    if run.lease_renewed is None or turn.now - run.lease_renewed >= LEASE_RENEWAL:
        run.lease_renewed = turn.now
        says = "claim: this run is alive"
        about = {
            PLAYBOOK: run.playbook.metadata.name,
            OPERATOR: run.operator,
            STARTED: run.started.isoformat(),
        }
        turn.act(PutLease(run.lease, run.id, run.holder, LEASE_SECONDS, says, about))
    turn.look_again(run.lease_renewed + LEASE_RENEWAL)


def claim(run: Run, turn: Turn) -> None:
    if run.stop:
        run.end("interrupted", "stopped before the first change")
        return
    lease = turn.state.leases.get(run.lease)
    since = run.claiming_since = run.claiming_since or turn.now
    if lease is None or lease.holder != run.holder:
        if turn.now >= since + CLAIM_LIMIT:
            reason = f"could not be claimed within {format_duration(CLAIM_LIMIT)}"
            run.blockers = (Blocker(str(run.lease), reason, "see what refuses it: kubectl get events -A"),)
            run.end("refused", f"{run.lease} {reason}")
            return
        turn.look_again(since + CLAIM_LIMIT)
        if lease is None or _has_died(lease, run, turn):
            _put_lease(run, turn)
            turn.wait(run.lease, "has to be ours before the first change")
        return
    if run.only_restore:
        run.phase, run.putting_back_since = "putting back", turn.now
    else:
        run.phase = "checking"


def _has_died(lease: Lease, run: Run, turn: Turn) -> bool:
    """Whether the process that holds the Lease gives no sign of life any more. Clocks may differ, so what counts is
    that it is not renewed while we look; one that ended long ago by any clock is not waited for.
    """
    lasts = timedelta(seconds=lease.duration_seconds)
    if lease.renewed is None or turn.now - lease.renewed > lasts + _CLOCKS_DIFFER:
        return True
    if run.foreign_renewal is None:
        run.foreign_renewal = (turn.now, lease.renewed)
    first_seen, renewed = run.foreign_renewal
    if lease.renewed != renewed:
        remedy = f"stop it first (Ctrl-C where it runs: {lease.holder})"
        run.blockers = (Blocker(str(lease.ref), f"run {run.id} is alive", remedy),)
        run.end("refused", f"run {run.id} is alive")
        return False
    end = first_seen + lasts
    if turn.now < end:
        turn.wait(lease.ref, f"the run may still be alive: taking over at {end:%H:%M:%S} if it gives no sign")
        turn.look_again(end)
        return False
    return True


def release(run: Run, turn: Turn) -> None:
    """A Lease that cannot be deleted runs out by itself: that is no reason not to end. One with notes of what is still
    applied stays, so that it can be put back.
    """
    since = run.releasing_since = run.releasing_since or turn.now
    lease = turn.state.leases.get(run.lease)
    if lease is None and run.lease in turn.in_flight:
        turn.wait(run.lease, "is on its way")
        return
    if lease is None or lease.holder != run.holder or notes_of(lease) or turn.now >= since + RELEASE_LIMIT:
        run.phase = "ended"
        return
    turn.act(DeleteLease(run.lease, says="release"))
    turn.wait(run.lease, "is being released")
    turn.look_again(since + RELEASE_LIMIT)
