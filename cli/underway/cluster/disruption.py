"""Disruption arithmetic: what a PodDisruptionBudget allows, as its controller and the Eviction API count.

Percentages of a budget round up, of minAvailable and of maxUnavailable alike (pkg/controller/disruption).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from underway.cluster.model import Budget, Pod
from underway.cluster.state import ClusterState

_LOOKED_AT = frozenset({"ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Node"})
"""Controllers that are known, or that have no scale."""
_MOST_ADDED = 10


def selected(budget: Budget, state: ClusterState) -> Sequence[Pod]:
    """The pods that the budget covers now."""
    return state.pods_selected(budget.namespace, budget.selector) if budget.selector is not None else ()


def healthy(budget: Budget, state: ClusterState) -> int:
    """How many of its pods are Ready and stay, counted here and now, not taken from the budget's status."""
    key = (healthy, budget.uid, budget.disrupted_pods)
    return state.derived.worked_out(budget.namespace, key, lambda: _healthy(budget, state))


def _healthy(budget: Budget, state: ClusterState) -> int:
    left = budget.disrupted_pods
    return len([pod for pod in selected(budget, state) if pod.ready and pod.deleting is None and pod.name not in left])


def expected(budget: Budget, state: ClusterState) -> int:
    """expectedPods: all its pods for minAvailable as a number, else what their controllers ask for; and what the server
    has counted last where one of them is of a kind that is not looked at (it may have a scale).
    """
    if budget.min_available is not None and not budget.min_available.percent:
        return len(selected(budget, state))
    return state.derived.worked_out(budget.namespace, (expected, budget.uid), lambda: _scale(budget, state))


def one_of_each(budget: Budget, state: ClusterState) -> Collection[Pod]:
    """One pod of each controller that makes pods for the budget."""

    def find() -> Collection[Pod]:
        return {pod.owner.uid: pod for pod in selected(budget, state) if pod.owner}.values()

    return state.derived.worked_out(budget.namespace, (one_of_each, budget.uid), find)


def _scale(budget: Budget, state: ClusterState) -> int:
    scale: dict[str, int] = {}
    for pod in one_of_each(budget, state):
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


def can_never_allow(budget: Budget, state: ClusterState) -> str | None:
    """Why the budget allows no eviction even with every pod healthy; None if it can allow one."""
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
