"""What keeps pods from leaving for as long as other pods are ill, or once others are gone: waiting does not mend it.

A run would wait for it until its deadline; so it is said before the first change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from underway.cluster import disruption
from underway.cluster.model import Budget, Pod, Workload
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.steps.diagnosis import hopeless
from underway.steps.treatment import Treatment

_UNSCHEDULABLE = "nodes are available"


@dataclass
class _Asked:
    """What is asked of a budget. `first`: at least one pod goes before there is another. `for_good`: so many go that
    nothing brings back.
    """

    budget: Budget
    first: bool = False
    for_good: int = 0


def outlook_blockers(
    treatments: Mapping[str, Sequence[tuple[Pod, Treatment]]], state: ClusterState
) -> Iterator[Blocker]:
    """`treatments`: what is done with the pods of each node."""
    statefulsets: dict[str, Workload] = {}
    budgets: dict[str, _Asked] = {}
    for pod, treated in (each for found in treatments.values() for each in found):
        if treated.verdict not in ("handoff", "evict") or not pod.ready:
            continue
        controller = state.controller_of(pod)
        if controller is not None and controller.kind == "statefulset":
            statefulsets[controller.uid] = controller
        for budget in state.budgets_of(pod):
            asked = budgets.setdefault(budget.uid, _Asked(budget))
            asked.first = asked.first or treated.verdict == "evict"
            asked.for_good += pod.owner is None
    for controller in statefulsets.values():
        yield from _ill_member(controller, state)
    for asked in budgets.values():
        yield from _never_enough(asked, state)


def illness(pod: Pod) -> str:
    """Why a pod is not Ready and will not be by itself; empty if it is, or may still become so."""
    if pod.ready or pod.deleting is not None or pod.finished:
        return ""
    return pod.waiting if hopeless(pod) or (not pod.node and _UNSCHEDULABLE in pod.waiting) else ""


def _ill_member(controller: Workload, state: ClusterState) -> Iterator[Blocker]:
    """Members go one at a time, while all others are Ready (steps.departure)."""
    ill = next(filter(illness, state.pods_of(controller.uid)), None)
    if ill is not None:
        said = f"no member of it is evicted while {ill.name} is not Ready: {illness(ill)}"
        remedy = f"have {ill.name} become Ready, or scale it down to the members that can be"
        yield Blocker(str(controller.ref), said, remedy)


def _never_enough(asked: _Asked, state: ClusterState) -> Iterator[Blocker]:
    budget, covered = asked.budget, disruption.selected(asked.budget, state).pods
    if disruption.can_never_allow(budget, state) is not None and asked.first:
        return  # which is said of the pods
    wanted = disruption.desired(budget, disruption.expected(budget, state))
    ill = [pod for pod in covered if illness(pod)]
    best = sum(pod.deleting is None and not pod.finished for pod in covered) - len(ill)
    if ill and best - asked.first < wanted:
        names = ", ".join(pod.name for pod in ill[:3])
        said = f"it needs {wanted} healthy pods and can have {best} while {names} is not Ready: {illness(ill[0])}"
        yield Blocker(str(budget.ref), said, f"have {names} become Ready, or loosen {budget.ref}")
    elif best - asked.for_good < wanted and asked.for_good:
        said = (
            f"it needs {wanted} healthy pods and has {best - asked.for_good} once those without a controller are gone"
        )
        yield Blocker(str(budget.ref), said, f"give them a controller, or loosen {budget.ref}")
