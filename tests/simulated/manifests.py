"""Manifests with one part that a test writes, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import KIND, written

from underway.errors import UsageError
from underway.simulated.load import load

_WORKLOAD = (
    "{apiVersion: %s, kind: %s, metadata: {name: x}, spec: {%s, %s"
    " template: {metadata: {labels: {app: web}}, spec: {%s}}}}"
)
_SELECTOR = "selector: {matchLabels: {app: web}},"
ONE = "containers: [{name: c, image: x}]"


def workload(kind: str, spec: str = "minReadySeconds: 0", pod: str = ONE) -> str:
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet."""
    return _WORKLOAD % ("apps/v1", kind, spec, _SELECTOR, pod)


def job(pod: str = f"restartPolicy: Never, {ONE}") -> str:
    return _WORKLOAD % ("batch/v1", "Job", "backoffLimit: 1", "", pod)


def pod(spec: str) -> str:
    return f"{{apiVersion: v1, kind: Pod, metadata: {{name: x}}, spec: {{{spec}}}}}"


def container(fields: str) -> str:
    return pod(f"containers: [{{name: c, image: x, {fields}}}]")


def service(spec: str, name: str = "x", metadata: str = "") -> str:
    return f"{{apiVersion: v1, kind: Service, metadata: {{name: {name}{metadata}}}, spec: {{{spec}}}}}"


def refused(folder: Path, *texts: str, kind: str = KIND) -> UsageError:
    """What is said of the documents of a file, which begin in its second line."""
    with pytest.raises(UsageError) as caught:
        accepted(folder, *texts, kind=kind)
    return caught.value


def accepted(folder: Path, *texts: str, kind: str = KIND) -> None:
    load(written(folder, kind=kind, wrong="\n" + "\n---\n".join(texts) + "\n"))
