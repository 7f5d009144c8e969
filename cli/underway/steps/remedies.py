"""Remedies: what an operator can do about a pod that may not be evicted. Each is one that helps when it is followed."""

from __future__ import annotations

from underway.cluster import disruption
from underway.cluster.model import Budget, Pod
from underway.cluster.quota import allowed
from underway.cluster.state import ClusterState
from underway.steps.handoff import single_writer

_ACCEPT = "accept the gap with drain.strategy evict (--strategy evict)"


def for_budget(pod: Pod, budget: Budget, state: ClusterState, *, crowded: bool) -> str:
    """The budget can never allow the eviction as things are. `crowded`: there is no place for one more of its kind."""
    loosen = f"loosen {budget.ref}"
    if pod.owner is None:
        return f"{loosen}, or delete the pod yourself, which asks no budget"
    if pod.owner.kind == "Job":
        return f"let it finish with drain.waitFor, or {loosen}"
    more = disruption.replicas_lacking(budget, state)
    if more is None:
        return f"{loosen}: with {disruption.rule(budget)} none may go, however many replicas there are"
    if (quota := _full_quota(pod, state)) is not None:
        return f"raise {quota}, or {loosen}"
    if not _another_serves(pod, state, crowded=crowded):
        return loosen
    return f"add {'a replica' if more == 1 else f'{more} replicas'}, or {loosen}"


def for_unmet_budget(pod: Pod, state: ClusterState) -> tuple[str, str] | None:
    """Why a Ready pod may not leave, whatever serves beside it, and what helps: all its pods do not meet a budget."""
    found = disruption.unmet(state.budgets_of(pod), state) if pod.ready else None
    return (found[1], f"add replicas, or loosen {found[0].ref}") if found is not None else None


def for_endpoint(pod: Pod, state: ClusterState, *, crowded: bool) -> str:
    """It is the last ready endpoint of a Service."""
    if pod.owner is not None and (quota := _full_quota(pod, state)) is not None:
        return f"raise {quota}, or {_ACCEPT}"
    if pod.owner is not None and pod.owner.kind != "Job" and _another_serves(pod, state, crowded=crowded):
        return f"add a replica, or {_ACCEPT}"
    place = "add a node on which a replacement can serve beside it, or " if crowded else ""
    return f"{place}{_ACCEPT}"


def _full_quota(pod: Pod, state: ClusterState) -> str | None:
    """The ResourceQuota that allows no replica more."""
    count, quota = allowed(pod.spec, pod.namespace, 1, state)
    return None if count else quota


def _another_serves(pod: Pod, state: ClusterState, *, crowded: bool) -> bool:
    """Whether one replica more would come to serve on another node: not by a volume that one node uses at a time, which
    the replicas of a StatefulSet have each of their own.
    """
    shares_volume = pod.owner is not None and pod.owner.kind == "ReplicaSet" and single_writer(pod, state) is not None
    return not crowded and not shares_volume
