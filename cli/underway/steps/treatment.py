"""Treatment: what will be done with each pod of a node that is to be emptied, and why. A chain of small filters.

The first filter that knows the pod decides its verdict; everything that stands in the way is collected, not only the
first. Planning, the search for blockers and the run itself ask this one chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from underway.cluster import disruption, traffic
from underway.cluster.eligibility import expendable
from underway.cluster.model import Pod
from underway.cluster.state import MARK, ClusterState
from underway.errors import Blocker
from underway.playbook.models import Drain
from underway.steps import crowding, marks, remedies
from underway.steps.handoff import Handoff, handoff

_READ = ("DaemonSet", "ReplicaSet")
"""Other kinds of controllers have namesakes in other groups (Kruise's StatefulSet, Volcano's Job)."""
Verdict = Literal["handoff", "evict", "wait", "skip", "blocked"]


@dataclass(frozen=True)
class Treatment:
    verdict: Verdict
    reason: str
    handoff: Handoff | None = None
    blockers: tuple[Blocker, ...] = ()
    elsewhere: bool = False
    """It follows from nodes and other namespaces too, so the answer may be another at any look."""


def treatment(pod: Pod, drain: Drain, state: ClusterState) -> Treatment:
    """Decide on one pod by what is so now."""
    left_alone = _left_alone(pod, drain, state)
    if left_alone is not None:
        return left_alone
    if marks.pod_run(pod) is not None:
        return Treatment("handoff", "its handoff is under way")
    key = (treatment, pod.uid, pod.resource_version, drain.strategy, drain.force, drain.delete_empty_dir_data)
    found = state.derived.worked_out(pod.namespace, key, lambda: _decided(pod, drain, state))
    if found.handoff is not None and crowding.place_ever(pod, found.handoff.detach, state) == "alone":
        return without_place(pod, drain, state)
    return found


def treatment_now(pod: Pod, drain: Drain, state: ClusterState) -> Treatment:
    """Decide on a pod whose turn it is: room that others take just now counts as if it were taken for good."""
    found = treatment(pod, drain, state)
    if found.handoff is None:
        return found
    if crowding.place_now(pod, found.handoff.detach, state) == "alone":
        return without_place(pod, drain, state)
    if crowding.place_ever(pod, found.handoff.detach, state) == "nowhere":
        # once detached it might turn out to be in the way, where it could have been evicted
        return Treatment("wait", "there is no place for its replacement", elsewhere=True)
    return found


def without_place(pod: Pod, drain: Drain, state: ClusterState) -> Treatment:
    """What is done with a pod whose replacement has a place only once it is gone."""
    return replace(_not_handed_off(pod, drain, crowding.words(pod), state, crowded=True), elsewhere=True)


def is_left_alone(pod: Pod, drain: Drain, state: ClusterState) -> bool:
    """Whether nothing has to be done about a pod, not even to wait."""
    left_alone = _left_alone(pod, drain, state)
    return left_alone is not None and left_alone.verdict == "skip"


def _decided(pod: Pod, drain: Drain, state: ClusterState) -> Treatment:
    chosen = _way_out(pod, drain, state)
    blockers = (*_losses(pod, drain, state), *chosen.blockers)
    return _all_blocked(blockers) if blockers else chosen


def _left_alone(pod: Pod, drain: Drain, state: ClusterState) -> Treatment | None:
    """Pods that nothing has to be done about, or that only have to be waited for."""
    if pod.mirror:
        return Treatment("skip", "static pod: its kubelet runs it from a file")
    if pod.deleting is not None:
        return Treatment("wait", "is terminating already")
    if pod.finished:
        return Treatment("skip", f"has finished ({pod.phase})")
    if pod.owner is not None and pod.owner.kind == "DaemonSet" and state.controller_of(pod) is not None:
        return Treatment("skip", "its DaemonSet keeps it on the node")
    if MARK in pod.labels and not marks.stage(pod):
        return Treatment("skip", "belongs to a run of Underway")
    if drain.wait_for is not None and drain.wait_for.matches(pod.labels):
        return Treatment("wait", "is left to finish (drain.waitFor)")
    return None


def _losses(pod: Pod, drain: Drain, state: ClusterState) -> list[Blocker]:
    """What would be lost for good if the pod went."""
    name = str(pod.ref)
    found: list[Blocker] = []
    # of a controller of another kind it is not known whether it is there: only these are read
    orphaned = pod.owner is not None and pod.owner.kind in _READ and state.controller_of(pod) is None
    quarantine = marks.quarantined_by(pod)
    if not drain.force and quarantine is not None:
        remedy = "delete it when it has been looked at, or let it be lost with drain.force (--force)"
        found.append(Blocker(name, f"run {quarantine} has put it in quarantine for a look at it", remedy))
    elif not drain.force and (pod.owner is None or orphaned):
        reason = f"its {pod.owner.kind} is gone" if pod.owner is not None else "it has no controller"
        remedy = "delete it, or give it a controller, or let it be lost with drain.force (--force)"
        found.append(Blocker(name, f"{reason}: nothing would bring it back", remedy))
    if pod.spec.local_volumes and not drain.delete_empty_dir_data:
        volumes = ", ".join(pod.spec.local_volumes)
        remedy = "let the data be lost with drain.deleteEmptyDirData (--delete-emptydir-data)"
        found.append(Blocker(name, f"its local data would be lost (emptyDir {volumes})", remedy))
    job = state.controller_of(pod)
    counts = job is not None and job.kind == "job" and not job.forgiving
    if job is not None and counts and not drain.force and job.failed >= job.backoff_limit:
        remedy = (
            "let it finish with drain.waitFor, or raise the Job's backoffLimit, or accept it with drain.force (--force)"
        )
        found.append(
            Blocker(name, f"evicting it would fail {job.ref} for good (backoffLimit {job.backoff_limit})", remedy)
        )
    return found


def _way_out(pod: Pod, drain: Drain, state: ClusterState) -> Treatment:
    """Hand off or evict, and what keeps it from either."""
    budgets = state.budgets_of(pod)
    if len(budgets) > 1:
        names = " and ".join(str(budget.ref) for budget in budgets)
        remedy = "let one PodDisruptionBudget select it: the Eviction API refuses a pod with two"
        return _blocked(pod, f"{len(budgets)} budgets select it ({names})", remedy)
    maker = state.controller_of(pod)
    if maker is not None and maker.template is not None and maker.template.node:
        remedy = f"take nodeName out of the template of {(state.controller_of(maker) or maker).ref}"
        return _blocked(pod, f"its replacement would come to node/{maker.template.node} too (nodeName)", remedy)
    if drain.strategy == "evict":
        return _eviction(pod, "evicted within its budgets, as asked (strategy evict)", state, accepts_gap=True)
    if expendable(pod) and drain.strategy == "auto":
        reason = f"its priority ({pod.spec.priority}) makes it a placeholder, no replacement is waited for"
        return _eviction(pod, f"evicted: {reason}", state, accepts_gap=False)
    way = handoff(pod, state)
    if isinstance(way, Handoff):
        unmet = remedies.for_unmet_budget(pod, state)
        if unmet is not None:
            return _blocked(pod, *unmet)
        keys = f"detach by {way.detach}" + (f", withdraw by {', '.join(way.withdraw)}" if way.withdraw else "")
        return Treatment("handoff", f"a replacement serves before it stops ({keys})", handoff=way)
    return _not_handed_off(pod, drain, way, state)


def _not_handed_off(pod: Pod, drain: Drain, reason: str, state: ClusterState, *, crowded: bool = False) -> Treatment:
    """What is done with a pod that is to be handed off if it can be, and cannot."""
    if drain.strategy == "handoff":
        return _blocked(
            pod, f"cannot be handed off: {reason}", "use drain.strategy auto to evict what cannot be handed off"
        )
    return _eviction(pod, f"evicted: {reason}", state, accepts_gap=False, crowded=crowded)


def _eviction(pod: Pod, reason: str, state: ClusterState, *, accepts_gap: bool, crowded: bool = False) -> Treatment:
    found: list[Blocker] = []
    for budget in state.budgets_of(pod):
        never = disruption.can_never_allow(budget, state) if pod.ready or not budget.always_allow_unhealthy else None
        if never is not None:
            remedy = f"{remedies.for_budget(pod, budget, state, crowded=crowded)} ({reason})"
            found.append(Blocker(str(pod.ref), f"{budget.ref} can never allow it: {never}", remedy))
    for service in () if accepts_gap else state.services_of(pod):
        endpoints = traffic.ready_endpoints(service, state)
        if endpoints == {pod.uid}:
            cause = reason.removeprefix("evicted: ")
            said = f"it is the last ready endpoint of {service.ref} and cannot be handed off: {cause}"
            found.append(Blocker(str(pod.ref), said, remedies.for_endpoint(pod, state, crowded=crowded)))
    return _all_blocked(found) if found else Treatment("evict", reason)


def _blocked(pod: Pod, reason: str, remedy: str) -> Treatment:
    return _all_blocked([Blocker(str(pod.ref), reason, remedy)])


def _all_blocked(blockers: Sequence[Blocker]) -> Treatment:
    return Treatment("blocked", "; ".join(found.reason for found in blockers), blockers=tuple(blockers))
