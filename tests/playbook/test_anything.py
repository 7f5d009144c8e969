"""Whatever the bytes are: a playbook or its mistakes, each at a place inside the file, and never a traceback."""

from __future__ import annotations

import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from underway.playbook.diagnostics import BrokenPlaybookError, Diagnostic
from underway.playbook.document import lines_of
from underway.playbook.load import load_text

VALID = """\
apiVersion: underway.dev/v1alpha1
kind: Playbook
metadata: {name: upgrade-workers}
spec:
  vars:
    version: {type: string, default: v1.34.4, pattern: 'v1\\.\\d+\\.\\d+'}
    patience: {type: duration, default: 5m}
  guards:
    - name: storefront
      http: {url: http://127.0.0.1:30080/, every: 50ms, timeout: 2s, lost: 0}
    - service: {name: shop/web, minReady: 2}
  steps:
    - name: more room
      scale: {workload: deployment/shop/web, by: 1, restore: end}
    - nodes:
        select: {labels: '!node-role.kubernetes.io/control-plane', except: [worker-3]}
        maxUnavailable: 25%
        drain: {strategy: auto, settle: 3s, timeout: 10m, gracePeriod: 30s}
        maintain:
          job: {image: 'registry.k8s.io/kube-proxy:v1.34.4', command: ['install ${version}'], timeout: '${patience}'}
        verify:
          - node: {kubeletVersion: '${version}', ready: 10s}
    - soak: {for: 1m}
"""
SHIPPED = Path(__file__).parents[2] / "playbooks" / "maintain-workers.yaml"
ORIGINALS = [VALID.splitlines(), SHIPPED.read_text(encoding="utf-8").splitlines()]
SCALARS = st.one_of(
    st.sampled_from(
        ["", "~", "true", "-1", "0", "1e999", "${x}", "${", "$${x}", "*a", "&a", "!t", "[", "{", "'", "|", "%"]
    ),
    st.text(max_size=12),
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(
    ["apiVersion", "kind", "metadata", "spec", "vars", "guards", "steps", "nodes", "http", "name", "for"]
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5)
)
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
PATIENT = settings(max_examples=80)


def _mistakes(data: bytes) -> list[Diagnostic]:
    try:
        load_text(data, "any.yaml")
    except BrokenPlaybookError as error:
        return error.diagnostics
    return []


def _is_told(data: bytes) -> None:
    lines = lines_of(data)
    for found in _mistakes(data):
        assert 1 <= found.line <= len(lines), found
        assert 1 <= found.column <= len(lines[found.line - 1]) + 1, found
        assert not STEERING & {unicodedata.category(sign) for sign in found.render().replace("\n", "")}, found


def test_the_playbook_that_is_mutated_is_valid() -> None:
    assert len(load_text(VALID.encode(), "valid.yaml").spec.steps) == 3


@PATIENT
@given(st.binary(max_size=300))
def test_any_bytes_are_told(data: bytes) -> None:
    _is_told(data)


@PATIENT
@given(st.text(max_size=300))
def test_any_text_is_told(text: str) -> None:
    _is_told(text.encode("utf-8", errors="surrogatepass"))


@PATIENT
@given(TREES)
def test_any_tree_is_told(tree: object) -> None:
    _is_told(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", errors="surrogatepass"))


@PATIENT
@given(st.dictionaries(st.sampled_from(["vars", "guards", "steps", "onFailure"]), TREES))
def test_any_spec_is_told(spec: object) -> None:
    tree = {"apiVersion": "underway.dev/v1alpha1", "kind": "Playbook", "metadata": {"name": "any"}, "spec": spec}
    _is_told(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", errors="surrogatepass"))


@PATIENT
@given(st.data())
def test_any_mutation_of_a_playbook_is_told(data: st.DataObject) -> None:
    lines = list(data.draw(st.sampled_from(ORIGINALS)))
    for _ in range(data.draw(st.integers(1, 3))):
        here, there = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["delete", "duplicate", "swap", "scalar", "cut", "sign", "indent"])):
            case "delete" if len(lines) > 1:
                del lines[here]
            case "duplicate":
                lines.insert(there, lines[here])
            case "swap":
                lines[here], lines[there] = lines[there], lines[here]
            case "scalar":
                key, colon, _ = lines[here].rpartition(": ")
                lines[here] = f"{key}{colon}{data.draw(SCALARS)}"
            case "sign":
                at = data.draw(st.integers(0, len(lines[here])))
                lines[here] = lines[here][:at] + data.draw(st.characters()) + lines[here][at:]
            case "indent":
                lines[here] = data.draw(st.sampled_from(["", " ", "  ", "\t", "- "])) + lines[here].lstrip()
            case _:
                lines[here] = lines[here][: data.draw(st.integers(0, len(lines[here])))]
    _is_told("\n".join(lines).encode("utf-8", errors="surrogatepass"))


def _bomb() -> bytes:
    levels = (f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12))
    return ("a0: &a0 [x]\n" + "".join(levels)).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"key: value\n" * 1_000_000, "too large", id="ten-megabytes"),
        pytest.param(_bomb(), "grows too large", id="bomb"),
        pytest.param(bytes(range(256)) * 1000, "not text", id="binary"),
        pytest.param(b"\x7fELF" + b"\0" * 1000, "not text", id="zeros"),
        pytest.param(b"[" * 250_000, "nested too deeply", id="brackets"),
        pytest.param(b"- " * 125_000, "nested too deeply", id="dashes"),
        pytest.param(b"a: [" + b"x," * 125_000 + b"]", "grows too large", id="a-long-list"),
        pytest.param(b'spec: {steps: "' + b"${" * 30_000 + b'"}', "is missing", id="uses-without-end"),
        pytest.param(b"spec: {steps: [{soak: {for: " + b"1" * 60_000 + b"}}]}", "is missing", id="digits"),
        pytest.param(b"", "is empty", id="nothing"),
    ],
)
def test_no_playbook_takes_long_to_be_refused(data: bytes, said: str, tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_bytes(data)
    command = [sys.executable, "-m", "underway", "validate", str(playbook)]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begun < 10  # two seconds on a machine that has nothing else to do
