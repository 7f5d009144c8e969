"""Builders of small clusters for the simulation's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

from underway.cluster.actions import Evict, Outcome, PatchNode, PatchPod
from underway.cluster.model import Budget, Node, Pod, Service, Template, Workload
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import Settings
from underway.units import Share, equality_selector

_T = TypeVar("_T")


def node(name: str, **fields: Any) -> Node:
    amounts = {"cpu": 4000, "memory": 8 * 1024**3, "pods": 110}
    return Node(
        **{
            "uid": f"node-{name}",
            "name": name,
            "labels": {"kubernetes.io/hostname": name},
            "allocatable": amounts,
            "ready": True,
        }
        | fields
    )


def workload(kind: Any, name: str, replicas: int = 1, spec: PodSpec | None = None, **fields: Any) -> Workload:
    labels = {"app": name}
    return Workload(
        **{
            "kind": kind,
            "uid": f"{kind}-{name}",
            "namespace": "shop",
            "name": name,
            "selector": equality_selector(labels.items()),
            "template": Template(labels, spec or PodSpec(requests={"cpu": 100}), "first"),
            "replicas": replicas,
            "generation": 1,
        }
        | fields
    )


def service(name: str) -> Service:
    return Service(uid=f"service-{name}", namespace="shop", name=name, selector={"app": name})


def budget(name: str, **fields: Any) -> Budget:
    return Budget(
        **{
            "uid": f"budget-{name}",
            "namespace": "shop",
            "name": name,
            "selector": equality_selector([("app", name)]),
            "generation": 1,
        }
        | fields
    )


def at_least(name: str, number: int) -> Budget:
    return budget(name, min_available=Share(number))


def settled(*objects: Object, settings: Settings | None = None, **options: Any) -> SimulatedCluster:
    cluster = SimulatedCluster(ClusterState(objects), settings=settings or Settings(), **options)
    assert cluster.settle()
    return cluster


def pods(cluster: SimulatedCluster, app: str = "web") -> list[Pod]:
    found = (pod for pod in cluster.state().pods.values() if pod.labels.get("app") == app)
    return sorted(found, key=lambda pod: pod.name)


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


async def advance(cluster: SimulatedCluster, seconds: float) -> None:
    await cluster.sleep_until(cluster.now() + timedelta(seconds=seconds))


async def evict(cluster: SimulatedCluster, pod: Pod) -> Outcome:
    return await cluster.perform(Evict(pod.ref, pod.uid, f"evict {pod.ref}"))


async def label(cluster: SimulatedCluster, pod: Pod, **labels: str | None) -> Outcome:
    changed = {key.replace("_", "-"): value for key, value in labels.items()}
    return await cluster.perform(PatchPod(pod.ref, pod.uid, f"label {pod.ref}", labels=changed))


async def cordon(cluster: SimulatedCluster, name: str) -> Outcome:
    found = cluster.state().nodes[name]
    return await cluster.perform(
        PatchNode(found.ref, found.uid, found.resource_version, f"cordon {name}", unschedulable=True)
    )


# -- from files ---------------------------------------------------------------------------------------------------

KIND = """
    kind: Cluster
    apiVersion: kind.x-k8s.io/v1alpha4
    name: underway
    kubeadmConfigPatches:
    - |
      kind: KubeletConfiguration
      maxPods: 150
    nodes:
    - role: control-plane
      image: underway/node:v1.34.4
      extraPortMappings: [{containerPort: 30080, hostPort: 8080, listenAddress: 127.0.0.1}]
    - {role: worker, image: underway/node:v1.33.13, labels: {tier: front}}
    - {role: worker, image: underway/node:v1.33.13}
"""

SHOP = """
    apiVersion: v1
    kind: Namespace
    metadata: {name: shop}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
      namespace: shop
      annotations: {underway.dev/simulated-start-up: 3s}
    spec:
      replicas: 2
      selector: {matchLabels: {app: web}}
      template:
        metadata:
          labels: {app: web}
          annotations: {underway.dev/simulated-warm-up: 7s}
        spec:
          containers:
          - {name: web, image: shop/web:1, resources: {requests: {cpu: 100m, memory: 64Mi}}}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: web, namespace: shop}
    spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
    ---
    apiVersion: policy/v1
    kind: PodDisruptionBudget
    metadata: {name: web, namespace: shop}
    spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
    ---
    apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: db, namespace: shop}
    spec:
      replicas: 2
      podManagementPolicy: Parallel
      serviceName: db
      selector: {matchLabels: {app: db}}
      template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: shop/db:1}]}}
    ---
    apiVersion: batch/v1
    kind: Job
    metadata: {name: import, namespace: shop}
    spec: {template: {spec: {restartPolicy: Never, containers: [{name: i, image: shop/import:1}]}}}
"""


def written(folder: Path, **texts: str) -> list[Path]:
    paths = []
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.write_text(dedent(text))
        paths.append(path)
    return paths
