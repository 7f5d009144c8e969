"""The files of an `apply` step: found beside the playbook, read as kubectl does, mistakes told with their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from underway.playbook.attach import manifests_of
from underway.playbook.diagnostics import BrokenPlaybookError, Diagnostic
from underway.playbook.load import from_document, load, load_filled
from underway.playbook.manifests import Manifest

PLAYBOOK = """apiVersion: underway.dev/v1alpha1
kind: Playbook
metadata: {name: apply}
spec:
  steps:
    - apply: {files: [FILES]}
"""
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"


def read(folder: Path, text: str, name: str = "objects.yaml", files: str | None = None) -> list[Manifest]:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / "playbook.yaml").write_text(PLAYBOOK.replace("FILES", files or name))
    return list(manifests_of(load(folder / "playbook.yaml")))


def mistakes(folder: Path, text: str, files: str | None = None) -> tuple[Diagnostic, ...]:
    with pytest.raises(BrokenPlaybookError) as broken:
        read(folder, text, files=files)
    return tuple(broken.value.diagnostics)


def test_documents_and_lists_are_read_with_their_lines(tmp_path: Path) -> None:
    item = "{apiVersion: v1, kind: Secret, metadata: {name: a}}"
    text = f"{SETTINGS}---\napiVersion: v1\nkind: List\nitems:\n- {item}\n"
    found = read(tmp_path, text)
    assert [(one.kind, one.name, one.line) for one in found] == [("ConfigMap", "settings", 1), ("Secret", "a", 8)]


def test_json_is_read_too(tmp_path: Path) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
    (found,) = read(tmp_path, json.dumps(document, indent=4), "objects.json")
    assert found.content == document


def test_a_directory_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    folder.mkdir()
    for name in ("b.yaml", "a.yml", "c.json", "notes.txt"):
        (folder / name).write_text(SETTINGS.replace("settings", name[0]))
    found = read(tmp_path, SETTINGS, "unused.yaml", files="objects")
    assert [one.name for one in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("0644", 420), ("0o644", 420), ("22:00", "22:00"), ("yes", True), ("2026-01-01", "2026-01-01"), ("1e3", 1000.0)],
)
def test_values_mean_what_they_mean_to_kubectl(tmp_path: Path, written: str, meant: object) -> None:
    (found,) = read(tmp_path, f"{SETTINGS}value: {written}\n")
    assert found.content["value"] == meant


def test_a_status_is_not_applied(tmp_path: Path) -> None:
    (found,) = read(tmp_path, f"{SETTINGS}status: {{phase: x}}\n")
    assert "status" not in found.content


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("kind: ConfigMap\nmetadata: {name: a}\n", 1, "`apiVersion` is missing"),
        (f"{SETTINGS}---\njust text\n", 5, "it is not a mapping"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", 1, "`metadata.name` is missing"),
        (f"{SETTINGS}kind: Secret\n", 4, "`kind` is given twice"),
        (f"{SETTINGS}data: [\n", 5, "this is not YAML"),
        (f"{SETTINGS}---\n{SETTINGS}", 5, "ConfigMap `settings` is given twice"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, resourceVersion: '7'}\n", 1, "metadata.resourceVersion"),
        (PLAYBOOK, 1, "is a Playbook of Underway"),
    ],
)
def test_what_is_no_manifest_is_told_with_file_and_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    (found,) = mistakes(tmp_path, text)
    assert (Path(found.path).name, found.line) == ("objects.yaml", line)
    assert says in found.message


def test_no_mistake_shows_what_is_secret(tmp_path: Path) -> None:
    for text in ("stringData: {password: TOPSECRET, password: TOPSECRET}", "stringData: {password: TOPSECRET"):
        for found in mistakes(tmp_path, f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{text}\n"):
            assert "TOPSECRET" not in found.render()


def test_a_manifest_does_not_show_its_content(tmp_path: Path) -> None:
    (found,) = read(tmp_path, f"{SETTINGS}data: {{password: TOPSECRET}}\n")
    assert "TOPSECRET" not in repr(found)


def test_a_digest_tells_nothing_of_a_secrets_values(tmp_path: Path) -> None:
    secret = SETTINGS.replace("ConfigMap", "Secret")
    (one,) = read(tmp_path, f"{secret}stringData: {{password: a}}\n")
    (other,) = read(tmp_path, f"{secret}stringData: {{password: b}}\n")
    (third,) = read(tmp_path, f"{secret}stringData: {{token: a}}\n")
    assert one.digest == other.digest != third.digest


def test_a_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, SETTINGS, files="nowhere.yaml")
    assert (Path(found.path).name, found.line, found.column) == ("playbook.yaml", 6, 23)
    assert "`nowhere.yaml` cannot be read" in found.message


def test_a_saved_playbook_finds_its_files_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(tmp_path, SETTINGS)
    document = load_filled(tmp_path / "playbook.yaml").document
    monkeypatch.chdir("/")
    (found,) = manifests_of(from_document(document, "plan.json"))
    assert found.name == "settings"
