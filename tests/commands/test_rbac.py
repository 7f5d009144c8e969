"""`underway rbac`: with what it prints a playbook may be run, and without any single rule of it it may not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke import HERE, underway

from underway.cluster.actions import Need
from underway.engine import preflight
from underway.engine.locating import located
from underway.live.access import READING
from underway.playbook.load import load

PLAYBOOKS = sorted((HERE / "playbooks").glob("*.yaml"))
APPLYING = """
apiVersion: underway.dev/v1alpha1
kind: Playbook
metadata: {name: settings}
spec:
  steps:
    - apply: {files: [objects.yaml]}
"""
OBJECTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
---
apiVersion: v1
kind: Secret
metadata: {name: password}
"""


def granted(objects: Iterable[dict[str, Any]]) -> set[Need]:
    """Every single permission that these objects give."""
    return {
        Need(verb, group, resource, found["metadata"].get("namespace", ""))
        for found in objects
        if found["kind"] in ("Role", "ClusterRole")
        for rule in found["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def denied(needs: Iterable[Need], rules: set[Need]) -> list[Need]:
    """As an API server decides: what is granted everywhere is granted in every namespace."""
    return [need for need in needs if need not in rules and Need(need.verb, need.group, need.resource) not in rules]


def needed(playbook: Path, namespace: str = "default") -> list[Need]:
    return [*READING, *preflight.needs(located(load(playbook), namespace), namespace)]


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_a_shipped_playbook_may_run_with_it_and_without_any_rule_may_not(playbook: Path) -> None:
    ended = underway("rbac", str(playbook))
    assert ended.status == 0, ended.err
    rules = granted(yaml.safe_load_all(ended.out))
    assert denied(needed(playbook), rules) == []
    for rule in rules:
        assert denied(needed(playbook), rules - {rule}), f"{rule} is not needed"


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_the_general_rules_cover_the_shipped_playbooks(playbook: Path) -> None:
    rules = granted(yaml.safe_load_all((HERE / "manifests" / "rbac.yaml").read_text()))
    assert denied(needed(playbook), rules) == []


def test_what_is_applied_is_allowed_where_it_is_applied_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "playbook.yaml").write_text(APPLYING)
    (tmp_path / "objects.yaml").write_text(OBJECTS)
    ended = underway("rbac", "playbook.yaml", "-n", "vault", "-o", "json", cwd=tmp_path)
    assert ended.status == 0, ended.err
    objects = json.loads(ended.out)["items"]
    roles = {found["metadata"]["namespace"]: found["rules"] for found in objects if found["kind"] == "Role"}
    verbs = ["create", "delete", "get", "patch"]
    assert roles["shop"] == [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]
    assert roles["vault"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]
    (everywhere,) = (found["rules"] for found in objects if found["kind"] == "ClusterRole")
    assert {verb for rule in everywhere for verb in rule["verbs"]} == {"list", "watch"}


def test_everything_is_bound_to_the_account(tmp_path: Path) -> None:
    (tmp_path / "playbook.yaml").write_text(APPLYING)
    (tmp_path / "objects.yaml").write_text(OBJECTS)
    ended = underway("rbac", "playbook.yaml", "--service-account", "ci/runner", cwd=tmp_path)
    objects = list(yaml.safe_load_all(ended.out))
    assert not any(found["kind"] == "Namespace" for found in objects)
    bindings = [found for found in objects if found["kind"].endswith("Binding")]
    assert len(bindings) == len([found for found in objects if found["kind"] in ("Role", "ClusterRole")])
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "runner", "namespace": "ci"}]
        assert binding["roleRef"]["kind"] + "Binding" == binding["kind"]
    assert "say another with -n" in ended.err


def test_an_account_without_a_namespace_is_refused() -> None:
    ended = underway("rbac", str(PLAYBOOKS[0]), "--service-account", "runner")
    assert ended.status == 2
    assert "NAMESPACE/NAME" in ended.err
