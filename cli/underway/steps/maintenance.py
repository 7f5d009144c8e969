"""Maintenance: the Job that does the work on an emptied node. It runs once; its name says which run and node it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from underway.cluster.actions import CreateJob
from underway.cluster.model import Node, Ref, Workload
from underway.cluster.state import MARK, ClusterState
from underway.playbook.gates import JobGate
from underway.playbook.models import JobStep, MaintainJob
from underway.steps import marks

_START = timedelta(seconds=60)
"""What a Job may take beyond its own deadline to be seen as ended. On a node that is not Ready nobody can end it."""


def job_ref(node: Node, run: str, step: int, namespace: str) -> Ref:
    """Deterministic, so that creating it twice is harmless; the node's name may be too long for a Job's."""
    digest = sha256(f"{node.name}/{step}".encode()).hexdigest()[:10]
    return Ref("job", namespace, f"underway-{run}-{digest}")


def create(node: Node, work: MaintainJob, ref: Ref, run: str, now: datetime) -> CreateJob:
    container = _container(work, "maintain")
    if work.privileged:
        container["securityContext"] = {"privileged": True}
    pod: dict[str, Any] = {
        "nodeName": node.name,
        "restartPolicy": "Never",
        "hostPID": work.host_pid,
        "hostNetwork": work.host_network,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    about = {marks.JOB_NODE: node.name, marks.JOB_ENDS: (now + work.timeout).isoformat()}
    manifest = _manifest(ref, run, work.timeout, pod, about)
    return CreateJob(ref, says=f"start maintenance on {node.ref} ({work.image})", manifest=manifest)


def create_alone(work: JobStep, ref: Ref, run: str, now: datetime) -> CreateJob:
    """A Job that is about no node: the scheduler finds it one."""
    return _create_anywhere(work, ref, run, f"start ({work.image})", work.timeout, now)


def create_for_gate(work: JobGate, ref: Ref, run: str, gate: str, timeout: timedelta, now: datetime) -> CreateJob:
    return _create_anywhere(work, ref, run, f"start for gate {gate} ({work.image})", timeout, now)


def _create_anywhere(
    work: JobStep | JobGate, ref: Ref, run: str, says: str, timeout: timedelta, now: datetime
) -> CreateJob:
    pod = {"restartPolicy": "Never", "containers": [_container(work, "job")]}
    about = {marks.JOB_ENDS: (now + timeout).isoformat()}
    return CreateJob(ref, says=says, manifest=_manifest(ref, run, timeout, pod, about))


def _container(work: MaintainJob | JobStep | JobGate, name: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": name,
        "image": work.image,
        "env": [{"name": name, "value": value} for name, value in work.env.items()],
        # why it failed is then in the pod's status
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if work.command:
        container["command"] = list(work.command)
    if work.args:
        container["args"] = list(work.args)
    return container


def _manifest(ref: Ref, run: str, timeout: timedelta, pod: dict[str, Any], about: dict[str, str]) -> dict[str, Any]:
    labels = {MARK: run, "app.kubernetes.io/managed-by": "underway"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": labels, "annotations": about},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": max(1, round(timeout.total_seconds())),
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def deadline(work: MaintainJob, node: Node) -> timedelta:
    """After so long the Job must have ended one way or the other (activeDeadlineSeconds does it)."""
    return work.timeout + (_START if node.ready else timedelta())


def at_work(job: Workload, node: Node | None, now: datetime) -> bool:
    """Whether a Job may still be doing something to its node, as far as its own marks tell."""
    if job.complete or job.failure:
        return False
    end = last_moment(job, node)
    return end is None or now < end


def last_moment(job: Workload, node: Node | None) -> datetime | None:
    """When a Job that has not ended is not waited for any more; None if its marks do not tell."""
    ends = marks.job_ends(job)
    return ends + (_START if node is None or node.ready else timedelta()) if ends else None


def progress(job: Workload, node: Node, state: ClusterState) -> str:
    """What a Job that has not ended is waited for."""
    waiting = next((pod.waiting for pod in state.pods_of(job.uid) if pod.waiting), "")
    silent = "" if node.ready else ", the node is not Ready"
    return f"{job.ref} is at work{': ' + waiting if waiting else ''}{silent}"


def failure(job: Workload, state: ClusterState) -> str:
    """Why a Job has failed: what its container said last, or else the Job controller's words."""
    return next((pod.ending for pod in state.pods_of(job.uid) if pod.ending), job.failure)


def upgraded(before: str, node: Node) -> str:
    """What has become of the node's kubelet; empty if it is what it was."""
    if before == node.kubelet_version:
        return ""
    return f"kubelet was {before or 'unknown'}, is {node.kubelet_version}"
