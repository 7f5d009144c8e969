"""Health of a workload that has been given another form: whether its controller has done it, or never will."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.steps.diagnosis import fault

_REVISION = "controller-revision-hash"
_SLOW = timedelta(minutes=2)
"""What a pod may usually take, where none of before tells: a new program is given its controller's patience."""


@dataclass(frozen=True)
class Unhealthy:
    """`lasting`: waiting does not mend it. `pod`: the one whose fault it is."""

    reason: str
    lasting: bool = False
    pod: Ref | None = None


def unhealthy(found: Workload, state: ClusterState, now: datetime) -> Unhealthy | None:
    """What lacks; None for what is as it is asked to be."""
    if found.kind == "job":
        return _job(found)
    if found.observed_generation < found.generation:
        return Unhealthy("its controller has not seen the change yet")
    lacking = _lacking(found)
    if lacking is None:
        return None
    return _hopeless(found, state, now) or Unhealthy(lacking)


def patience(found: Workload) -> timedelta:
    """How long nothing may move."""
    return timedelta(seconds=found.progress_deadline_seconds)


def _job(found: Workload) -> Unhealthy | None:
    if found.failure:
        return Unhealthy(f"the Job has failed: {found.failure}", lasting=True)
    if found.complete or found.paused:
        return None
    return Unhealthy("the Job is at work")


def _lacking(found: Workload) -> str | None:
    if found.paused:
        return None
    wanted = found.replicas
    if found.strategy != "OnDelete":
        fresh = max(0, wanted - found.partition) if found.kind == "statefulset" else wanted
        if found.updated < fresh:
            return f"{found.updated} of {fresh} replicas are up to date"
        if found.kind == "deployment" and found.current > found.updated:
            return f"{found.current - found.updated} old replicas are still there"
    healthy = found.ready if found.kind == "replicaset" else found.available
    return f"{healthy} of {wanted} replicas are available" if healthy < wanted else None


def _hopeless(found: Workload, state: ClusterState, now: datetime) -> Unhealthy | None:
    for replicaset in _newest(found, state):
        if replicaset.failure:
            return Unhealthy(f"{replicaset.ref} cannot make a pod: {replicaset.failure}", lasting=True)
    usual = _usual(found, state)
    for pod in new_pods(found, state):
        reason = fault(pod, now, usual)
        if reason is not None and not pod.ready:
            return Unhealthy(f"{pod.ref}: {reason}", lasting=True, pod=pod.ref)
    return None


def _newest(found: Workload, state: ClusterState) -> Iterator[Workload]:
    if found.kind == "deployment" and found.template is not None:
        for one in state.workloads_of(found.uid):
            if one.kind == "replicaset" and one.template and one.template.hash == found.template.hash:
                yield one


def new_pods(found: Workload, state: ClusterState) -> Iterator[Pod]:
    """Those of the present template."""
    if found.kind == "deployment":
        for one in _newest(found, state):
            yield from state.pods_of(one.uid)
    elif found.kind == "statefulset" and found.update_revision:
        for pod in state.pods_of(found.uid):
            if pod.labels.get(_REVISION) == found.update_revision:
                yield pod
    else:
        yield from state.pods_of(found.uid)


def _usual(found: Workload, state: ClusterState) -> timedelta:
    """What the pods that are Ready took to become so."""
    owners = [found.uid, *(one.uid for one in state.workloads_of(found.uid))]
    took = [
        pod.ready_since - pod.started
        for uid in owners
        for pod in state.pods_of(uid)
        if pod.ready and pod.ready_since is not None and pod.started is not None
    ]
    return max(took, default=_SLOW)
