"""What a rollout that takes pods away before others serve would leave behind: a Service without an endpoint, or fewer
healthy pods than a budget asks for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from underway.cluster import disruption, traffic
from underway.cluster.groups import is_standing
from underway.cluster.model import Budget, Pod, Workload
from underway.cluster.rolling import away_at_once
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import RolloutStep
from underway.steps.rollout_choice import Choice, choose

ACCEPT = "accept the gap with strategy native"


def only_endpoints(pods: Collection[Pod], state: ClusterState) -> str | None:
    """A Service that would be without endpoints while all of these are away."""
    for service in {service.ref: service for pod in pods for service in state.services_of(pod)}.values():
        endpoints = traffic.lasting_endpoints(service, state)
        own = [pod for pod in pods if pod.uid in endpoints]
        if own and len(own) == len(endpoints):
            which = str(own[0].ref) if len(own) == 1 else f"these {len(own)} pods, which go at once"
            return f"{service.ref} has no other endpoint than {which}"
    return None


def never_allowed(budget: Budget, state: ClusterState) -> str:
    """Why the budget never allows one of its pods to go; empty if it can allow one."""
    never = disruption.can_never_allow(budget, state)
    return f"{budget.ref} can never allow one to go: {never}" if never is not None else ""


def in_the_way(step: RolloutStep, found: Workload, choice: Choice, state: ClusterState) -> Iterator[Blocker]:
    """Why a Deployment cannot be rolled out as it has been chosen."""
    name = str(found.ref)
    if choice.blocker:
        yield Blocker(name, choice.blocker, choice.remedy)
        return
    away = away_at_once(found)
    pods = [pod for one in state.workloads_of(found.uid) for pod in state.pods_of(one.uid)]
    ready = [pod for pod in pods if is_standing(pod)]
    if choice.strategy != "native" or not away or not ready:
        return
    for budget in {budget.uid: budget for pod in ready for budget in state.budgets_of(pod)}.values():
        reason = _over_budget(budget, found, ready, state)
        if reason is not None:
            yield Blocker(name, reason, f"{_better(step, found, state)}, or loosen {budget.ref}")
    gap = only_endpoints(ready, state) if step.strategy != "native" and away == found.replicas else None
    if gap is not None:
        yield Blocker(name, gap, f"{_better(step, found, state)}, or {ACCEPT}")


def _over_budget(budget: Budget, found: Workload, ready: Collection[Pod], state: ClusterState) -> str | None:
    """What does not belong to the Deployment counts as it is now, its own pods as its rolling update keeps them."""
    covered = disruption.selected(budget, state)
    others = disruption.healthy(budget, state) - sum(pod.uid in covered for pod in ready)
    spare = others + found.replicas - disruption.desired(budget, disruption.expected(budget, state))
    away = away_at_once(found)
    if away <= spare:
        return None
    allowed = f"{budget.ref} allows {max(0, spare)} to be away ({disruption.rule(budget)})"
    return never_allowed(budget, state) or f"{allowed}, its own update takes {away} at once"


def _better(step: RolloutStep, found: Workload, state: ClusterState) -> str:
    """What helps instead: a handover where one is possible or can be made so, else a gentler update of its own."""
    auto = choose(step.model_copy(update={"strategy": "auto"}), found, state)
    if auto.strategy == "handoff":
        return "use strategy auto, which hands it over"
    if auto.remedy:
        return auto.remedy
    if found.strategy == "Recreate":
        return "give the Deployment strategy RollingUpdate"
    return "let it take fewer away at once (more replicas, a lower maxUnavailable with a maxSurge)"
