"""How many more pods a namespace's ResourceQuotas allow, as the API server counts when it admits them."""

from __future__ import annotations

from collections import Counter

from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState


def allowed(spec: PodSpec, namespace: str, wanted: int, state: ClusterState) -> tuple[int, str]:
    """How many pods of this kind may be made, at most as many as are wanted; and which quota allows no more."""
    count, by = wanted, ""
    quotas = [found for found in state.quotas.values() if found.namespace == namespace]
    if not quotas:
        return count, by
    used = state.derived.worked_out(namespace, allowed, lambda: _used(namespace, state))
    asked = {"pods": 1, **spec.requests}
    for quota in quotas:
        for resource, hard in quota.hard.items():
            each = asked.get(resource, 0)
            fits = max(0, hard - used[resource]) // each if each else count
            if fits < count:
                count, by = fits, str(quota.ref)
    return count, by


def _used(namespace: str, state: ClusterState) -> Counter[str]:
    """A pod counts until it is gone, or has finished."""
    used: Counter[str] = Counter()
    for pod in state.pods_in(namespace):
        if not pod.finished:
            used["pods"] += 1
            used.update(pod.spec.requests)
    return used
