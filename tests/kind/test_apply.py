"""`apply` on a real cluster: healthy when it says so, and everything as before when it is not done."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes_cluster import get, kubectl, until
from underway_cli import UNDERWAY, underway

SPACE = "applied"
PASSWORD = "correct-horse-battery"
LIVELY = {"creationTimestamp", "generation", "resourceVersion"}

pytestmark = pytest.mark.usefixtures("space")


@pytest.fixture
def space(cluster: None) -> Iterator[None]:  # noqa: ARG001 - it has to be there
    kubectl("create", "namespace", SPACE)
    yield
    kubectl("delete", "namespace", SPACE)


def _object(kind: str, name: str, version: str = "v1", **body: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": SPACE}, **body}


def settings(color: str) -> dict[str, Any]:
    return _object("ConfigMap", "settings", data={"color": color})


def password() -> dict[str, Any]:
    return _object("Secret", "password", stringData={"password": PASSWORD})


def program(name: str = "program", image: str = "underway/shop:1", replicas: int = 2) -> dict[str, Any]:
    container = {"name": "app", "image": image, "imagePullPolicy": "IfNotPresent", "args": ["-warmup", "0s"]}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return _object("Deployment", name, "apps/v1", spec=spec)


def playbook(folder: Path, *manifests: dict[str, Any], **fields: Any) -> str:
    (folder / "objects.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
    whole = {
        "apiVersion": "underway.dev/v1alpha1",
        "kind": "Playbook",
        "metadata": {"name": "applied"},
        "spec": {"steps": [{"apply": {"files": ["objects.json"], **fields}}]},
    }
    (folder / "playbook.yaml").write_text(json.dumps(whole))
    return str(folder / "playbook.yaml")


def applied_by_kubectl(*manifests: dict[str, Any]) -> None:
    for manifest in manifests:
        kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    kubectl("-n", SPACE, "wait", "--for=condition=Available", "deployment", "--all", "--timeout=60s")


def there() -> dict[str, Any]:
    """Everything that was written, and by whom; not when."""
    kinds = "configmaps,secrets,deployments"
    listed = get("-n", SPACE, kinds, "--show-managed-fields")["items"]
    found = {f"{one['kind']}/{one['metadata']['name']}": one for one in listed}
    for one in found.values():
        one.pop("status", None)
        one["metadata"] = {key: value for key, value in one["metadata"].items() if key not in LIVELY}
        one["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
        managers = [dict(each) for each in one["metadata"]["managedFields"] if not each.get("subresource")]
        one["metadata"]["managedFields"] = sorted(json.dumps(each | {"time": ""}, sort_keys=True) for each in managers)
    return found


def marks() -> str:
    found = kubectl("get", "-A", "replicasets,deployments,configmaps,leases", "-o", "json")
    return "underway.dev/" if "underway.dev/applied" in found or "underway.dev/before" in found else ""


def test_what_is_applied_is_healthy_and_no_secret_is_told(tmp_path: Path) -> None:
    asked = playbook(tmp_path, settings("blue"), password(), program())
    ended = underway("run", asked, "--yes", "-v", "--report", str(tmp_path / "report"), XDG_STATE_HOME=str(tmp_path))
    assert ended.status == 0, ended.stderr
    assert get("-n", SPACE, "deployment", "program")["status"]["availableReplicas"] == 2
    stored = get("-n", SPACE, "secret", "password")["data"]["password"]
    assert base64.b64decode(stored).decode() == PASSWORD
    assert not marks()
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    told = [text for text in (*written, ended.stdout, ended.stderr) if "stringData" not in text]
    assert len(told) > 4
    assert not any(PASSWORD in text or stored in text for text in told)


def test_killed_in_the_middle_it_is_restored_from_another_machine(tmp_path: Path) -> None:
    applied_by_kubectl(settings("green"), program(), _object("Secret", "password", stringData={"password": "old"}))
    before = there()
    new = (settings("blue"), password(), program(image="underway/shop:none", replicas=3), program("other"))
    asked = playbook(tmp_path, *new, force=True)
    process = subprocess.Popen([UNDERWAY, "run", asked, "--yes", "-q"], stdin=subprocess.DEVNULL)
    until(lambda: "Deployment/other" in there(), 30, "the last of the objects has been applied")
    process.kill()
    process.wait()
    during = there()
    assert during["ConfigMap/settings"]["data"] == {"color": "blue"}
    assert "Deployment/other" in during
    restored = underway("restore", XDG_STATE_HOME=str(tmp_path / "elsewhere"))
    assert restored.status == 0, (restored.stdout, restored.stderr)
    assert there() == before
    assert not marks()


def test_an_image_that_is_not_there_is_found_early_and_put_back(tmp_path: Path) -> None:
    applied_by_kubectl(program())
    before = there()
    asked = playbook(tmp_path, settings("blue"), program(image="underway/shop:none"), force=True)
    ended = underway("run", asked, "--yes", "-o", "json", timeout=90)
    assert ended.status == 5, ended.stderr
    assert "deployment/applied/program" in ended.receipt["reason"]
    assert "pull" in ended.receipt["reason"].lower()
    assert there() == before
    assert not marks()


def test_fields_of_another_manager_are_left_alone(tmp_path: Path) -> None:
    applied_by_kubectl(program())
    before = there()
    ended = underway("run", playbook(tmp_path, program(replicas=5)), "--yes", "-o", "json")
    assert ended.status == 5, ended.stderr
    assert "spec.replicas belongs to kubectl-client-side-apply" in ended.receipt["reason"]
    assert "force: true" in ended.receipt["reason"]
    assert there() == before


def test_it_runs_with_what_rbac_prints(tmp_path: Path) -> None:
    asked = playbook(tmp_path, settings("blue"), program(replicas=1))
    rules = underway("rbac", asked).stdout
    kubectl("apply", "-f", "-", stdin=rules)
    try:
        account = "system:serviceaccount:underway:underway-applied"
        ended = underway("run", asked, "--yes", "--as", account)
        assert ended.status == 0, ended.stderr
        assert not marks()
        refused = underway("run", playbook(tmp_path, password()), "--yes", "--as", account)
        assert refused.status == 4
        assert "secrets" in refused.stderr
    finally:
        documents = [text for text in rules.split("---\n") if "kind: Namespace" not in text]
        kubectl("delete", "-f", "-", stdin="---\n".join(documents))
