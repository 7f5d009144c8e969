"""The verbs beside `nodes`, `rollout` and `apply` on the real cluster: what each is for, and no request lost."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from kubernetes_cluster import NAMESPACE, get, kubectl, program, snapshot, until, until_settled
from load_generator import Load
from underway_cli import UNDERWAY, underway
from verbs import playbook, run
from watcher import Watcher

_JOB = {"image": "underway/shop:1", "args": ["sleep", "1s", "migrated"], "namespace": NAMESPACE, "timeout": "1m"}


def test_what_is_scaled_is_put_back_and_the_pod_too_many_leaves_unnoticed(shop: dict[str, Any]) -> None:
    before = shop
    with Watcher() as watcher, Load("web", "cart") as load:
        for _ in range(2):
            scale = {
                "scale": {"workload": "deployment/shop/web", "by": 1},
                "after": [{"service": {"name": "shop/web", "minReady": 4}}],
            }
            ended = run(scale)
            assert ended.status == 0, (ended.stdout, ended.stderr)
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    until_settled(60)
    assert snapshot() == before


def test_where_an_autoscaler_decides_its_floor_is_raised_and_put_back(shop: dict[str, Any]) -> None:
    before = shop
    kubectl("-n", NAMESPACE, "autoscale", "deployment", "web", "--min=3", "--max=3")
    try:
        bounds = get("-n", NAMESPACE, "hpa", "web")["spec"]
        scale = {"scale": {"workload": "deployment/shop/web", "by": 1}}
        # it looks every 15 s, and would take the fourth away
        gate = {"service": {"name": "shop/web", "minReady": 4}, "for": "20s", "timeout": "60s"}
        with Watcher() as watcher, Load("web") as load:
            ended = run({**scale, "after": [gate]})
        assert ended.status == 0, (ended.stdout, ended.stderr)
        assert load.lost == 0, load.counted
        assert watcher.violations == []
        found = get("-n", NAMESPACE, "hpa", "web")
        assert found["spec"] == bounds
        assert not any("underway" in key for key in found["metadata"].get("annotations", {}))
    finally:
        kubectl("-n", NAMESPACE, "delete", "hpa", "web")
    until_settled(60)
    assert snapshot() == before


def test_a_job_runs_to_its_end_and_one_that_fails_says_why(shop: dict[str, Any]) -> None:
    before = shop
    ended = run({"job": _JOB})
    assert ended.status == 0, (ended.stdout, ended.stderr)
    failed = run({"job": {**_JOB, "args": ["sleep", "no-duration"]}})
    assert failed.status == 5, (failed.stdout, failed.stderr)
    assert "no-duration" in failed.receipt["reason"]
    until(lambda: snapshot()["jobs"] == before["jobs"], 30, "the Jobs are gone")


def test_a_run_waits_until_it_is_approved_from_another_terminal(shop: dict[str, Any]) -> None:
    del shop
    file = playbook({"approve": {"timeout": "1m"}}, {"job": _JOB})
    command = [UNDERWAY, "run", file, "--yes", "-o", "json"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(_awaiting, 30, "the run waits for approval")
        name = _awaiting()
        approved = underway("approve", name)
        assert approved.status == 0, approved.stderr
        assert "step 1" in approved.stdout
    finally:
        stdout, stderr = running.communicate(timeout=90)
    assert running.returncode == 0, stderr
    assert json.loads(stdout.splitlines()[-1])["outcome"] == "done"
    assert underway("approve", name).status == 2


def _awaiting() -> str:
    """The run whose Lease says that it waits for approval."""
    asked = [program("kubectl"), "-n", "default", "get", "leases", "-l", "underway.dev/run", "-o", "json"]
    found = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)["items"]
    for lease in found:
        if "underway.dev/awaiting-approval" in lease["metadata"].get("annotations", {}):
            return str(lease["metadata"]["labels"]["underway.dev/run"])
    return ""
