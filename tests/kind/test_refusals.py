"""What cannot be done is refused beforehand: every blocker with its remedy, and nothing has been changed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes_cluster import items, kubectl, unsettled, until, until_settled, versions, workers
from underway_cli import MAINTAIN, underway

SPACE = "blocked"


def _pod(node: str, **more: Any) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": "underway/shop:1",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-warmup", "0s"],
    }
    container |= more.pop("container", {})
    spec = {
        "nodeSelector": {"kubernetes.io/hostname": node},
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
    }
    return spec | more


def _workload(
    kind: str, name: str, spec: dict[str, Any], labels: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    labels = {"app": name} | (labels or {})
    template = {"metadata": {"labels": labels}, "spec": spec}
    selector = {"matchLabels": {"app": name}}
    body = {"replicas": 1, "selector": selector, "template": template} | more
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": SPACE}, "spec": body}


def _budget(name: str, app: str, **rule: Any) -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"app": app}}, **rule}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": spec,
    }


def _obstacles(node: str, others: int) -> list[dict[str, Any]]:
    """One object of each kind that cannot leave the node."""
    apart = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "apart"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        }
    }
    free = {"nodeSelector": {}}
    big = {"resources": {"requests": {"cpu": "1100m"}}}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "namespace": SPACE}, "spec": _pod(node)},
        _workload(
            "Deployment", "scratch", _pod(node, volumes=[{"name": "data", "emptyDir": {}}]) | free | {"nodeName": node}
        ),
        _workload("Deployment", "twice", _pod(node)),
        _budget("twice-a", "twice", maxUnavailable=1),
        _budget("twice-b", "twice", maxUnavailable=1),
        _workload("StatefulSet", "frozen", _pod(node), serviceName="frozen"),
        _budget("frozen", "frozen", maxUnavailable=0),
        _workload("Deployment", "apart", _pod(node, affinity=apart) | free, replicas=others + 1),
        _workload("Deployment", "pinned", _pod(node)),
        _workload("Deployment", "big", _pod(node, container=big)),
    ]


@pytest.fixture
def obstacles(still: dict[str, Any]) -> Iterator[str]:  # noqa: ARG001 - the shop has to be whole
    node, others = workers()[0], len(workers()) - 1
    kubectl("create", "namespace", SPACE)
    until(lambda: items("-n", SPACE, "serviceaccounts"), 30, "the namespace has its ServiceAccount")
    listed = {"apiVersion": "v1", "kind": "List", "items": _obstacles(node, others)}
    kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    try:
        until(lambda: _all_ready(7 + others), 90, "the obstacles are Ready")
        # of two budgets of one pod only one is counted
        until(lambda: all(each.startswith("budget ") for each in unsettled(SPACE)), 60, "their workloads know it")
        yield node
    finally:
        kubectl("delete", "namespace", SPACE, "--wait=true", timeout=120)


def _all_ready(count: int) -> bool:
    pods = items("-n", SPACE, "pods")
    ready = [
        pod
        for pod in pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
    ]
    return len(ready) == len(pods) == count


def test_every_blocker_is_named_with_its_remedy_and_nothing_is_changed(obstacles: str) -> None:
    before = versions()
    refused = underway("drain", obstacles)
    assert refused.status == 4, refused.stderr
    assert versions() == before
    text = " ".join(refused.stderr.split())
    for named in ("pod/blocked/bare", "pod/blocked/scratch-", "pod/blocked/twice-", "pod/blocked/frozen-0"):
        assert named in text, refused.stderr
    for reason in (
        "it has no controller",
        "emptyDir data",
        "2 budgets select it",
        "maxUnavailable: 0",
        "no room for its replacement",
        "didn't match pod anti-affinity rules",
        "didn't match Pod's node affinity/selector",
    ):
        assert reason in text, refused.stderr
    for remedy in ("--force", "--delete-emptydir-data", "one PodDisruptionBudget", "loosen", "add a node or free room"):
        assert remedy in text, refused.stderr


def test_the_refusal_is_a_receipt_for_programs(obstacles: str) -> None:
    refused = underway("drain", obstacles, "-o", "json")
    assert refused.status == 4, refused.stderr
    receipt = refused.receipt
    assert receipt["outcome"] == "refused"
    assert receipt["exitStatus"] == 4
    assert all(found["object"] and found["reason"] and found["remedy"] for found in receipt["blockers"])
    assert len(receipt["blockers"]) >= 7


def test_a_node_with_no_room_elsewhere_is_refused_for_requests_and_taints(still: dict[str, Any]) -> None:  # noqa: ARG001
    node, *others = workers()
    kubectl("create", "namespace", SPACE)
    until(lambda: items("-n", SPACE, "serviceaccounts"), 30, "the namespace has its ServiceAccount")
    cpu = items("nodes")[0]["status"]["allocatable"]["cpu"]
    spec = _pod(node, container={"resources": {"requests": {"cpu": f"{int(cpu) * 1000 - 700}m"}}}) | {
        "nodeSelector": {}
    }
    filler = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [_workload("Deployment", "large", spec, replicas=len(others) + 1)],
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(filler))
    try:
        until(lambda: _all_ready(len(others) + 1), 60, "every worker is full")
        until_settled(60, SPACE)
        before = versions()
        refused = underway("drain", node)
        assert refused.status == 4, refused.stderr
        text = " ".join(refused.stderr.split())
        assert "no room for its replacement" in text
        assert "Insufficient cpu" in text
        assert "untolerated taint" in text
        assert versions() == before
    finally:
        kubectl("delete", "namespace", SPACE, "--wait=true", timeout=120)


def test_an_unknown_node_is_refused(shop: dict[str, Any]) -> None:  # noqa: ARG001
    refused = underway("drain", "no-such-node")
    assert refused.status == 4
    assert "node/no-such-node" in refused.stderr


# -- permissions -------------------------------------------------------------------------------------------------


@pytest.fixture
def account(cluster: None, tmp_path: Any) -> str:  # noqa: ARG001 - it has to be there
    """A kubeconfig of the ServiceAccount of manifests/rbac.yaml, and nothing else."""
    return _kubeconfig("underway", tmp_path)


@pytest.fixture
def least(cluster: None, tmp_path: Any) -> Iterator[str]:  # noqa: ARG001 - it has to be there
    """A kubeconfig of the ServiceAccount that `underway rbac` makes for the playbook."""
    rules = underway("rbac", MAINTAIN).stdout
    kubectl("apply", "-f", "-", stdin=rules)
    yield _kubeconfig(LEAST, tmp_path)
    for kind, space in (("clusterrolebinding", []), ("rolebinding", ["-n", "default"]), *_RBAC.items()):
        kubectl("delete", kind, LEAST, *space)
    kubectl("-n", "underway", "delete", "serviceaccount", LEAST)


def _kubeconfig(account: str, folder: Any) -> str:
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    token = kubectl("-n", "underway", "create", "token", account, "--duration=1h").strip()
    config["users"] = [{"name": "underway", "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = "underway"
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return str(path)


LEAST = "underway-maintain-workers"
_RBAC = {"clusterrole": [], "role": ["-n", "default"]}


def _permissions() -> list[tuple[str, str, str]]:
    """(role kind, resource, verb) of every single permission that `underway rbac` gives the playbook."""
    found = []
    for kind, space in _RBAC.items():
        for rule in json.loads(kubectl("get", kind, LEAST, *space, "-o", "json"))["rules"]:
            found += [(kind, resource, verb) for resource in rule["resources"] for verb in rule["verbs"]]
    return found


def _without(kind: str, resource: str, verb: str) -> None:
    """Take one permission away."""
    role = json.loads(kubectl("get", kind, LEAST, *_RBAC[kind], "-o", "json"))
    rules = []
    for rule in role["rules"]:
        others = [name for name in rule["resources"] if name != resource]
        verbs = [name for name in rule["verbs"] if name != verb]
        if resource not in rule["resources"]:
            rules.append(rule)
            continue
        rules += [rule | {"resources": others}] if others else []
        rules += [rule | {"resources": [resource], "verbs": verbs}] if verbs else []
    role["rules"] = rules
    del role["metadata"]["resourceVersion"]
    kubectl("replace", "-f", "-", stdin=json.dumps(role))


def test_the_service_account_is_enough(shop: dict[str, Any], account: str) -> None:
    name = workers()[0]
    drained = underway("drain", name, "--kubeconfig", account)
    assert drained.status == 0, drained.stderr
    assert underway("uncordon", name, "--kubeconfig", account).status == 0
    assert "underway.dev" not in json.dumps(items("nodes"))
    assert shop["leases"] == [found["metadata"]["name"] for found in items("-n", "default", "leases")]


def test_each_single_permission_is_missed_beforehand_and_named(shop: dict[str, Any], least: str) -> None:  # noqa: ARG001
    whole = {kind: kubectl("get", kind, LEAST, *space, "-o", "json") for kind, space in _RBAC.items()}
    allowed = underway("run", MAINTAIN, "--dry-run=client", "--kubeconfig", least)
    assert allowed.status == 0, allowed.stderr
    unnoticed = []
    for kind, resource, verb in _permissions():
        _without(kind, resource, verb)
        deadline = time.monotonic() + 5
        while True:
            # the API server's authorizer learns of the change a moment later
            refused = underway("run", MAINTAIN, "--dry-run=client", "--kubeconfig", least)
            if refused.status == 4 or time.monotonic() > deadline:
                break
        if refused.status != 4 or f"{verb} {resource}" not in " ".join(refused.stderr.split()):
            unnoticed.append((verb, resource, refused.status, refused.stderr[-300:]))
        found = json.loads(whole[kind])
        del found["metadata"]["resourceVersion"]
        kubectl("replace", "-f", "-", stdin=json.dumps(found))
    assert unnoticed == []
    assert _permissions() != []
