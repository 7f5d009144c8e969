"""A run that is paused from another terminal finishes what is in flight, waits, and goes on when it is told to."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from kubernetes_cluster import items, snapshot, until, until_settled
from load_generator import Load
from underway_cli import MAINTAIN, UNDERWAY, underway

_HANDOFF = 40.0
"""Seconds: what is in flight has come to where no pod is in between by then."""
_STILL = 5.0


def _statuses() -> list[Any]:
    found: list[Any] = json.loads(underway("status", "-o", "json").stdout)
    return found


def _in_between() -> bool:
    pods = items("-A", "pods", "-l", "underway.dev/run")
    return any("underway.dev/stage" in found["metadata"].get("annotations", {}) for found in pods)


def _changed() -> tuple[Any, ...]:
    """What a run changes; the Job on a node that is being maintained comes to its end by itself."""
    nodes = [(found["metadata"]["annotations"], found["spec"]) for found in items("nodes")]
    return json.dumps(nodes), sorted(found["metadata"]["uid"] for found in items("-n", "shop", "pods"))


def test_a_paused_run_waits_and_goes_on(shop: dict[str, Any]) -> None:
    with Load("web", "cart") as load:
        running = subprocess.Popen(
            [UNDERWAY, "run", MAINTAIN, "--yes", "-q"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until(_in_between, 30, "a pod is being handed off")
            run = _statuses()[0]["run"]
            paused = underway("pause", run)
            assert paused.status == 0, paused.stderr
            until(lambda: not _in_between(), _HANDOFF, "no pod is in between")
            time.sleep(1)
            before = _changed()
            time.sleep(_STILL)
            assert _changed() == before
            (told,) = _statuses()
            assert told["phase"] == "paused"
            assert underway("pause", run).stdout.startswith(f"run {run} is paused already")
            assert underway("resume", run).status == 0
        finally:
            _, stderr = running.communicate(timeout=150)
    assert running.returncode == 0, stderr
    assert load.lost == 0, load.counted
    until_settled(60)
    assert snapshot() == shop


def test_of_a_run_that_has_died_resume_says_what_to_do_instead(shop: dict[str, Any]) -> None:
    running = subprocess.Popen([UNDERWAY, "run", MAINTAIN, "--yes", "-q"], stdin=subprocess.DEVNULL)
    until(lambda: snapshot()["nodes"] != shop["nodes"], 30, "the run has changed a node")
    running.kill()
    running.wait()
    run = _statuses()[0]["run"]
    until(lambda: _statuses()[0]["phase"] == "abandoned", 40, "its Lease has run out")
    refused = underway("resume", run)
    assert refused.status == 4
    assert f"underway restore {run}" in " ".join(refused.stderr.split())
    assert f"underway run {MAINTAIN}" in " ".join(refused.stderr.split())
    assert underway("restore", run).status == 0
    until_settled(150)
    assert snapshot() == shop
