"""The Eviction API's decision, in the API server's order (its registry/core/pod/storage/eviction.go)."""

from __future__ import annotations

import msgspec

from underway.cluster.actions import Outcome
from underway.cluster.model import Budget, Pod
from underway.simulated.disruption import Disruptions
from underway.simulated.pods import delete_pod
from underway.simulated.world import World

MAX_DISRUPTED_PODS = 2000
_VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."


def evict(world: World, disruptions: Disruptions, pod: Pod, grace_seconds: int | None) -> Outcome:
    if pod.finished or pod.phase == "Pending" or pod.deleting is not None:
        delete_pod(world, pod, grace_seconds)
        return Outcome("done")
    budgets = world.state.budgets_of(pod)
    if len(budgets) > 1:
        return Outcome(
            "failed",
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        )
    if budgets and not _passes_unready(pod, budgets[0]):
        refusal = _refusal(budgets[0])
        if refusal:
            return refusal
        _count_down(world, disruptions, pod, budgets[0])
    delete_pod(world, pod, grace_seconds)
    return Outcome("done")


def _passes_unready(pod: Pod, budget: Budget) -> bool:
    """A pod that is not Ready does not count, so it may go while the others suffice (or whatever they do)."""
    if pod.ready:
        return False
    return budget.always_allow_unhealthy or (budget.current_healthy >= budget.desired_healthy > 0)


def _refusal(budget: Budget) -> Outcome | None:
    if budget.observed_generation < budget.generation:
        cause = f"The disruption budget {budget.name} is still being processed by the server."
        return Outcome("blocked", f"{_VIOLATES} {cause}", retry_after=10)
    if len(budget.disrupted_pods) > MAX_DISRUPTED_PODS:
        return Outcome("denied", "DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    if budget.disruptions_allowed <= 0:
        cause = (
            f"The disruption budget {budget.name} needs {budget.desired_healthy} healthy pods"
            f" and has {budget.current_healthy} currently"
        )
        return Outcome("blocked", f"{_VIOLATES} {cause}")
    return None


def _count_down(world: World, disruptions: Disruptions, pod: Pod, budget: Budget) -> None:
    disruptions.remember(budget.ref, pod.name)
    world.put(
        msgspec.structs.replace(
            budget,
            disruptions_allowed=budget.disruptions_allowed - 1,
            disrupted_pods=budget.disrupted_pods | {pod.name},
        )
    )
