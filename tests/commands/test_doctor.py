"""The doctor names what a run would refuse first, each with a remedy, and its exit status tells a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke import underway

SHOP = ("doctor", "--cluster", "kind-config.yaml", "--cluster", "manifests/")


def found(*arguments: str, status: int) -> list[Any]:
    ended = underway(*SHOP, "-o", "json", *arguments)
    assert ended.status == status, ended.err
    findings: list[Any] = json.loads(ended.out)
    return findings


def test_the_shipped_shop_has_nothing_in_the_way() -> None:
    findings = found(status=0)
    assert {finding["severity"] for finding in findings} == {"risk"}
    assert "statefulset/shop/db" in {finding["object"] for finding in findings}


@pytest.mark.parametrize(
    ("manifest", "named", "said"),
    [
        (
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: shop}\n"
                "spec: {nodeName: underway-worker, containers: [{name: a, image: a}]}\n"
            ),
            "pod/shop/bare",
            "has no controller",
        ),
        (
            (
                "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: second, namespace: shop}\n"
                "spec: {maxUnavailable: 1, selector: {matchLabels: {app: cart}}}\n"
            ),
            "pod/shop/cart-",
            "2 budgets select it",
        ),
        (
            (
                "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: nobody, namespace: shop}\n"
                "spec: {maxUnavailable: 1, selector: {matchLabels: {app: nobody}}}\n"
            ),
            "poddisruptionbudget/shop/nobody",
            "selects no pod",
        ),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(manifest: str, named: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(manifest)
    findings = found("--cluster", str(file), status=0 if "nobody" in named else 4)
    about = [finding for finding in findings if finding["object"].startswith(named)]
    assert any(said in finding["reason"] and finding["remedy"] for finding in about), findings
    assert [finding["severity"] for finding in findings] == sorted(finding["severity"] for finding in findings)


def test_text_fits_80_columns_and_every_form_says_the_same() -> None:
    assert max(map(len, underway(*SHOP).out.splitlines())) <= 80
    assert yaml.safe_load(underway(*SHOP, "-o", "yaml").out) == found(status=0)


def test_quietly_only_how_much_was_found_is_said() -> None:
    quiet = underway(*SHOP, "-q", "--no-color")
    assert quiet.status == 0
    assert quiet.out == f"Worth knowing, a run would go on ({len(found(status=0))} findings)\n"
    assert quiet.err == ""
