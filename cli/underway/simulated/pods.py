"""What every controller does with pods: make them, delete them, count those that count."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from underway.cluster.admission import with_label_keys
from underway.cluster.model import Owner, Pod, Template, Workload
from underway.simulated.world import World

_NOW = timedelta(0)
_API_KIND = {
    "deployment": "Deployment",
    "replicaset": "ReplicaSet",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "job": "Job",
}


def owner_of(workload: Workload) -> Owner:
    return Owner(_API_KIND[workload.kind], workload.name, workload.uid)


def is_active(pod: Pod) -> bool:
    """Counted by a controller as one of its replicas: neither finished nor being deleted."""
    return pod.deleting is None and not pod.finished


def available_in(pod: Pod, found: Workload, now: datetime) -> timedelta | None:
    """How long until the pod counts as available, Ready for minReadySeconds; None while it is not Ready."""
    if not pod.ready:
        return None
    since = pod.ready_since
    if not found.min_ready_seconds or since is None:
        return _NOW
    return max(since + timedelta(seconds=found.min_ready_seconds) - now, _NOW)


def available(pods: Iterable[Pod], found: Workload, now: datetime) -> tuple[int, timedelta | None]:
    """How many of its pods are available, and how long until the next one is, if it is only a matter of time."""
    waits = [wait for pod in pods if (wait := available_in(pod, found, now)) is not None]
    return waits.count(_NOW), min((wait for wait in waits if wait), default=None)


def create_pod(world: World, workload: Workload, name: str, template: Template | None = None) -> Pod | None:
    """A new pod of a workload, if its template is known; `template` stands in for the workload's own."""
    source = template or workload.template
    if source is None:
        world.assume(f"{workload.ref}: its pod template is not known, so it gets no new pods")
        return None
    pod = Pod(
        uid=world.new_uid(),
        namespace=workload.namespace,
        name=name,
        labels=source.labels,
        owner=owner_of(workload),
        spec=with_label_keys(world.admit(workload, source.spec), source.labels),
        created=world.now,
        node=source.node,
        scheduled=world.now if source.node else None,
    )
    return world.put(pod)


def delete_pod(world: World, pod: Pod, grace_seconds: int | None = None) -> None:
    """As the API server deletes: at once if it runs nowhere or has finished, otherwise its kubelet stops it first."""
    if not pod.node or pod.finished:
        world.remove(pod.ref)
        return
    grace = pod.spec.grace_seconds if grace_seconds is None else grace_seconds
    deleting = world.now + timedelta(seconds=grace)
    if pod.deleting is None or deleting < pod.deleting:
        world.put(msgspec.structs.replace(pod, deleting=deleting))
