"""Playbooks that roll a StatefulSet or a DaemonSet out, and what their pods are like."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from kubernetes_cluster import NAMESPACE, items
from underway_cli import Ended, underway


def rollout(kind: str, name: str, image: str, **fields: Any) -> Ended:
    """Run a playbook that gives the workload's one container, which has its name, this version of the shop."""
    step = {"workload": f"{kind}/{NAMESPACE}/{name}", "images": {name: f"underway/shop:{image}"}} | fields
    playbook = {
        "apiVersion": "underway.dev/v1alpha1",
        "kind": "Playbook",
        "metadata": {"name": "release"},
        "spec": {"steps": [{"name": f"new {name}", "rollout": step}]},
    }
    file = Path(tempfile.mkdtemp()) / "release.yaml"
    file.write_text(yaml.safe_dump(playbook, sort_keys=False))
    return underway("run", str(file), "--yes", "-o", "json")


def pods(app: str) -> dict[str, str]:
    """The UID of each pod by its name."""
    return {
        pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in items("-n", NAMESPACE, "pods", "-l", f"app={app}")
    }


def versions(app: str) -> list[str]:
    found = items("-n", NAMESPACE, "pods", "-l", f"app={app}")
    return sorted(pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in found)
