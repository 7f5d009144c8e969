"""Disruption arithmetic: what a PodDisruptionBudget allows, as its controller and the Eviction API count.

Percentages of a budget round up, of minAvailable and of maxUnavailable alike (pkg/controller/disruption).
"""

from __future__ import annotations

from collections.abc import Iterable

from underway.cluster.groups import Group, is_standing, owner_of
from underway.cluster.model import Budget, Pod, Ref
from underway.cluster.state import ClusterState

_WITHOUT_SCALE = frozenset({"DaemonSet", "Job", "Node"})
_LOOKED_AT = _WITHOUT_SCALE | {"ReplicaSet", "StatefulSet"}
"""Controllers that are known, or that have no scale."""
_MOST_ADDED = 10
_NONE = Group(())


def selected(budget: Budget, state: ClusterState) -> Group:
    """The pods that the budget covers now."""
    return state.selection(budget.namespace, budget.selector) if budget.selector is not None else _NONE


def healthy(budget: Budget, state: ClusterState) -> int:
    """How many of its pods are Ready and stay, counted here and now, not taken from the budget's status."""
    return standing(budget, state, beside=budget.disrupted_pods)


def standing(budget: Budget, state: ClusterState, *, beside: Iterable[str]) -> int:
    """How many of its pods are Ready and stay; those of these names, which have been evicted, do not."""
    found = selected(budget, state).where(is_standing, answer=True)
    evicted = (state.pods.get(Ref("pod", budget.namespace, name)) for name in beside)
    return len(found) - sum(pod is not None and pod.uid in found for pod in evicted)


def expected(budget: Budget, state: ClusterState) -> int:
    """expectedPods: all its pods for minAvailable as a number, else what their controllers ask for; and what the server
    has counted last where one of them is of a kind that is not looked at (it may have a scale).
    """
    if _by_number(budget):
        return len(selected(budget, state))
    return state.derived.worked_out(budget.namespace, (expected, budget.uid), lambda: _scale(budget, state))


def _by_number(budget: Budget) -> bool:
    """Whether the budget says for itself how many have to stay, however many its controllers ask for."""
    return budget.min_available is not None and not budget.min_available.percent


def without_scale(budget: Budget, state: ClusterState) -> str | None:
    """The kind of controller that keeps the budget from being counted, as it has no scale: the sync fails then, and
    allows nothing (pkg/controller/disruption, failSafe). None if it can be counted.
    """
    if _by_number(budget):
        return None
    kinds = (pod.owner.kind for pod in _one_of_each(budget, state) if pod.owner)
    return next((kind for kind in kinds if kind in _WITHOUT_SCALE), None)


def _one_of_each(budget: Budget, state: ClusterState) -> list[Pod]:
    """One pod of each controller that makes pods for the budget."""
    makers = selected(budget, state).sorted_by(owner_of)
    return [next(iter(pods.values())) for owner, pods in makers.items() if owner is not None]


def _scale(budget: Budget, state: ClusterState) -> int:
    scale: dict[str, int] = {}
    for pod in _one_of_each(budget, state):
        controller = state.controller_of(pod)
        if controller is None and pod.owner is not None and pod.owner.kind not in _LOOKED_AT:
            return budget.expected_pods
        owner = state.controller_of(controller) if controller else None
        top = owner or controller
        if top is not None:
            scale[top.uid] = top.replicas
    return sum(scale.values())


def desired(budget: Budget, expected_pods: int) -> int:
    """desiredHealthy: how many must stay healthy of so many expected."""
    if budget.max_unavailable is not None:
        return max(0, expected_pods - budget.max_unavailable.of(expected_pods, round_up=True))
    if budget.min_available is not None:
        return budget.min_available.of(expected_pods, round_up=True)
    return 0


def is_broken(budget: Budget, state: ClusterState) -> str | None:
    """Why not even all its pods together would be enough; None if they would."""
    covered, wanted = len(selected(budget, state)), desired(budget, expected(budget, state))
    return f"it needs {wanted} healthy pods and covers {covered}" if covered < wanted else None


def unmet(budgets: Iterable[Budget], state: ClusterState) -> tuple[Budget, str] | None:
    """The first of these that not even all its pods would meet, and what there is to say about it."""
    for budget in budgets:
        broken = is_broken(budget, state)
        if broken is not None:
            return budget, f"{budget.ref} is not met even now: {broken}"
    return None


def can_never_allow(budget: Budget, state: ClusterState) -> str | None:
    """Why the budget allows no eviction even with every pod healthy; None if it can allow one."""
    unscaled = without_scale(budget, state)
    if unscaled is not None:
        return f"{rule(budget)} cannot be counted over the pods of a {unscaled}, so that it allows none"
    total = expected(budget, state)
    wanted = desired(budget, total)
    if total - wanted > 0:
        return None
    return f"{rule(budget)} of {total} pods leaves none that may go"


def rule(budget: Budget) -> str:
    if budget.min_available is not None:
        return f"minAvailable: {budget.min_available}"
    return f"maxUnavailable: {budget.max_unavailable}"


def replicas_lacking(budget: Budget, state: ClusterState) -> int | None:
    """How many replicas more it takes for the budget to allow an eviction; None if as many as anybody adds do not."""
    if without_scale(budget, state) is not None:
        return None
    total = expected(budget, state)
    counts = range(1, _MOST_ADDED + 1)
    return next((more for more in counts if total + more - desired(budget, total + more) > 0), None)


def allows_eviction(pod: Pod, budget: Budget, reserved: int = 0) -> bool:
    """Whether the Eviction API would agree by the budget's present status, after `reserved` others have gone."""
    if pod.finished or pod.phase == "Pending" or pod.deleting is not None:
        return True
    if budget.observed_generation < budget.generation:
        return False
    if not pod.ready:
        healthy_enough = budget.current_healthy >= budget.desired_healthy > 0
        if budget.always_allow_unhealthy or healthy_enough:
            return True
    return budget.disruptions_allowed - reserved > 0
