"""The workers' kubelets, changed from outside: by docker, as somebody at the machine would."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from kubernetes_cluster import items, until, workers

OLD, NEW = "v1.33.13", "v1.34.4"
"""What offline/versions.sh makes the nodes with; both lie ready on the workers."""


def on(node: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command on the node, which is a container here."""
    done = subprocess.run(["docker", "exec", node, *command], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} on {node}: {done.stderr.strip()}")
    return done


def reason_not_staged() -> str | None:
    """Why the kubelets cannot be changed: kind's own node images have one kubelet and no install-kubelet."""
    for node in workers():
        for version in (OLD, NEW):
            if on(node, "test", "-x", f"/opt/kubernetes/{version}/kubelet", check=False).returncode:
                return f"no kubelet {version} lies ready on {node}: NODES=offline tests/kind/up makes such nodes"
    return None


def versions() -> Mapping[str, str]:
    """What `kubectl get nodes` shows of the workers."""
    return {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"]
        for node in items("nodes", "-l", "!node-role.kubernetes.io/control-plane")
    }


def install(version: str) -> None:
    """All workers have this kubelet, and it is at work. Where it is so already nothing is done."""
    found = versions()
    for node in found:
        stopped = on(node, "systemctl", "is-active", "--quiet", "kubelet", check=False).returncode
        if stopped or found[node] != version:
            on(node, "install-kubelet", version)
    until(lambda: set(versions().values()) == {version}, 60, f"the workers have kubelet {version}")
    until(lambda: all(map(_ready, items("nodes"))), 60, "the nodes are Ready")


def _ready(node: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    return any(found["type"] == "Ready" and found["status"] == "True" for found in node["status"]["conditions"])
