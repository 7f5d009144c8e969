"""What a cluster is made of comes in files, pipes and standard input, in YAML and JSON; what cannot be read is told."""

from __future__ import annotations

import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
from scenes import KIND, SHOP, written

from underway.cluster.model import Node, Ref
from underway.cluster.objects import Quota
from underway.cluster.snapshot import write
from underway.errors import UsageError
from underway.simulated.load import load, simulate


def piped(data: bytes) -> Path:
    """A pipe with this in it, as the shell's <(…) gives it: what has been read from it is gone."""
    reads, writes = os.pipe()
    with os.fdopen(writes, "wb") as pipe:
        pipe.write(data)
    return Path(f"/dev/fd/{reads}")


def test_a_pipe_is_read_from_its_first_line_on() -> None:
    loaded = load([piped(dedent(KIND).encode()), piped(dedent(SHOP).encode().lstrip())])
    assert Ref("deployment", "shop", "web") in loaded.objects
    assert loaded.services() == {8080: Ref("service", "shop", "web")}


def test_a_snapshot_comes_through_a_pipe_too(tmp_path: Path) -> None:
    state = simulate(load(written(tmp_path, kind=KIND, shop=SHOP))).state()
    lines = write(state.objects(), datetime(2026, 1, 1, tzinfo=UTC), "shop")
    loaded = load([piped(b"".join(line + b"\n" for line in lines))])
    assert loaded.at_rest
    assert list(loaded.objects) == [found.ref for found in state.objects()]


def test_standard_input_is_a_file_of_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(dedent(KIND).encode())))
    assert len([found for found in load([Path("-")]).objects if found.kind == "node"]) == 3


def test_json_through_a_pipe_is_read_as_json_one_after_another() -> None:
    node = '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "%s"}}\n'
    assert [found.name for found in load([piped((node % "a" + node % "b").encode())]).objects] == ["a", "b"]


def test_documents_of_yaml_may_be_written_as_json(tmp_path: Path) -> None:
    node = '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "%s"}}'
    (tmp_path / "nodes.yaml").write_text(f"{node % 'a'}\n---\n{node % 'b'}\n")
    assert [found.name for found in load([tmp_path / "nodes.yaml"]).objects] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deep.yaml", "a: " + "[" * 5000 + "]" * 5000),
        ("deep.json", '{"a": ' + "[" * 50_000 + "]" * 50_000 + "}"),
        ("recursive.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: &s {me: *s}\n"),
    ],
)
def test_what_is_nested_without_end_is_told_as_a_mistake(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}.*: this is nested too deeply") as caught:
        load([tmp_path / name])
    assert caught.value.hint is None


def test_aliases_that_stand_for_millions_of_values_are_told_before_they_are_read(tmp_path: Path) -> None:
    levels = [
        f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join(['*' + chr(97 + level)] * 10)}]" for level in range(8)
    ]
    (tmp_path / "bomb.yaml").write_text("\n".join(["a: &a [x, x, x, x, x, x, x, x, x, x]", *levels]))
    with pytest.raises(UsageError, match=r"bomb\.yaml:\d+:\d+: this grows too large"):
        load([tmp_path / "bomb.yaml"])


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("a.yaml", "kind: Deployment\nmetadata: {name: web", "is the file cut off?"),
        ("a.json", '{"kind": "Deployment", "metadata": {"na', "is the file cut off?"),
        ("a.yaml", "kind: [a\nb: c\nmetadata: {name: web}\n", None),
        ("a.json", '{"kind": "Deployment" "metadata": {}}', None),
        (
            "a.yaml",
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: 80}}",
            "begin each item with a dash, or write [a, b]",
        ),
    ],
)
def test_only_what_ends_too_early_may_be_cut_off(tmp_path: Path, name: str, text: str, hint: str | None) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        load([tmp_path / name])
    assert caught.value.hint == hint, caught.value.message


def test_a_key_that_is_given_twice_is_told_with_its_place_and_a_merge_is_none(tmp_path: Path) -> None:
    once = "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec:\n  <<: &p {podCIDRs: []}\n  <<: *p\n"
    (tmp_path / "once.yaml").write_text(once)
    assert [str(found.ref) for found in load([tmp_path / "once.yaml"]).objects.values()] == ["node/a"]
    (tmp_path / "twice.yaml").write_text(once + "  unschedulable: true\n  unschedulable: false\n")
    with pytest.raises(UsageError, match=r"twice\.yaml:8:3: `unschedulable` is given twice"):
        load([tmp_path / "twice.yaml"])


def test_what_is_merged_into_a_mapping_that_is_merged_elsewhere_is_not_given_twice(tmp_path: Path) -> None:
    deep = "  deep: {deeper: {base: &base {<<: &common {image: one, port: 1}, image: two}}}\n  child: {<<: *base}\n"
    (tmp_path / "a.yaml").write_text(f"apiVersion: v1\nkind: Node\nmetadata: {{name: a}}\nstatus:\n{deep}")
    assert [str(found.ref) for found in load([tmp_path / "a.yaml"]).objects.values()] == ["node/a"]


def test_keys_that_yaml_takes_for_other_values_are_text_as_kubectl_has_them(tmp_path: Path) -> None:
    metadata = '{name: a, labels: {yes: "1", null: "2", 3: "4"}}'
    (tmp_path / "a.yaml").write_text(f"apiVersion: v1\nkind: Node\nmetadata: {metadata}\n")
    (found,) = load([tmp_path / "a.yaml"]).objects.values()
    assert isinstance(found, Node)
    assert found.labels == {"true": "1", "null": "2", "3": "4"}


def test_a_quota_without_an_amount_allows_nothing(tmp_path: Path) -> None:
    quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: , requests.cpu: 4}}\n"
    (tmp_path / "a.yaml").write_text(f"apiVersion: v1\nkind: Node\nmetadata: {{name: a}}\n---\n{quota}")
    found = load([tmp_path / "a.yaml"]).objects[Ref("resourcequota", "default", "q")]
    assert isinstance(found, Quota)
    assert found.hard == {"pods": 0, "cpu": 4000}
