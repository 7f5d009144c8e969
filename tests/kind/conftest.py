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
from kubernetes_cluster import (
    NAMESPACE,
    REPOSITORY,
    items,
    kubectl,
    program,
    settled,
    snapshot,
    until,
    until_settled,
    workers,
)

CONTEXT = "kind-underway"
MANIFESTS = ("-f", str(REPOSITORY / "manifests"), "-f", str(REPOSITORY / "tests" / "kind" / "polite.yaml"))
MARKED = "underway.dev/run"
_REFUSED = 4  # Underway's exit status where a run is alive


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
    if answer.returncode:
        return f"the cluster does not answer ({answer.stderr.strip()}): tests/kind/up"
    return _reason_not_open()


def _reason_not_open() -> str | None:
    """Why the shop cannot be tested on. What an interrupted session left is put right; a busy shop is waited for."""
    there = {found["metadata"]["name"] for found in items("-n", NAMESPACE, "deployments,statefulsets")}
    if lacking := {"web", "cart", "db"} - there:
        return f"the cluster lacks the shop's {', '.join(sorted(lacking))}: tests/kind/up applies manifests/"
    try:
        until_settled(30)
    except AssertionError:
        try:
            _put_right()
        except AssertionError as still:
            return f"the shop is not Ready: {still}"
    return None


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
    if not settled() or _marked():
        _put_right()
    yield snapshot()
    _put_right()


@pytest.fixture
def still(shop: dict[str, Any]) -> dict[str, Any]:
    """The shop with nothing on its way by itself, for tests that nothing at all changes. A Job whose pod has been
    evicted makes the next one after its own back-off, minutes perhaps: it is made anew.
    """
    if backing_off := [each for each in items("-n", NAMESPACE, "jobs") if _lacks_pods(each)]:
        kubectl("-n", NAMESPACE, "delete", "jobs", *(each["metadata"]["name"] for each in backing_off))
        kubectl("apply", *MANIFESTS)
    until(lambda: not any(map(_lacks_pods, items("-n", NAMESPACE, "jobs"))), 60, "the Jobs have their pods")
    return shop


def _lacks_pods(job: Any) -> bool:
    return bool(job["status"].get("ready", 0) < job["spec"]["parallelism"])


def _put_right() -> None:
    """The shop as its manifests have it, and no node cordoned or marked; also where Underway cannot restore.

    AssertionError if a run stays alive: it is somebody else's, at work on the same cluster, and nothing is touched.
    """
    until(_restored, 30, "no run of somebody else is at work on the cluster, nor one that was killed still seems to be")
    for name in workers():
        kubectl("uncordon", name)
    if _marked():
        _remove_marks()
    kubectl("apply", *MANIFESTS)
    until_settled(120)


def _restored() -> bool:
    underway = Path(sys.executable).parent / "underway"
    done = subprocess.run([underway, "restore"], capture_output=True, text=True, check=False, timeout=120)
    return done.returncode != _REFUSED


def _marked() -> bool:
    now = snapshot()
    return any(MARKED in str(now[part]) for part in ("nodes", "budgets", "pods", "workloads"))


def _remove_marks() -> None:
    for kind in (["nodes"], ["-n", NAMESPACE, "poddisruptionbudgets"]):
        for found in items(*kind):
            ours = [key for key in found["metadata"].get("annotations", {}) if key.startswith("underway.dev/")]
            if ours:
                kubectl("annotate", *kind, found["metadata"]["name"], *(f"{key}-" for key in ours))
    kubectl("taint", "nodes", "--all", "underway.dev/pending-", check=False)  # refused where no node has it
    kubectl("-n", NAMESPACE, "delete", "pods", "-l", MARKED)
