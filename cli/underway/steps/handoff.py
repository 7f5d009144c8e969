"""Handoff: a replacement serves before the old pod stops. Whether a pod can be handed off, and its next move.

The sequence is detach, wait until the replacement serves, withdraw, settle, evict. Each move follows from the pod's
marks and from what is so, so any process can carry it on, or back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from underway.cluster import disruption, traffic
from underway.cluster.model import Budget, Pod, Workload
from underway.cluster.quota import allowed
from underway.cluster.state import ClusterState
from underway.steps import crowding, marks
from underway.steps.serving import may_become_ready, parts, serving

_SINGLE_WRITER = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})


@dataclass(frozen=True)
class Handoff:
    """The label to detach by, and those to withdraw by (none: no Service selects the pod)."""

    detach: str
    withdraw: tuple[str, ...]


def handoff(pod: Pod, state: ClusterState) -> Handoff | str:
    """How the pod can be handed off, or why it cannot."""
    controller = state.controller_of(pod)
    reason = _unfit(pod, controller, state)
    if reason is not None or controller is None:
        return reason or "it has no controller"
    key = traffic.detach_key(pod, controller, state)
    if key is None:
        return "every label that its ReplicaSet selects by is also used by a Service, budget or NetworkPolicy"
    withdraw = traffic.withdraw_keys(pod, state)
    if traffic.adoptable(pod, traffic.without(pod.labels, (key, *withdraw)), state):
        return "another controller would adopt it once it is out of traffic"
    return Handoff(key, withdraw)


def _unfit(pod: Pod, controller: Workload | None, state: ClusterState) -> str | None:
    if pod.owner is None:
        return "it has no controller"
    if controller is None or controller.kind != "replicaset":
        return f"its {pod.owner.kind} makes no second one beside it"
    owner = state.controller_of(controller)
    if owner is not None and owner.strategy == "Recreate":
        return "its Deployment never runs two at once (strategy Recreate)"
    if controller.replicas == 0:
        return "its ReplicaSet is being scaled to 0"
    if not pod.ready:
        return "it is not Ready, so there is nothing to hand off"
    if pod.spec.host_network or pod.spec.host_ports:
        return "it is reached through its node's own ports"
    claim = single_writer(pod, state)
    if claim is not None:
        return f"its volume claim {claim} can be used on one node only"
    count, quota = allowed(pod.spec, pod.namespace, 1, state)
    return None if count else f"{quota} allows no pod beside it"


def single_writer(pod: Pod, state: ClusterState) -> str | None:
    """The name of a volume claim of the pod that no pod on another node can use at the same time."""
    for name in pod.spec.claims:
        claim = state.claim(pod.namespace, name)
        if claim is None or _SINGLE_WRITER & set(claim.modes):
            return name
    return None


@dataclass
class Ledger:
    """What one look at the cluster has already spent: several decisions together must not take what each alone may."""

    withdrawn: dict[str, int] = field(default_factory=dict)
    """By the ReplicaSet's UID: how many of its serving pods this look has taken out."""
    reserved: dict[str, int] = field(default_factory=dict)
    """By the budget's UID: how many healthy pods this look has taken from it."""
    endpoints: dict[str, int] = field(default_factory=dict)
    """By the Service's UID: how many endpoints this look has taken from it."""
    returned: dict[str, int] = field(default_factory=dict)
    """By the ReplicaSet's UID: how many pods this look gives back to it, or makes room for."""

    @property
    def spent(self) -> bool:
        """Whether anything has been: then what is refused now may be allowed at the next look."""
        return bool(self.withdrawn or self.reserved or self.endpoints)

    def take(self, book: dict[str, int], uid: str) -> None:
        book[uid] = book.get(uid, 0) + 1


@dataclass(frozen=True)
class Withdraw:
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Remove:
    """It serves nobody any more: evict it."""


@dataclass(frozen=True)
class Reattach:
    """Nothing serves in its stead yet: give it back."""


@dataclass(frozen=True)
class Await:
    """`until`: it ends by itself then. `passing`: only because of what this look has spent on others."""

    reason: str
    until: datetime | None = None
    passing: bool = False


Move = Withdraw | Remove | Reattach | Await


def next_move(
    pod: Pod, state: ClusterState, ledger: Ledger, *, left_traffic: datetime | None, now: datetime, back: bool = False
) -> Move:
    """The next move of a detached pod. `left_traffic`: when it was first seen outside every EndpointSlice since it was
    withdrawn. `back`: the run is being undone, so what nobody has replaced returns to its controller.
    """
    if pod.deleting is not None:
        return Await("terminating")
    if marks.stage(pod) == "withdrawn":
        return _withdrawn(pod, state, left_traffic, now, back=back)
    if not pod.ready:
        if back:
            return Reattach()
        # it serves nobody, but might at any moment: out of traffic with it before it is stopped
        return Withdraw(spend(pod, state, ledger)) if may_become_ready(pod, state) else Remove()
    lacking = _shortfall(pod, state, Ledger())
    shortfall = lacking or _shortfall(pod, state, ledger)
    if shortfall is not None:
        return Reattach() if back and lacking is not None else Await(shortfall, passing=lacking is None)
    ledger.take(ledger.withdrawn, pod.annotations.get(marks.OWNER, ""))
    return Withdraw(spend(pod, state, ledger))


def spend(pod: Pod, state: ClusterState, ledger: Ledger) -> tuple[str, ...]:
    """Enter a pod's withdrawal into the ledger; returns the labels to withdraw it by."""
    keys = tuple(key for key in traffic.withdraw_keys(pod, state) if key in pod.labels)
    # without a Service it is evicted at once, and the eviction takes from its budgets itself
    for budget in state.budgets_of(pod) if keys and pod.ready else ():
        ledger.take(ledger.reserved, budget.uid)
    for service in state.services_of(pod) if pod.ready else ():
        ledger.take(ledger.endpoints, service.uid)
    return keys


def _shortfall(pod: Pod, state: ClusterState, ledger: Ledger) -> str | None:
    """What is still missing before a detached pod may be withdrawn; None if nothing is."""
    uid = pod.annotations.get(marks.OWNER, "")
    controller = state.workload(uid)
    wanted = (min(controller.replicas, marks.needed(pod)) if controller else 0) + ledger.withdrawn.get(uid, 0) + 1
    if serving(uid, state) < wanted:
        return _replacement(pod, uid, state)
    return needed_by(pod, state, ledger)


def needed_by(pod: Pod, state: ClusterState, ledger: Ledger) -> str | None:
    """What cannot spare a pod's endpoint now, a budget or a Service; None if all can."""
    for budget in state.budgets_of(pod):
        total = disruption.healthy(budget, state) - ledger.reserved.get(budget.uid, 0)
        if total - 1 < disruption.desired(budget, disruption.expected(budget, state)) and pod.ready:
            return f"{budget.ref} has {total} healthy pods and needs them"
    for service in state.services_of(pod):
        taken = ledger.endpoints.get(service.uid, 0)
        if not traffic.has_lasting(service, state, beside=pod.uid, taken=taken):
            return f"{service.ref} has no other ready endpoint"
    return None


def _replacement(old: Pod, uid: str, state: ClusterState) -> str:
    """Say which pod is waited for, with what the cluster says about it, and whether the old one is in its way."""
    own = parts(uid, state)
    for pod in own.get("coming", {}).values():
        against = crowding.words(old) if not pod.node and crowding.is_crowded_out(pod, old, state) else ""
        return ": ".join(filter(None, (f"replacement {pod.name} is not Ready", against, pod.waiting)))
    for pod in own.get("unlisted", {}).values():
        return f"replacement {pod.name} is not in every EndpointSlice yet"
    return "its ReplicaSet has not made the replacement yet"


def _withdrawn(pod: Pod, state: ClusterState, left_traffic: datetime | None, now: datetime, *, back: bool) -> Move:
    uid = pod.annotations.get(marks.OWNER, "")
    controller = state.workload(uid)
    if back and pod.ready and serving(uid, state) == 0 and controller is not None and controller.replicas > 0:
        return Reattach()
    return settling(pod, marks.settle_time(pod), state, left_traffic, now) or Remove()


def settling(
    pod: Pod, time: timedelta, state: ClusterState, left_traffic: datetime | None, now: datetime
) -> Await | None:
    """What a withdrawn pod still has to be waited for before it may go; None: it serves nobody any more. `time`: how
    long it stays after it has left traffic.
    """
    if traffic.in_traffic(pod, state):
        return Await("still in an EndpointSlice")
    for budget in left_budgets(pod, state):
        if not has_recounted(budget, pod):
            # once the pod is gone, nothing makes the budget's controller look again
            return Await(f"{budget.ref} has not been recounted yet")
    end = (left_traffic or now) + time
    if now < end:
        return Await(f"settles until {end:%H:%M:%S}, out of traffic", until=end)
    return None


def left_budgets(pod: Pod, state: ClusterState) -> list[Budget]:
    """The budgets that a withdrawn pod has left by losing a label."""
    return state.derived.worked_out(pod.namespace, (left_budgets, pod.uid), lambda: _left_budgets(pod, state))


def _left_budgets(pod: Pod, state: ClusterState) -> list[Budget]:
    before = replace(pod, labels=marks.with_original_labels(pod))
    return [
        budget
        for budget in state.budgets_of(before)
        if budget.selector is not None and not budget.selector.matches(pod.labels)
    ]


def has_recounted(budget: Budget, pod: Pod) -> bool:
    """Whether the budget was touched after it had lost the withdrawn pod."""
    touched, left = marks.recounted_at(budget), marks.withdrawn_at(pod)
    return touched is not None and (left is None or touched >= left)


def settle_total(settle: timedelta, linger: timedelta) -> timedelta:
    """How long a withdrawn pod stays: until every proxy has noticed, and as long as open connections are granted."""
    return settle + linger
