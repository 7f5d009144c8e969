"""What is no playbook at all ends soon and with words: folders, devices, pipes. And what the command line gives."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from underway.playbook.load import load
from underway.playbook.models import VERBS

GOOD = Path(__file__).parent / "good" / "upgrade-workers.yaml"
TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}


def _underway(*arguments: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "underway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **streams)


def _source(kind: str, folder: Path) -> Path:
    source = folder / kind
    match kind:
        case "folder":
            source.mkdir()
        case "pipe":
            os.mkfifo(source)
        case "loop":
            source.symlink_to(source)
        case device if device.startswith("/dev/"):
            return Path(device)
    return source


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("folder", "cannot be read: it is a directory"),
        ("missing", "cannot be read: no such file or directory"),
        ("pipe", "cannot be read: it is a pipe that nobody writes to"),
        ("loop", "cannot be read: too many levels of symbolic links"),
        ("/dev/zero", "this is too large"),
        ("/dev/urandom", "this is too large"),
        ("/dev/null", "this is empty"),
    ],
)
def test_what_is_no_file_is_refused_soon(kind: str, said: str, tmp_path: Path) -> None:
    begun = time.monotonic()
    done = _underway("validate", str(_source(kind, tmp_path)))
    assert done.returncode == 3
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begun < 10  # two seconds on a machine that has nothing else to do


def test_a_pipe_is_read_however_late_its_writer_writes(tmp_path: Path) -> None:
    pipe = _source("pipe", tmp_path)

    def write() -> None:
        with pipe.open("wb") as end:
            time.sleep(1)
            end.write(GOOD.read_bytes())

    writer = threading.Thread(target=write)
    writer.start()
    assert len(load(pipe).spec.steps) == 3
    writer.join()


def test_a_set_variable_has_to_fit_its_pattern() -> None:
    fits = _underway("validate", str(GOOD), "--set", "version=v1.35.0")
    assert (fits.returncode, fits.stdout) == (0, f"{GOOD}: ok (3 steps)\n")
    fails = _underway("validate", str(GOOD), "--set", "version=latest")
    assert fails.returncode == 3
    assert "variable `version`, from --set: `latest` does not match" in fails.stderr


def test_a_file_of_variables_is_named_where_one_does_not_fit(tmp_path: Path) -> None:
    given = tmp_path / "given.yaml"
    given.write_text("version: v1.35.0\n")
    assert _underway("validate", str(GOOD), "--vars", str(given)).returncode == 0
    given.write_text("version: 1.35\n")
    done = _underway("validate", str(GOOD), "--vars", str(given))
    assert done.returncode == 3
    assert f"from --vars {given}: `1.35` is not text" in done.stderr


def test_a_variable_without_a_value_is_a_mistake_of_usage() -> None:
    assert _underway("validate", str(GOOD), "--set", "version").returncode == 2


def test_valid_playbooks_are_valid_as_json_too() -> None:
    done = _underway("validate", "-o", "json", str(GOOD))
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"valid": True, "diagnostics": []}


def test_the_schema_is_whole_and_has_the_language_s_keys() -> None:
    schema = json.loads(_underway("schema").stdout)
    definitions = schema["$defs"]
    assert set(schema["required"]) == {"apiVersion", "kind", "metadata", "spec"}
    assert definitions["Spec"]["properties"].keys() == {"vars", "guards", "steps", "onFailure"}
    common = {"name", "before", "during", "after", "timeout", "onFailure"}
    assert definitions["Step"]["properties"].keys() == {*VERBS, *common}
    for part in _parts(schema):
        kinds = part.get("type", [])
        assert {kinds} <= TYPES if isinstance(kinds, str) else set(kinds) <= TYPES
        assert "$ref" not in part or part["$ref"].removeprefix("#/$defs/") in definitions
        assert re.compile(part.get("pattern", ""))
        assert part.keys().isdisjoint({"properties"}) or part.get("additionalProperties") is False


def _parts(schema: Any) -> list[dict[str, Any]]:
    """All schemas inside this one, and itself."""
    found = [schema]
    for key in ("properties", "$defs"):
        found += [part for inner in schema.get(key, {}).values() for part in _parts(inner)]
    for key in ("anyOf", "oneOf"):
        found += [part for inner in schema.get(key, []) for part in _parts(inner)]
    for key in ("items", "additionalProperties"):
        found += _parts(schema[key]) if isinstance(schema.get(key), dict) else []
    return found
