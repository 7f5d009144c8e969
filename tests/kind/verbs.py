"""Playbooks of a few steps on the real cluster, and where the shop's pods are."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from kubernetes_cluster import NAMESPACE, items
from underway_cli import Ended, underway


def playbook(*steps: dict[str, Any]) -> str:
    document = {
        "apiVersion": "underway.dev/v1alpha1",
        "kind": "Playbook",
        "metadata": {"name": "verbs"},
        "spec": {"steps": list(steps)},
    }
    file = Path(tempfile.mkdtemp()) / "verbs.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return str(file)


def run(*steps: dict[str, Any]) -> Ended:
    return underway("run", playbook(*steps), "--yes", "-o", "json")


def nodes_of(app: str) -> Counter[str]:
    pods = items("-n", NAMESPACE, "pods", "-l", f"app={app}")
    return Counter(pod["spec"]["nodeName"] for pod in pods if "deletionTimestamp" not in pod["metadata"])


def endpoints(service: str) -> set[str]:
    found = items("-n", NAMESPACE, "endpointslices", "-l", f"kubernetes.io/service-name={service}")
    return {
        endpoint["targetRef"]["name"]
        for each in found
        for endpoint in each.get("endpoints") or ()
        if endpoint["conditions"].get("ready")
    }
