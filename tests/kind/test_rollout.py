"""A Deployment to another version on the real cluster: nothing lost, and what is bad is found and undone."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest
from kubernetes_cluster import NAMESPACE, REPOSITORY, get, items, kubectl, program, snapshot, until, until_settled
from load_generator import Load
from release import release
from underway_cli import Ended, underway
from watcher import Watcher

_REVISION = "deployment.kubernetes.io/revision"


def run(image: str, **fields: Any) -> Ended:
    return underway("run", release(image, **fields), "--yes", "-o", "json")


def web_pods() -> set[str]:
    return {pod["metadata"]["name"] for pod in items("-n", NAMESPACE, "pods", "-l", "app=web")}


def as_before() -> dict[str, Any]:
    """Everything but what passes by itself and the conditions' and controllers' own bookkeeping of revisions."""
    now = snapshot()
    for found in now["workloads"].values():
        found["annotations"] = {
            key: value
            for key, value in (found["annotations"] or {}).items()
            if not key.startswith("deployment.kubernetes.io/")
        }
    return now


def revisions() -> list[tuple[str, int, int]]:
    """The ReplicaSets of web: image, replicas, revision; the oldest first."""
    found = [
        (
            one["spec"]["template"]["spec"]["containers"][0]["image"],
            one["spec"]["replicas"],
            int(one["metadata"]["annotations"][_REVISION]),
        )
        for one in items("-n", NAMESPACE, "replicasets", "-l", "app=web")
    ]
    return sorted(found, key=lambda one: one[2])


class Endpoints:
    """The pods that have ever been ready endpoints of web's Service while this was entered."""

    def __enter__(self) -> Self:
        self.seen: set[str] = set()
        arguments = ["get", "endpointslices", "-n", NAMESPACE, "-l", "kubernetes.io/service-name=web", "-o", "json"]
        self._process = subprocess.Popen([program("kubectl"), *arguments, "--watch"], stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        until(lambda: self.seen, 30, "the watch of the endpoints has begun")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _follow(self) -> None:
        decoder, text = json.JSONDecoder(), ""
        for line in self._process.stdout or ():
            text += line
            try:
                found, end = decoder.raw_decode(text)
            except ValueError:
                continue
            text = text[end:].lstrip()
            for endpoint in found.get("endpoints") or ():
                if endpoint["conditions"].get("ready"):
                    self.seen.add(endpoint["targetRef"]["name"])


@contextmanager
def meanwhile(act: Callable[[], None], every: float) -> Iterator[None]:
    """Do something again and again beside what is tested."""
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(every):
            act()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def test_a_new_version_loses_no_request_and_the_old_one_is_in_the_history(shop: dict[str, Any]) -> None:  # noqa: ARG001
    before = revisions()
    with Watcher() as watcher, Load("web", "cart") as load:
        ended = run("2", soak="1s")
    assert ended.status == 0, ended.stderr
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    receipt = ended.receipt
    assert (receipt["podsMoved"], receipt["handedOff"]) == (3, 3)
    assert [found["outcome"] for found in receipt["workloads"]] == ["done"]
    newest = before[-1][2] + 1
    kept = [(image, 0, number) for image, _, number in before if image != "underway/shop:2"]
    now = revisions()
    assert now[-1] == ("underway/shop:2", 3, newest)
    # the same image may be there with other templates
    assert [found for found in now if found[0] != "underway/shop:2"] == kept
    until_settled(60)
    assert "underway.dev/run" not in json.dumps(snapshot()["workloads"])
    kubectl("-n", NAMESPACE, "rollout", "undo", "deployment/web")
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=60s")
    assert revisions()[-1][0] == "underway/shop:1"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("crash", "CrashLoopBackOff"),
        ("does-not-exist", "ImagePullBackOff"),
        ("unready", "not Ready"),
    ],
)
def test_a_bad_version_is_found_and_undone_and_was_never_in_the_service(
    image: str, said: str, shop: dict[str, Any]
) -> None:
    del shop
    before, pods = as_before(), web_pods()
    with Watcher() as watcher, Load("web", "cart") as load, Endpoints() as endpoints:
        ended = run(image)
    assert ended.status == 5, (ended.stdout, ended.stderr)
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    receipt = ended.receipt
    assert said in receipt["reason"]
    evidence = receipt["evidence"][0]
    assert evidence["events"]
    assert image != "crash" or "panic: no such table: orders" in evidence["log"]
    assert receipt["workloads"][0]["outcome"] == "restored"
    assert receipt["workloads"][0]["backSeconds"] < 1
    assert endpoints.seen <= pods
    until_settled(60)
    now = as_before()
    assert now == before, [
        (k, a, now[k].get(a), before[k].get(a))
        for k in now
        if isinstance(now[k], dict)
        for a in now[k]
        if now[k][a] != before[k].get(a)
    ] + [sorted(set(now["pods"]) ^ set(before["pods"]))]
    assert web_pods() == pods


def test_a_version_that_answers_with_errors_is_found_by_a_gate_and_the_receipt_says_how_many_met_it(
    shop: dict[str, Any],
) -> None:
    del shop
    before, pods = as_before(), web_pods()
    with Watcher() as watcher, Load("web", "cart") as load:
        ended = run("flaky", soak="5s")
    assert ended.status == 5, (ended.stdout, ended.stderr)
    assert watcher.violations == []
    assert load.counted["cart"].lost == 0
    receipt = ended.receipt
    assert receipt["probes"][0]["lost"] > 0
    assert receipt["workloads"][0]["backSeconds"] < 1
    # two in ten of the half that met it, until it was found and every proxy knew: far from a rollout's length
    assert load.counted["web"].lost < 0.05 * load.counted["web"].sent
    until_settled(60)
    now = as_before()
    assert now == before, [
        (k, a, now[k].get(a), before[k].get(a))
        for k in now
        if isinstance(now[k], dict)
        for a in now[k]
        if now[k][a] != before[k].get(a)
    ] + [sorted(set(now["pods"]) ^ set(before["pods"]))]
    assert web_pods() == pods


def test_someone_who_applies_the_manifests_again_and_again_does_no_harm(shop: dict[str, Any]) -> None:
    del shop
    before, manifest = as_before(), str(REPOSITORY / "manifests" / "shop.yaml")
    with (
        Watcher() as watcher,
        Load("web", "cart") as load,
        meanwhile(lambda: kubectl("apply", "-f", manifest), every=1),
    ):
        ended = run("2")
    assert ended.status == 5, (ended.stdout, ended.stderr)
    assert "somebody else has put the previous template back" in ended.receipt["reason"]
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    until_settled(60)
    now = as_before()
    assert now == before, [
        (k, a, now[k].get(a), before[k].get(a))
        for k in now
        if isinstance(now[k], dict)
        for a in now[k]
        if now[k][a] != before[k].get(a)
    ] + [sorted(set(now["pods"]) ^ set(before["pods"]))]


def test_a_second_deployment_behind_the_service_is_left_alone(shop: dict[str, Any]) -> None:
    del shop
    web = get("-n", NAMESPACE, "deployment", "web")
    template = web["spec"]["template"]
    template["metadata"]["labels"] |= {"app": "web", "track": "canary"}
    canary = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web-canary", "namespace": NAMESPACE},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web", "track": "canary"}}, "template": template},
    }
    subprocess.run([program("kubectl"), "apply", "-f", "-"], input=json.dumps(canary), text=True, check=True)
    try:
        kubectl("-n", NAMESPACE, "rollout", "status", "deployment/web-canary", "--timeout=60s")
        canaries = {pod["metadata"]["uid"] for pod in items("-n", NAMESPACE, "pods", "-l", "track=canary")}
        with Load("web") as load:
            ended = run("2")
        assert ended.status == 0, ended.stderr
        assert load.lost == 0, load.counted
        assert {pod["metadata"]["uid"] for pod in items("-n", NAMESPACE, "pods", "-l", "track=canary")} == canaries
    finally:
        kubectl("-n", NAMESPACE, "delete", "deployment", "web-canary", "--wait=false")


def test_a_quota_that_allows_one_more_pod_makes_batches_of_one(shop: dict[str, Any]) -> None:
    del shop
    # one that an earlier test has left, and that is still terminating, counts too
    until(lambda: not any("deletionTimestamp" in pod["metadata"] for pod in items("-n", NAMESPACE, "pods")), 90, "gone")
    pods = [pod for pod in items("-n", NAMESPACE, "pods") if pod["status"]["phase"] in ("Pending", "Running")]
    kubectl("-n", NAMESPACE, "create", "quota", "small", f"--hard=pods={len(pods) + 1}")
    try:
        with Watcher() as watcher, Load("web") as load:
            ended = run("2")
        assert ended.status == 0, ended.stderr
        assert "1 of 3 at a time: resourcequota/shop/small allows no more" in ended.receipt["remarks"][0]
        assert load.lost == 0, load.counted
        assert watcher.violations == []
    finally:
        kubectl("-n", NAMESPACE, "delete", "quota", "small")


def test_an_autoscaler_may_scale_in_the_middle_of_it(shop: dict[str, Any]) -> None:
    del shop
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 4,
            "maxReplicas": 6,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
        },
    }
    try:
        with Watcher() as watcher, Load("web") as load:
            subprocess.run(
                [program("kubectl"), "apply", "-f", "-"], input=json.dumps(autoscaler), text=True, check=True
            )
            ended = run("2", soak="15s")  # it looks every 15 s
        assert ended.status == 0, ended.stderr
        assert load.lost == 0, load.counted
        assert watcher.violations == []
        assert revisions()[-1][:2] == ("underway/shop:2", 4)
        until_settled(60)
    finally:
        kubectl("-n", NAMESPACE, "delete", "hpa", "web")
