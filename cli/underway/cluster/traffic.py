"""Traffic: which pods Services send requests to, and which labels take a pod out of what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations, islice

from underway.cluster.model import NetworkPolicy, Pod, Service, Workload
from underway.cluster.state import ClusterState


def ready_endpoints(service: Service, state: ClusterState) -> frozenset[str]:
    """The UIDs (or bare addresses) that get the Service's traffic, each once over all its slices."""
    slices = state.slices(service)
    if len(slices) == 1:  # by far the most, and asked for every pod
        return next(iter(slices)).ready
    return frozenset[str]().union(*(found.ready for found in slices))


def lasting_endpoints(service: Service, state: ClusterState) -> frozenset[str]:
    """The ready endpoints that will still be so: slices list a pod for a moment after it was withdrawn or deleted."""
    return frozenset(uid for uid in ready_endpoints(service, state) if _lasts(uid, service, state))


def has_lasting(service: Service, state: ClusterState, *, beside: str, taken: int = 0) -> bool:
    """Whether the Service has a lasting endpoint beside this one, after `taken` others have gone."""
    others = (uid for uid in ready_endpoints(service, state) if uid != beside and _lasts(uid, service, state))
    return next(islice(others, taken, None), None) is not None


def is_lasting(uid: str, service: Service, state: ClusterState) -> bool:
    """Whether this is a lasting endpoint of the Service."""
    return uid in ready_endpoints(service, state) and _lasts(uid, service, state)


def _lasts(uid: str, service: Service, state: ClusterState) -> bool:
    pod = state.pod(uid)
    if pod is None:
        # somebody else's address, which is no pod's, is as good as its slice says
        return "." in uid or ":" in uid
    return pod.ready and pod.deleting is None and service.selector.items() <= pod.labels.items()


def in_traffic(pod: Pod, state: ClusterState) -> bool:
    """Whether any EndpointSlice still sends the pod requests, whatever its labels say by now."""
    return pod.uid in state.endpoints.ready


def serves(pod: Pod, state: ClusterState) -> bool:
    """Ready, staying, and in the EndpointSlices of every Service that selects it."""
    if not pod.ready or pod.deleting is not None:
        return False
    return all(pod.uid in ready_endpoints(service, state) for service in state.services_of(pod))


def among_serving(pods: Iterable[Pod], state: ClusterState) -> list[Pod]:
    """Those of these pods that `serves`. Most have the labels of the one before them, and so its Services."""
    found, labels, endpoints = list[Pod](), None, list[frozenset[str]]()
    for pod in pods:
        if not pod.ready or pod.deleting is not None:
            continue
        if pod.labels is not labels and pod.labels != labels:
            labels = pod.labels
            endpoints = [ready_endpoints(service, state) for service in state.services_of(pod)]
        uid = pod.uid
        for ready in endpoints:
            if uid not in ready:
                break
        else:
            found.append(pod)
    return found


def without(labels: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    dropped = set(keys)
    return {key: value for key, value in labels.items() if key not in dropped}


def policies_of(pod: Pod, state: ClusterState) -> list[NetworkPolicy]:
    """The NetworkPolicies that govern the pod or name it as a peer."""
    return [
        policy
        for policy in state.policies
        if (policy.namespace == pod.namespace and policy.target.matches(pod.labels))
        or any(peer.requirements and peer.matches(pod.labels) for peer in policy.peers)
    ]


def _policy_keys(pod: Pod, state: ClusterState) -> frozenset[str]:
    keys: set[str] = set()
    for policy in policies_of(pod, state):
        keys |= policy.target.keys().union(*(peer.keys() for peer in policy.peers))
    return frozenset(keys)


def _budget_keys(pod: Pod, state: ClusterState) -> frozenset[str]:
    keys: set[str] = set()
    for budget in state.budgets_of(pod):
        if budget.selector is not None:
            keys |= budget.selector.keys()
    return frozenset(keys)


def detach_key(pod: Pod, controller: Workload, state: ClusterState) -> str | None:
    """A label that the controller's selector needs and that nothing which serves or protects the pod uses.

    Without it the controller releases the pod while Services, budgets and NetworkPolicies keep it. None if there is
    no such label, or if another controller would adopt the pod without it.
    """
    if controller.selector is None:
        return None
    used = _budget_keys(pod, state) | _policy_keys(pod, state)
    for service in state.services_of(pod):
        used |= service.selector.keys()
    candidates = sorted(
        controller.selector.keys() & pod.labels.keys(), key=lambda key: (key != "pod-template-hash", key)
    )
    for key in candidates:
        rest = without(pod.labels, (key,))
        if key not in used and not controller.selector.matches(rest) and not adoptable(pod, rest, state):
            return key
    return None


def adoptable(pod: Pod, labels: Mapping[str, str], state: ClusterState) -> bool:
    """Whether some controller of the namespace would adopt the pod if it had these labels and no owner."""
    return next(state.adopting(pod.namespace, labels), None) is not None


def withdraw_keys(pod: Pod, state: ClusterState) -> tuple[str, ...]:
    """The fewest labels without which no Service selects the pod; empty if none does.

    Labels that no NetworkPolicy and no budget uses come first: requests in flight still need the network, and a pod
    that stays within its budget needs no recount.
    """
    services = state.services_of(pod)
    if not services:
        return ()
    policy_keys, budget_keys = _policy_keys(pod, state), _budget_keys(pod, state)
    keys = sorted(
        {key for service in services for key in service.selector},
        key=lambda key: (key in policy_keys, key in budget_keys, key),
    )
    for size in range(1, len(keys) + 1):
        for chosen in combinations(keys, size):
            if all(set(chosen) & service.selector.keys() for service in services):
                return chosen
    return tuple(keys)
