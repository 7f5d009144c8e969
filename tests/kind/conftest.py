"""The kind suite runs on the cluster that tests/kind/up makes, and on no other.

Where it is not there, the tests are skipped, saying why. In CI (CI set and not empty) a missing cluster is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode adds no folder of tests

from kubernetes_cluster import REPOSITORY, kubectl, program, settled, snapshot, until, workers

CONTEXT = "kind-underway"


def reason_not_to_run() -> str | None:
    """Why the tests cannot run. None if the current context is the test cluster's and its API server answers."""
    try:
        kubectl = program("kubectl")
    except FileNotFoundError as lacking:
        return str(lacking)
    asked = [kubectl, "config", "current-context"]
    context = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    if context != CONTEXT:
        return f"the current context is {context!r}, not {CONTEXT!r}: tests/kind/up makes that cluster"
    asked = [kubectl, "get", "--raw=/readyz", "--request-timeout=10s"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return None if answer.returncode == 0 else f"the cluster does not answer ({answer.stderr.strip()}): tests/kind/up"


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    reason = reason_not_to_run()
    if reason and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture
def shop(cluster: None) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - it has to be there
    """What the shop looks like, whole; put right again afterwards whatever happened."""
    if not settled() or any("underway.dev" in str(node) for node in snapshot()["nodes"].values()):
        _put_right()
    yield snapshot()
    _put_right()


def _put_right() -> None:
    underway = Path(sys.executable).parent / "underway"
    subprocess.run([underway, "restore"], capture_output=True, check=False, timeout=120)
    for name in workers():
        kubectl("uncordon", name)
    until(settled, 120, "the shop is as its manifests have it")
