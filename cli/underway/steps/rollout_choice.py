"""How a Deployment is rolled out: by handover, whole or in batches, or by its own rolling update; and why."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from underway.cluster import disruption, traffic
from underway.cluster.admission import expected_spec, with_label_keys
from underway.cluster.model import Pod, Workload
from underway.cluster.quota import allowed
from underway.cluster.rolling import away_at_once
from underway.cluster.room import Room
from underway.cluster.state import ClusterState
from underway.playbook.models import RolloutStep
from underway.steps.handoff import single_writer
from underway.steps.rollout_marks import HASH


@dataclass(frozen=True)
class Choice:
    """`batch`: so many pods of the new version at a time, None for all. `blocker`: why it cannot be done as asked.
    `remedy`: what would let it be done, or be handed over.
    """

    strategy: Literal["handoff", "native"]
    reason: str
    batch: int | None = None
    blocker: str = ""
    remedy: str = ""


def choose(step: RolloutStep, found: Workload, state: ClusterState) -> Choice:
    """What `auto` decides by what is so now, and whether what is asked for instead can be done."""
    if step.strategy == "native":
        return Choice("native", "by its own rolling update, as asked (strategy native)")
    old = replicaset_in_use(found, state)
    against = _against_handoff(found, old, state)
    if against is None and old is not None:
        return _beside_autoscaler(_handoff(step, found, state), found, state)
    if step.strategy == "handoff":
        remedy = "use strategy auto, which rolls it out by its own rolling update"
        return Choice("handoff", "", blocker=f"cannot be handed over: {against}", remedy=remedy)
    return Choice("native", f"by its own rolling update: {against}")


def replicaset_in_use(found: Workload, state: ClusterState) -> Workload | None:
    """The ReplicaSet of the Deployment's template, or else the one with the most replicas."""
    owned = [one for one in state.workloads_of(found.uid) if one.kind == "replicaset" and not one.deleting]
    template = found.template.hash if found.template else ""
    same = [one for one in owned if one.template is not None and one.template.hash == template]
    return max(same or owned, key=lambda one: (one.replicas, one.name), default=None)


def _against_handoff(found: Workload, old: Workload | None, state: ClusterState) -> str | None:
    if found.replicas == 0 or old is None:
        return "it has no pods"
    if found.strategy == "Recreate":
        return "it never runs two versions at once (strategy Recreate)"
    if found.owner is not None:
        return f"its {found.owner.kind} {found.owner.name} decides about its pods"
    rolling = [one for one in state.workloads_of(found.uid) if one.replicas and one.uid != old.uid]
    if rolling:
        return "it is in the middle of another rollout"
    pod = next((pod for pod in state.pods_of(old.uid) if pod.deleting is None), None)
    return _against_its_pods(pod, old, state) if pod is not None else None


def _against_its_pods(pod: Pod, old: Workload, state: ClusterState) -> str | None:
    if pod.spec.host_network or pod.spec.host_ports:
        return "its pods are reached through their nodes' own ports"
    claim = single_writer(pod, state)
    if claim is not None:
        return f"its volume claim {claim} can be used on one node only"
    budgets = state.budgets_of(pod)
    if len(budgets) > 1:
        return f"{len(budgets)} budgets select its pods: the Eviction API refuses such a pod"
    unmet = disruption.unmet(budgets, state)
    if unmet is not None:
        return unmet[1]
    others = [one for one in state.adopting(pod.namespace, pod.labels) if one.uid != old.uid]
    if others:
        return f"{others[0].ref} would adopt its pods"
    rest = traffic.without(pod.labels, traffic.withdraw_keys(pod, state))
    if rest != pod.labels and traffic.adoptable(pod, rest, state):
        return "another controller would adopt its pods once they are out of traffic"
    return None


def _handoff(step: RolloutStep, found: Workload, state: ClusterState) -> Choice:
    count = found.replicas
    asked = min(count, max(1, step.batch.of(count, round_up=True))) if step.batch is not None else count
    room = room_for(found, asked, state)
    quota = quota_below(found, room + 1, state)
    limit = f"{quota} allows no more" if quota else "there is no room for more"
    serves = "the new version serves before the old one stops"
    if room >= asked:
        if asked == count:
            return Choice("handoff", f"{serves}, all {count} at once")
        return Choice("handoff", f"{serves}, {asked} of {count} at a time", batch=asked)
    if room >= 1 and step.strategy == "auto":
        return Choice("handoff", f"{serves}, {room} of {count} at a time: {limit}", batch=room)
    if step.strategy == "handoff":
        remedy = "free room, add a node, or use a smaller batch" if asked > 1 else "free room, or add a node"
        reason = f"there is room for {room} more pods, {asked} are needed"
        return Choice("handoff", "", blocker=f"{limit}: {reason}" if quota else reason, remedy=remedy)
    if not away_at_once(found):
        reason = f"{limit}, not for one more pod, and its rolling update takes none away first (maxUnavailable 0)"
        return Choice("native", "", blocker=reason, remedy="free room, add a node, raise the quota, or maxUnavailable")
    remedy = f"raise {quota}" if quota else "free room, add a node"
    return Choice("native", f"by its own rolling update: {limit}, not for one more pod", remedy=remedy)


def _beside_autoscaler(choice: Choice, found: Workload, state: ClusterState) -> Choice:
    autoscaler = state.autoscaler_of(found.ref)
    if autoscaler is None or choice.blocker:
        return choice
    return dataclasses.replace(choice, reason=f"{choice.reason}; {autoscaler.ref} may scale it meanwhile")


def room_for(found: Workload, wanted: int, state: ClusterState) -> int:
    """How many more pods of the workload fit into the cluster, and into its quotas, at most as many as are wanted."""
    template, spec = found.template, expected_spec(found, state)
    if template is None or spec is None:
        return 0
    wanted = min(wanted, allowed(spec, found.namespace, wanted, state)[0])
    room = Room(state) if spec.priority < 0 else Room(state).without_placeholders()
    labels = {**template.labels, HASH: "new"}
    spec = with_label_keys(spec, labels)
    made = Pod(uid="", namespace=found.namespace, name=f"{found.name}-new", labels=labels, spec=spec)
    for number in range(wanted):
        if not isinstance(room.place(replace(made, uid=f"{found.uid}/{number}", name=f"{made.name}-{number}")), str):
            return number
    return wanted


def quota_below(found: Workload, wanted: int, state: ClusterState) -> str:
    """The quota that does not allow so many more pods of the workload; empty if none is in the way."""
    spec = expected_spec(found, state)
    return allowed(spec, found.namespace, wanted, state)[1] if spec is not None else ""
