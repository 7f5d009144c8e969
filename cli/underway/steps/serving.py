"""Who serves for a ReplicaSet: its own pods, those that it is about to adopt, and those that a run has detached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Literal, TypeAlias

import msgspec

from underway.cluster import traffic
from underway.cluster.model import Pod
from underway.cluster.state import ClusterState
from underway.steps import marks


def detached_from(replicaset_uid: str, state: ClusterState) -> list[Pod]:
    """The pods that were detached from a ReplicaSet and still serve in its stead."""
    replicaset = state.workload(replicaset_uid)
    if replicaset is None:
        return _detached(state.marked_pods()).get(replicaset_uid, [])
    namespace = replicaset.namespace

    def find() -> dict[str, list[Pod]]:
        return _detached(pod for pod in state.marked_pods() if pod.namespace == namespace)

    return state.derived.worked_out(namespace, detached_from, find).get(replicaset_uid, [])


def _detached(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    """Those that are detached and have not been withdrawn, by the UID of the ReplicaSet that had them."""
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        if marks.stage(pod) == "detached":
            found.setdefault(pod.annotations.get(marks.OWNER, ""), []).append(pod)
    return found


def serving(replicaset_uid: str, state: ClusterState) -> int:
    """How many pods serve for a ReplicaSet: its own, those too that it is about to adopt, and those detached from it
    that have not been withdrawn.

    A pod that has just been detached is its own until it releases it, and is counted once.
    """
    own = parts(replicaset_uid, state).get("serving", {})
    return len(own) + len(traffic.among_serving(detached_from(replicaset_uid, state), state))


_Role: TypeAlias = Literal["serving", "unlisted", "coming", "none"]


class _Part(msgspec.Struct, frozen=True):
    """What part a pod of a ReplicaSet has in a handoff: `serving`, Ready and `unlisted` in an EndpointSlice yet,
    `coming`, or `none`: it is another one's, it leaves, or a run has begun with it.
    """

    replicaset_uid: str
    state: ClusterState

    def __call__(self, pod: Pod) -> _Role:
        theirs = pod.owner is not None and pod.owner.uid != self.replicaset_uid
        if theirs or pod.deleting is not None or pod.finished or marks.STAGE in pod.annotations:
            return "none"
        if not pod.ready:
            return "coming"
        return "serving" if traffic.serves(pod, self.state) else "unlisted"


def parts(replicaset_uid: str, state: ClusterState) -> Mapping[_Role, Mapping[str, Pod]]:
    """The pods that a ReplicaSet selects by their parts."""
    replicaset = state.workload(replicaset_uid)
    if replicaset is None or replicaset.selector is None:
        return {}
    return state.selection(replicaset.namespace, replicaset.selector).sorted_by(_Part(replicaset_uid, state))


def needed_beside(replicaset_uid: str, state: ClusterState) -> int:
    """How many have to serve for a ReplicaSet before one of those that serve now may leave: as many as serve now, but
    no more than it is to have.
    """
    replicaset = state.workload(replicaset_uid)
    return min(serving(replicaset_uid, state), replicaset.replicas if replicaset else 0)


def may_become_ready(pod: Pod, state: ClusterState) -> bool:
    """Whether a pod that is not Ready may be so at any moment: its containers run, and somebody looks at them."""
    node = state.nodes.get(pod.node)
    return not pod.ready and pod.phase == "Running" and not pod.waiting and node is not None and node.ready


def warm_ups(pods: Iterable[Pod]) -> list[timedelta]:
    """What each of the pods that are Ready took from running to that, where it tells."""
    return [pod.ready_since - pod.started for pod in pods if pod.ready and pod.started and pod.ready_since]
