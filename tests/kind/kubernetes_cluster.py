"""The test cluster, through kubectl: what the kind suite and the bench ask of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CACHE", Path.home() / ".cache" / "kind-offline")) / "bin"
NAMESPACE = "shop"


def program(name: str) -> str:
    """A program from PATH or from the offline cache, where kubectl is of the cluster's own version."""
    cached = CACHE / name
    found = str(cached) if cached.is_file() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is neither on PATH nor in {CACHE}: tests/kind/up says how to get it")
    return found


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 120) -> str:
    """kubectl's standard output; its standard error is in the exception where it fails."""
    done = subprocess.run(
        [program("kubectl"), *arguments], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def get(*arguments: str) -> Any:
    return json.loads(kubectl("get", *arguments, "-o", "json"))


def items(*arguments: str) -> list[Any]:
    found: list[Any] = get(*arguments)["items"]
    return found


def workers() -> list[str]:
    """The names of the worker nodes."""
    return [node["metadata"]["name"] for node in items("nodes", "-l", "!node-role.kubernetes.io/control-plane")]


def until(wanted: Callable[[], object], seconds: float, what: str) -> None:
    """Ask until it is so. AssertionError, saying what was waited for, when the time is over."""
    deadline = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.2)


def scale(kind: str, name: str, replicas: int, namespace: str = NAMESPACE) -> None:
    kubectl("-n", namespace, "scale", f"{kind}/{name}", f"--replicas={replicas}")


def until_settled(seconds: float, namespace: str = NAMESPACE) -> None:
    """Wait until the namespace is settled. AssertionError, saying what is not, when the time is over."""
    try:
        until(lambda: settled(namespace), seconds, f"{namespace} is settled")
    except AssertionError as error:
        raise AssertionError(f"{error}: {'; '.join(unsettled(namespace))}") from None


def settled(namespace: str = NAMESPACE) -> bool:
    """Whether every workload of the namespace has all its pods Ready, no more and no fewer, and none is leaving."""
    return not unsettled(namespace)


def unsettled(namespace: str = NAMESPACE, *, charged: bool = True) -> list[str]:
    """What of the namespace is still on its way, in words; without `charged`, not the budgets that are charged for an
    eviction. The API server takes an eviction off the budget first and deletes the pod then: where its client is killed
    in between the pod stays, and the disruption controller gives back what was not used after its DeletionTimeout of
    two minutes.
    """
    found = [_unsettled_workload(each) for each in items("-n", namespace, "deployments,statefulsets")]
    about_pods = [pod["metadata"] for pod in items("-n", namespace, "pods")]
    found += [f"pod/{pod['name']} is leaving" for pod in about_pods if "deletionTimestamp" in pod]
    budgets = items("-n", namespace, "poddisruptionbudgets")
    found += [_unsettled_budget(each) for each in budgets if charged or not each.get("status", {}).get("disruptedPods")]
    return [each for each in found if each]


def _unsettled_workload(found: Any) -> str:
    wanted, status = found["spec"]["replicas"], found.get("status", {})
    seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    if seen and status.get("readyReplicas", 0) == status.get("replicas", 0) == wanted:
        return ""
    return f"{found['metadata']['name']} wants {wanted}: {status}"


def _unsettled_budget(found: Any) -> str:
    status = found.get("status", {})
    seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
    expected = status.get("expectedPods", 0)
    if seen and (not expected or status.get("currentHealthy", 0) == expected):
        return ""
    return f"budget {found['metadata']['name']}: {status}"


def reset_shop(deployments: dict[str, int], members: int = 3) -> None:
    """Give the shop's Deployments these many replicas and `db` its members, spread anew over uncordoned workers."""
    for name in workers():
        kubectl("uncordon", name)
    for name in deployments:
        scale("deployment", name, 0)
    scale("statefulset", "db", 0)
    until(lambda: not _left(list(deployments)), 60, "the old pods are gone")
    for name, replicas in deployments.items():
        scale("deployment", name, replicas)
    scale("statefulset", "db", members)
    until_settled(120)


def _left(deployments: Sequence[str]) -> list[Any]:
    pods = items("-n", NAMESPACE, "pods")
    return [pod for pod in pods if pod["metadata"]["labels"].get("app") in (*deployments, "db")]


def snapshot(namespace: str = NAMESPACE) -> dict[str, Any]:
    """What has to be as before: nodes, workloads, budgets and the labels of pods, without what passes by itself."""
    return {
        "nodes": {node["metadata"]["name"]: _node(node) for node in items("nodes")},
        "workloads": {
            f"{found['kind']}/{found['metadata']['name']}": {
                "spec": found["spec"],
                "labels": found["metadata"].get("labels"),
                "annotations": found["metadata"].get("annotations"),
                "ready": found.get("status", {}).get("readyReplicas", 0),
            }
            for found in items("-n", namespace, "deployments,statefulsets,daemonsets,replicasets")
        },
        "budgets": {
            found["metadata"]["name"]: {
                "spec": found["spec"],
                "labels": found["metadata"].get("labels"),
                "annotations": found["metadata"].get("annotations"),
                "status": {key: value for key, value in found["status"].items() if key != "conditions"},
            }
            for found in items("-n", namespace, "poddisruptionbudgets")
        },
        "pods": sorted(_pod(pod) for pod in items("-n", namespace, "pods") if not _of_job(pod)),
        "leases": [found["metadata"]["name"] for found in items("-n", "default", "leases")],
        "jobs": sorted(found["metadata"]["name"] for found in items("jobs", "-A")),
    }


def versions() -> dict[str, str]:
    """The resourceVersions of everything that a run could change. A node's kubelet reports by itself; that does not
    count."""
    found = {}
    for kind in ("pods", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "poddisruptionbudgets"):
        for each in items(kind, "-A"):
            found[f"{kind}/{each['metadata']['namespace']}/{each['metadata']['name']}"] = each["metadata"][
                "resourceVersion"
            ]
    for node in items("nodes"):
        kept = {
            "spec": node["spec"],
            "labels": node["metadata"]["labels"],
            "annotations": node["metadata"].get("annotations"),
        }
        found[f"nodes/{node['metadata']['name']}"] = json.dumps(kept, sort_keys=True)
    return found


def _node(node: Any) -> dict[str, Any]:
    return {
        "unschedulable": node["spec"].get("unschedulable", False),
        "taints": node["spec"].get("taints"),
        "labels": node["metadata"]["labels"],
        "annotations": node["metadata"].get("annotations"),
    }


def _of_job(pod: Any) -> bool:
    """An evicted Job's next pod comes after the Job's own back-off."""
    return any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", []))


def _pod(pod: Any) -> str:
    """A pod without its name: its labels, annotations and what owns it."""
    owners = [owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])]
    return json.dumps([pod["metadata"]["labels"], pod["metadata"].get("annotations"), owners], sort_keys=True)
