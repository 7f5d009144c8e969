"""Departure: the writes that make single pods leave, by eviction or along a handoff, forward or back.

Several departures decided in one look share the look's ledger, so that together they take no more than is there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from underway.cluster import disruption, traffic
from underway.cluster.actions import Evict
from underway.cluster.groups import is_standing
from underway.cluster.model import Budget, Pod
from underway.cluster.state import MARK
from underway.steps import marks
from underway.steps.handoff import (
    Await,
    Handoff,
    Reattach,
    Remove,
    Withdraw,
    has_recounted,
    left_budgets,
    next_move,
)
from underway.steps.progress import LeftTraffic, PodLeft, Turn, Wait
from underway.steps.reattaching import give_back
from underway.steps.serving import needed_beside

_RECOUNT_AGAIN = timedelta(seconds=1)


def detach(pod: Pod, way: Handoff, settle: timedelta, turn: Turn) -> None:
    """Begin a handoff. The replacement has to bring back as many serving pods as there are now."""
    needed = needed_beside(pod.owner.uid if pod.owner else "", turn.state)
    turn.leaving[pod.uid] = PodLeft(pod, "handedOff")
    turn.act(marks.detach(pod, turn.run, key=way.detach, withdraw=way.withdraw, needed=needed, settle=settle))


def carry_on(
    pod: Pod,
    turn: Turn,
    *,
    grace: int | None = None,
    back: bool = False,
    early: bool = False,
    why: str = marks.REPLACED,
) -> bool:
    """Make the next move of a pod whose handoff has begun. `early`: its node's turn has not come yet, so it stays
    there until it has; all that comes before its eviction can be over by then. Returns whether there is nothing to do
    but to wait for a change in its namespace, or for the moment that is waited for.
    """
    left = left_traffic(pod, turn) if marks.stage(pod) == "withdrawn" else None
    back = back and marks.INSTEAD not in pod.annotations
    if marks.SURPLUS in pod.annotations:
        why = f"{pod.annotations.get(marks.INSTEAD, 'another')} is back in its place"
    elif marks.stage(pod) == "detached" and not pod.ready:
        why = "it is not Ready"
    match next_move(pod, turn.state, turn.ledger, left_traffic=left, now=turn.now, back=back):
        case Withdraw(keys) if keys:
            turn.act(marks.withdraw(pod, keys, turn.now, why))
        case Withdraw() | Remove():
            if early:
                return True
            return not evict(pod, turn, grace=grace, says=f"hand off: evict, {why}") and not turn.ledger.spent
        case Reattach():
            give_back(pod, turn)
        case Await(reason, until, passing):
            turn.await_(Wait(str(pod.ref), reason, until))
            return not passing
        case never:
            assert_never(never)
    return False


def left_traffic(pod: Pod, turn: Turn) -> datetime | None:
    """Since when a withdrawn pod has been seen outside every EndpointSlice; None while it is in one. One that has just
    become Ready may be listed after it was withdrawn, also between two looks: then it has left anew.
    """
    if traffic.in_traffic(pod, turn.state):
        return None
    times = turn.state.endpoints.left[pod.uid]
    known = turn.left_traffic.get(pod.uid)
    if known is None or known.times != times:
        known = turn.left_traffic[pod.uid] = LeftTraffic(turn.now, times)
    return known.at


def evict(pod: Pod, turn: Turn, *, grace: int | None = None, says: str = "evict", accepts_gap: bool = True) -> bool:
    """Evict the pod if its budgets, its StatefulSet and its Services can spare it now; else say what is waited for."""
    reason = (
        _budget_wait(pod, turn) or _statefulset_wait(pod, turn) or _endpoint_wait(pod, turn, accepts_gap=accepts_gap)
    )
    if reason is not None:
        turn.wait(pod.ref, reason)
        return False
    if pod.ready:
        for budget in turn.state.budgets_of(pod):
            turn.ledger.take(turn.ledger.reserved, budget.uid)
        for service in turn.state.services_of(pod):
            turn.ledger.take(turn.ledger.endpoints, service.uid)
    if pod.owner is not None:
        turn.ledger.take(turn.ledger.withdrawn, pod.owner.uid)
    if marks.SURPLUS not in pod.annotations:
        turn.leaving[pod.uid] = PodLeft(pod, "handedOff" if marks.pod_run(pod) == turn.run else "evicted")
    turn.act(Evict(pod.ref, pod.uid, says=says, grace_seconds=grace))
    return True


def _budget_wait(pod: Pod, turn: Turn) -> str | None:
    for budget in turn.state.budgets_of(pod):
        if not disruption.allows_eviction(pod, budget, turn.ledger.reserved.get(budget.uid, 0)):
            return f"{budget.ref} allows none now: {budget.current_healthy} healthy, {budget.desired_healthy} needed"
    return None


def _statefulset_wait(pod: Pod, turn: Turn) -> str | None:
    """Members of a StatefulSet go one at a time, each after the last one's replacement is Ready."""
    controller = turn.state.controller_of(pod)
    if controller is None or controller.kind != "statefulset" or not pod.ready:
        return None
    if turn.ledger.withdrawn.get(controller.uid, 0):
        return f"another member of {controller.ref} goes first"
    whole = len(turn.state.crew(controller.uid).where(is_standing, answer=True))
    if whole < controller.replicas:
        return f"{controller.ref} has {whole} of {controller.replicas} members Ready"
    return None


def _endpoint_wait(pod: Pod, turn: Turn, *, accepts_gap: bool) -> str | None:
    """Never the last ready endpoint of a Service, while another may come or unless the gap is accepted."""
    for service in turn.state.services_of(pod):
        taken = turn.ledger.endpoints.get(service.uid, 0)
        if not traffic.is_lasting(pod.uid, service, turn.state):
            continue
        if traffic.has_lasting(service, turn.state, beside=pod.uid, taken=taken):
            continue
        coming = taken > 0 or any(
            other.uid != pod.uid
            and other.owner is not None
            and (other.deleting is not None or not (other.ready or other.finished))
            for other in turn.state.pods_behind(service)
        )
        if coming or not accepts_gap:
            return f"{service.ref} has no other ready endpoint"
    return None


def recount_budgets(turn: Turn) -> None:
    """Have every budget recounted that a pod of this run has left by losing a label (FACTS: the budget trap)."""
    lost: dict[str, tuple[Budget, list[Pod]]] = {}

    def ask(pod: Pod) -> bool:
        out = marks.stage(pod) in ("withdrawn", "quarantined")
        withdrawn = pod.labels.get(MARK) == turn.run and out and pod.deleting is None
        counting = [found for found in left_budgets(pod, turn.state) if _counts(found, pod, turn)] if withdrawn else ()
        for budget in counting:
            lost.setdefault(budget.uid, (budget, []))[1].append(pod)
        return not counting

    turn.go_over(recount_budgets, turn.state.marked_pods(), ask)
    for budget, pods in lost.values():
        touched = marks.recounted_at(budget)
        recounted = touched is not None and all(has_recounted(budget, pod) for pod in pods)
        if not recounted or (touched is not None and turn.now - touched > _RECOUNT_AGAIN):
            # not before the withdrawals, which another machine's clock may have noted
            moment = max([turn.now, *filter(None, map(marks.withdrawn_at, pods))])
            turn.act(marks.recount(budget, turn.run, moment))
        elif touched is not None:
            turn.look_again(touched + _RECOUNT_AGAIN + timedelta(milliseconds=1))


def _counts(budget: Budget, pod: Pod, turn: Turn) -> bool:
    """Whether the budget's status still counts a pod that has left it."""
    return not has_recounted(budget, pod) or budget.current_healthy > disruption.healthy(budget, turn.state)
