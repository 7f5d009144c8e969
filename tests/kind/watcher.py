"""Watches every state of the shop while something else is at work, and keeps what must never be.

It reads kubectl's own watch, not Underway's: every pod event in the server's order. After each, every budget's healthy
pods are counted anew.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

from kubernetes_cluster import NAMESPACE, items, program


class Watcher:
    """Use as a context manager; afterwards `violations` says what was wrong, `states` how many were looked at, and
    `left` how many pods have gone, those of DaemonSets aside.
    """

    def __init__(self, namespace: str = NAMESPACE, seen: Callable[[Any], object] = bool) -> None:
        """`seen` is told of every state of a pod that was not there when the watch began."""
        self._namespace = namespace
        self._seen = seen
        budgets = items("-n", namespace, "poddisruptionbudgets")
        # One whose app is scaled to 0 is below its number whatever anybody does.
        self._budgets = [
            found for found in budgets if found["status"]["currentHealthy"] >= found["status"]["desiredHealthy"]
        ]
        self._pods: dict[str, Any] = {}
        self._ready = threading.Event()
        self.violations: list[str] = []
        self.states = 0
        self.left = 0

    def __enter__(self) -> Self:
        self._known = {pod["metadata"]["uid"] for pod in items("-n", self._namespace, "pods")}
        arguments = ["get", "pods", "-n", self._namespace, "--watch", "--output-watch-events", "-o", "json"]
        self._process = subprocess.Popen([program("kubectl"), *arguments], stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        if not self._ready.wait(30):
            raise AssertionError("the watch did not begin")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _follow(self) -> None:
        for event in _events(self._process):
            pod = event["object"]
            uid = pod["metadata"]["uid"]
            if event["type"] == "DELETED":
                self._pods.pop(uid, None)
                self.left += all(owner["kind"] != "DaemonSet" for owner in pod["metadata"].get("ownerReferences", []))
            else:
                self._pods[uid] = pod
                if uid not in self._known:
                    self._seen(pod)
            if not self._ready.is_set():
                if not self._known <= self._pods.keys():
                    continue
                self._ready.set()
            self.states += 1
            self._judge(f"{event['type']} {pod['metadata']['name']}")

    def _judge(self, event: str) -> None:
        for budget in self._budgets:
            wanted = budget["spec"]["selector"]["matchLabels"].items()
            healthy = sum(_healthy(pod) for pod in self._pods.values() if wanted <= pod["metadata"]["labels"].items())
            # The number that the budget had asked for before anything was done.
            needed = budget["status"]["desiredHealthy"]
            if healthy < needed:
                self.violations.append(f"{budget['metadata']['name']}: {healthy} healthy of {needed}, at {event}")


def ready(pod: Any) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def _healthy(pod: Any) -> bool:
    return not pod["metadata"].get("deletionTimestamp") and ready(pod)


def _events(process: subprocess.Popen[str]) -> Iterator[Any]:
    """kubectl prints one event a line."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)
