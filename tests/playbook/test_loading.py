"""A playbook is read as it looks: YAML 1.2, variables by their types, from a file, from standard input."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from underway.errors import PlaybookInvalidError
from underway.playbook.diagnostics import BrokenPlaybookError
from underway.playbook.load import load, load_text
from underway.playbook.models import Playbook

HEAD = "apiVersion: underway.dev/v1alpha1\nkind: Playbook\nmetadata: {name: test}\n"
WITH_VARIABLES = (
    HEAD
    + """spec:
  vars:
    version: {default: v1.34.4, pattern: 'v1\\.\\d+\\.\\d+'}
    count: {type: integer, default: 2}
    calm: {type: duration, default: 5s}
    clean: {type: boolean, default: false}
  steps:
    - name: to ${version} at $${version}
      scale: {workload: deployment/shop/web, to: '${count}'}
    - name: by ${count}
      nodes:
        select: {names: [worker]}
        drain: {settle: '${calm}', deleteEmptyDirData: '${clean}'}
"""
)
OF_LANGUAGE = Path(__file__).parent / "good" / "upgrade-workers.yaml"


def _with(tmp_path: Path, text: str, **sets: str) -> Playbook:
    path = tmp_path / "playbook.yaml"
    path.write_text(text)
    return load(path, sets=sets)


def _refused(tmp_path: Path, text: str, **sets: str) -> str:
    with pytest.raises(PlaybookInvalidError) as refused:
        _with(tmp_path, text, **sets)
    return refused.value.message


def _named(name: str) -> str | None:
    text = f"{HEAD}spec: {{steps: [{{name: {name}, soak: {{for: 1s}}}}]}}"
    return load_text(text.encode(), "named.yaml").spec.steps[0].name


def test_the_playbook_of_the_language_page_is_read() -> None:
    playbook = load(OF_LANGUAGE)
    nodes = playbook.spec.steps[1].nodes
    assert nodes is not None
    assert nodes.maintain is not None
    assert nodes.maintain.job is not None
    assert nodes.maintain.job.command[-1] == "install-kubelet v1.34.4"
    assert nodes.verify[0].node is not None
    assert nodes.verify[0].node.kubelet_version == "v1.34.4"


def test_the_shipped_playbooks_are_read() -> None:
    shipped = sorted((Path(__file__).parents[2] / "playbooks").glob("*.yaml"))
    assert shipped
    for path in shipped:
        assert load(path).spec.steps


@pytest.mark.parametrize("text", ["22:00", "on", "no", "yes", "off", "2026-11-23", "1_000", "0b1", "=", "1:2:3"])
def test_what_is_text_in_yaml_1_2_stays_text(text: str) -> None:
    assert _named(text) == text


@pytest.mark.parametrize(("text", "value"), [("017", 17), ("0o17", 15), ("0x11", 17), ("+17", 17)])
def test_numbers_are_those_of_yaml_1_2(text: str, value: int) -> None:
    step = f"{{scale: {{workload: deployment/shop/web, to: {text}}}}}"
    scale = load_text(f"{HEAD}spec: {{steps: [{step}]}}".encode(), "scale.yaml").spec.steps[0].scale
    assert scale is not None
    assert scale.to == value


def test_an_alias_stands_for_its_value() -> None:
    text = f"{HEAD}spec: {{steps: [{{soak: &rest {{for: 5s}}}}, {{soak: *rest}}]}}"
    first, second = load_text(text.encode(), "alias.yaml").spec.steps
    assert first.soak == second.soak


def test_a_byte_order_mark_shifts_no_column() -> None:
    with pytest.raises(BrokenPlaybookError) as refused:
        load_text(b"\xef\xbb\xbfapiversion: 1\n", "bom.yaml")
    assert (1, 1) in {(found.line, found.column) for found in refused.value.diagnostics}


def test_variables_have_their_types(tmp_path: Path) -> None:
    first, second = _with(tmp_path, WITH_VARIABLES, count="5", clean="true").spec.steps
    assert first.name == "to v1.34.4 at ${version}"
    assert first.scale is not None
    assert first.scale.to == 5
    assert second.name == "by 5"
    assert second.nodes is not None
    assert second.nodes.drain.settle == timedelta(seconds=5)
    assert second.nodes.drain.delete_empty_dir_data is True


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("verison", "v1.2.3", "did you mean `version`?"),
        ("version", "latest", "does not match its pattern"),
        ("version", "v1.2.3\n", "does not match its pattern"),
        ("count", "many", "is not of type integer"),
        ("count", "${count}", "is not of type integer"),
        ("clean", "yes", "is not of type boolean"),
        ("calm", "5", "duration"),
    ],
)
def test_a_wrong_value_for_a_variable_is_refused(tmp_path: Path, name: str, value: str, said: str) -> None:
    assert said in _refused(tmp_path, WITH_VARIABLES, **{name: value})


def test_a_value_is_not_filled_in_again(tmp_path: Path) -> None:
    text = HEAD + "spec:\n  vars: {a: {}, b: {default: x}}\n  steps:\n    - {name: 'is ${a}', soak: {for: 1s}}\n"
    assert _with(tmp_path, text, a="${b}").spec.steps[0].name == "is ${b}"


def test_a_set_value_wins_over_a_file_and_a_later_file_over_an_earlier(tmp_path: Path) -> None:
    (tmp_path / "playbook.yaml").write_text(WITH_VARIABLES)
    (tmp_path / "first.yaml").write_text("{version: v1.1.1, count: 3, calm: 7s}")
    (tmp_path / "second.yaml").write_text("{version: v1.2.2, count: 4}")
    files = [tmp_path / "first.yaml", tmp_path / "second.yaml"]
    first, second = load(tmp_path / "playbook.yaml", sets={"count": "9"}, vars_files=files).spec.steps
    assert first.name == "to v1.2.2 at ${version}"
    assert second.name == "by 9"


@pytest.mark.parametrize("text", ["", "- a\n", "a: 1\na: 2\n", "\0", "a: [", "nobody: 1\n"])
def test_a_broken_file_of_variables_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "playbook.yaml").write_text(WITH_VARIABLES)
    (tmp_path / "given.yaml").write_text(text)
    with pytest.raises(BrokenPlaybookError):
        load(tmp_path / "playbook.yaml", vars_files=[tmp_path / "given.yaml"])


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(WITH_VARIABLES.encode())))
    assert len(load(Path("-")).spec.steps) == 2


@pytest.mark.parametrize("name", [".", "missing.yaml", "a\0b"])
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(BrokenPlaybookError, match="cannot be read"):
        load(tmp_path / name)


def _underway(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "underway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)


def test_validate_checks_every_file_and_tells_every_mistake(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(WITH_VARIABLES)
    (tmp_path / "bad.yaml").write_text("kind: Playbook\n")
    done = _underway("validate", "bad.yaml", "good.yaml", "missing.yaml", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stdout == "good.yaml: ok (2 steps)\n"
    assert "`spec` is missing" in done.stderr
    assert "missing.yaml:1:1: " in done.stderr


def test_validate_as_json_names_every_place(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(HEAD + "spec: {steps: [{sock: {for: 1s}}]}\n")
    done = _underway("validate", "-o", "json", "bad.yaml", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 3
    assert found["valid"] is False
    assert found["diagnostics"][0] | {"snippet": ""} == {
        "file": "bad.yaml",
        "line": 4,
        "column": 17,
        "message": "`sock` is not known here",
        "hint": "did you mean `soak`?",
        "snippet": "",
    }


def test_the_schema_is_json_schema_with_an_id_and_patterned_durations(tmp_path: Path) -> None:
    done = _underway("schema", cwd=tmp_path)
    schema = json.loads(done.stdout)
    assert done.returncode == 0
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"]
    assert "pattern" in json.dumps(schema["$defs"]["SoakStep"]["properties"]["for"])
