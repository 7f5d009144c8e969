"""Maintenance: the Job that does the work on an emptied node. It runs once; its name says which run and node it is."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from underway.cluster.actions import CreateJob
from underway.cluster.model import Node, Ref, Workload
from underway.cluster.state import MARK, ClusterState
from underway.playbook.models import MaintainJob
from underway.steps import marks

_START = timedelta(seconds=60)
"""What a Job may take beyond its own deadline to be seen as ended."""


def job_ref(node: Node, run: str, step: int, namespace: str) -> Ref:
    """Deterministic, so that creating it twice is harmless; the node's name may be too long for a Job's."""
    digest = sha256(f"{node.name}/{step}".encode()).hexdigest()[:10]
    return Ref("job", namespace, f"underway-{run}-{digest}")


def create(node: Node, work: MaintainJob, ref: Ref, run: str) -> CreateJob:
    container: dict[str, Any] = {
        "name": "maintain",
        "image": work.image,
        "env": [{"name": name, "value": value} for name, value in work.env.items()],
    }
    if work.command:
        container["command"] = list(work.command)
    if work.args:
        container["args"] = list(work.args)
    if work.privileged:
        container["securityContext"] = {"privileged": True}
    labels = {MARK: run, "app.kubernetes.io/managed-by": "underway"}
    pod: dict[str, Any] = {
        "nodeName": node.name,
        "restartPolicy": "Never",
        "hostPID": work.host_pid,
        "hostNetwork": work.host_network,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return CreateJob(
        ref,
        says=f"start maintenance on {node.ref} ({work.image})",
        manifest={
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": ref.name,
                "namespace": ref.namespace,
                "labels": labels,
                "annotations": {marks.JOB_NODE: node.name},
            },
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": max(1, round(work.timeout.total_seconds())),
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    )


def deadline(work: MaintainJob) -> timedelta:
    """After so long the Job must have ended one way or the other (activeDeadlineSeconds does it)."""
    return work.timeout + _START


def progress(job: Workload, state: ClusterState) -> str:
    """What a Job that has not ended is waited for."""
    waiting = next((pod.waiting for pod in state.pods_of(job.uid) if pod.waiting), "")
    return f"maintenance is at work{': ' + waiting if waiting else ''}"
