"""Stopped or killed at any moment: the cluster is as before within a minute, and no request is lost."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes_cluster import snapshot, unsettled, until, until_settled
from load_generator import Load
from underway_cli import MAINTAIN, UNDERWAY, stopped, stopped_after, underway
from watcher import Watcher, ready

# over the first node and well into the second: checking, cordon, detach, warm-up, withdraw, settle, evict, maintain
MOMENTS = (0.7, 1.3, 2.0, 4.0, 7.0, 8.5, 10.5, 13.0, 16.0, 21.0)
_MINUTE = 60.0
_CHARGED = 150.0
"""The disruption controller's DeletionTimeout of two minutes, and what it takes to act on it: see `unsettled`."""


def _runs(pod: Any) -> bool:
    return bool(pod["status"]["phase"] == "Running")


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_puts_everything_back(shop: dict[str, Any], moment: float) -> None:
    with Watcher() as watcher, Load("web", "cart") as load:
        stopping = time.monotonic() + moment
        ended = stopped_after(moment, signal.SIGINT, "run", MAINTAIN, "--yes")
        until_settled(_MINUTE)
        assert snapshot() == shop
        assert time.monotonic() - stopping < _MINUTE
    assert ended.status == 130, ended.stderr
    assert load.lost == 0, load.counted
    assert watcher.violations == []


@pytest.mark.parametrize(
    ("sign", "later"), [(_runs, 4.3), (_runs, 4.8), (ready, 0.0)], ids=["soon", "at any moment", "just now"]
)
def test_ctrl_c_as_a_replacement_becomes_ready_loses_nothing(
    shop: dict[str, Any], sign: Callable[[Any], bool], later: float
) -> None:
    """It is about to get requests, or just does, while its ReplicaSet is given the old pod back."""
    signed = threading.Event()

    def look(pod: Any) -> None:
        if pod["metadata"]["labels"].get("app") == "web" and sign(pod):
            signed.set()

    def wait() -> None:
        assert signed.wait(60)
        time.sleep(later)

    with Watcher(seen=look) as watcher, Load("web", "cart") as load:
        ended = stopped(wait, signal.SIGINT, "run", MAINTAIN, "--yes")
        until_settled(_MINUTE)
        assert snapshot() == shop
    assert ended.status == 130, ended.stderr
    assert load.lost == 0, load.counted
    assert watcher.violations == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_after_kill_restore_puts_everything_back_without_the_journal(
    shop: dict[str, Any], moment: float, tmp_path: Any
) -> None:
    with Watcher() as watcher, Load("web", "cart") as load:
        killed = stopped_after(moment, signal.SIGKILL, "run", MAINTAIN, "--yes")
        restoring = time.monotonic()
        restored = underway("restore", XDG_STATE_HOME=str(tmp_path))
        assert restored.status == 0, (restored.stdout, restored.stderr)
        until(lambda: not unsettled(charged=False), _MINUTE, "all but budgets charged for a cut-off eviction settled")
        assert time.monotonic() - restoring < _MINUTE
        until_settled(_CHARGED)
        assert snapshot() == shop
    assert killed.status == -signal.SIGKILL
    assert load.lost == 0, load.counted
    assert watcher.violations == []


def test_a_living_run_is_not_restored_by_another(shop: dict[str, Any]) -> None:
    with Load("web", "cart") as load:
        running = subprocess.Popen(
            [UNDERWAY, "run", MAINTAIN, "--yes", "-q"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until(lambda: snapshot()["nodes"] != shop["nodes"], 30, "the run has changed a node")
            refused = underway("restore")
        finally:
            _, stderr = running.communicate(timeout=120)
    assert refused.status == 4, refused.stderr
    assert "is alive" in refused.stdout
    assert running.returncode == 0, stderr
    assert load.lost == 0, load.counted
    until_settled(60)
    assert snapshot() == shop
