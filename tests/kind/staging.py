"""Setting a scene on the test cluster: manifests in a few words, a namespace of their own, an otherwise empty stage.

Every app is the shop's image: it warms up for `warm_up`, answers at port 8080, and exits at once on SIGTERM.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubernetes_cluster import NAMESPACE, items, kubectl, reset_shop, until, until_settled, workers

Manifest = dict[str, Any]

_IMAGE = {"image": "underway/shop:1", "imagePullPolicy": "IfNotPresent"}
_LIST = {"apiVersion": "v1", "kind": "List"}
_APART = 1.2
"""Seconds from one replica to the next: measured, a pod that starts alone runs after 0.8 to 1.3 s, rarely 2 s."""
_REQUESTS = {"requests": {"cpu": "5m", "memory": "8Mi"}}


def serving(warm_up: str = "4s", *, polite: bool = False) -> dict[str, Any]:
    """A container that is Ready once it has warmed up. Polite: goes on serving for 5 s when it is asked to stop."""
    manners = {"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}} if polite else {}
    return {
        "name": "app",
        **_IMAGE,
        "args": ["-warmup", warm_up, *(["-graceful"] if polite else [])],
        "resources": _REQUESTS,
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
        **manners,
    }


def plain() -> dict[str, Any]:
    """A container without a readiness probe: Ready as soon as it runs."""
    return {"name": "app", **_IMAGE, "resources": _REQUESTS}


def sleeping(seconds: int) -> dict[str, Any]:
    """A container that ends by itself."""
    return {"name": "app", **_IMAGE, "args": ["sleep", f"{seconds}s"], "resources": _REQUESTS}


def deployment(
    name: str,
    replicas: int = 1,
    *,
    container: dict[str, Any] | None = None,
    labels: Mapping[str, str] = {},
    **spec: Any,
) -> Manifest:
    """`spec`: more of the pod's; `strategy` goes to the Deployment."""
    strategy = {"strategy": {"type": spec.pop("strategy")}} if "strategy" in spec else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, **strategy, **_template(name, container or serving(), labels, spec)},
    }


def statefulset(name: str, replicas: int, *, container: dict[str, Any] | None = None, **spec: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            **_template(name, container or serving(), {}, spec),
        },
    }


def job(name: str, seconds: int, *, told: bool = False) -> Manifest:
    """A Job of one pod. `told`: its annotation says how long it runs."""
    annotations = {"underway.dev/simulated-duration": f"{seconds}s"} if told else {}
    template = _template(name, sleeping(seconds), {}, {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"template": template["template"], "backoffLimit": 10},
    }


def bare_pod(name: str, *, ends: bool = False) -> Manifest:
    """A pod without a controller, that serves, or has ended when the scene is set."""
    spec = {"containers": [sleeping(0)], "restartPolicy": "Never"} if ends else {"containers": [serving()]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def service(name: str, selector: Mapping[str, str] | None = None) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": selector or {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def budget(name: str, selects: str = "", **limit: int | str) -> Manifest:
    """`limit`: minAvailable or maxUnavailable. `selects`: the app, by default that of its own name."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": selects or name}}, **limit},
    }


def spread(name: str, when: str = "ScheduleAnyway", skew: int = 1) -> list[dict[str, Any]]:
    """One constraint that spreads the app's pods over the nodes."""
    selector = {"matchLabels": {"app": name}}
    return [
        {"maxSkew": skew, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": when, "labelSelector": selector}
    ]


def _template(name: str, container: dict[str, Any], labels: Mapping[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name, **labels}}, "spec": {"containers": [container], **spec}},
    }


# -- on the cluster ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def empty_stage() -> Iterator[None]:
    """The shop is closed meanwhile, so that a scene has the workers to itself; then it is open as its manifests say."""
    _suspend_import(True)
    reset_shop({"web": 0, "cart": 0, "polite": 0}, members=0)
    try:
        yield
    finally:
        _suspend_import(False)
        reset_shop({"web": 3, "cart": 1, "polite": 0}, members=3)


def _suspend_import(suspended: bool) -> None:  # noqa: FBT001 - it is the value of the field
    kubectl("-n", NAMESPACE, "patch", "job", "import", "-p", json.dumps({"spec": {"suspend": suspended}}))


@contextlib.contextmanager
def scene(namespace: str, manifests: Sequence[Manifest], first_on: str = "") -> Iterator[None]:
    """The manifests, applied and settled in a namespace of their own, which is gone afterwards.

    `first_on`: the worker that all pods are on at first.
    """
    others = [name for name in workers() if first_on not in ("", name)]
    for name in others:
        kubectl("cordon", name)
    kubectl("delete", "namespace", namespace, "--ignore-not-found")  # an interrupted session's
    kubectl("create", "namespace", namespace)
    # without it the first pods' volumes fail once, and they start a second late
    until(lambda: _there(namespace, "configmap", "kube-root-ca.crt"), 30, f"{namespace} has its certificates")
    try:
        _apply(namespace, manifests)
        until_settled(60, namespace)
        until(lambda: not _on_the_way(namespace), 60, f"the pods of {namespace} are Ready or have finished")
        for name in others:
            kubectl("uncordon", name)
        yield
    finally:
        for name in workers():
            kubectl("uncordon", name)
        kubectl("-n", namespace, "delete", "deployments,statefulsets,daemonsets,jobs,pods", "--all", "--wait=false")
        kubectl("delete", "namespace", namespace, "--wait=false")
        until(lambda: not items("-n", namespace, "pods"), 60, f"the pods of {namespace} are gone")


def _apply(namespace: str, manifests: Sequence[Manifest]) -> None:
    """One replica of each Deployment after another, as they come in a cluster at work.

    Three that start at once on a machine with 2 cores take up to 2 s longer than one, and a plan would expect that of
    every replacement.
    """
    replicas = {found["metadata"]["name"]: found["spec"]["replicas"] for found in manifests if _is_deployment(found)}
    for number in range(1, max([1, *replicas.values()]) + 1):
        if number > 1:
            time.sleep(_APART)
        smaller = [
            {**found, "spec": {**found["spec"], "replicas": min(number, replicas[found["metadata"]["name"]])}}
            if _is_deployment(found)
            else found
            for found in manifests
        ]
        kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps({**_LIST, "items": smaller}))


def _is_deployment(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "Deployment")


def _there(namespace: str, kind: str, name: str) -> bool:
    return bool(kubectl("-n", namespace, "get", kind, name, "--ignore-not-found"))


def _on_the_way(namespace: str) -> list[str]:
    """The pods that are not Ready yet, or have not ended though they are to."""
    found = []
    for pod in items("-n", namespace, "pods"):
        conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
        ends = pod["spec"]["restartPolicy"] == "Never" and "ownerReferences" not in pod["metadata"]
        there = pod["status"]["phase"] == "Succeeded" if ends else conditions.get("Ready") == "True"
        if not there:
            found.append(pod["metadata"]["name"])
    return found
