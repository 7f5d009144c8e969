"""Write the snapshot of a large cluster, to plan on.

    .venv/bin/python tests/scale/large_cluster.py --nodes 5000 --pods 100000 large.snapshot

Realistic in what counts for planning: Deployments of 1 to 50 replicas with a Service each and mostly a budget, one in
ten a StatefulSet, five DaemonSets, pods spread over three zones, labels and templates as charts write them.
"""

from __future__ import annotations

import argparse
import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from underway.cluster.model import Budget, EndpointSlice, Node, Owner, Pod, Service, Template, Workload
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec, Spread, Toleration
from underway.cluster.snapshot import write
from underway.units import Share, equality_selector

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
GIB = 1024**3
NAMESPACES = 200
DAEMONS = ("cni", "proxy", "logs", "metrics", "storage")
USUAL = (1, 2, 2, 3, 3, 3, 5, 8, 12, 20, 50)
"""How many replicas workloads have, drawn from."""
_EVERYWHERE = (Toleration(operator="Exists"),)


class Large:
    """One cluster; the same seed makes the same one."""

    def __init__(self, nodes: int, pods: int, sizes: Sequence[int] = USUAL, seed: int = 1) -> None:
        self._sizes = sizes
        self._random = random.Random(seed)
        self._names = [f"node-{number:05}" for number in range(nodes)]
        self._free = dict.fromkeys(self._names, 15_000)
        self._pods = pods
        self._next = 0

    def objects(self) -> Iterator[Object]:
        yield from (self._node(number, name) for number, name in enumerate(self._names))
        for daemon in DAEMONS:
            yield from self._daemonset(daemon)
        made = len(self._names) * len(DAEMONS)
        number = 0
        while made < self._pods:
            replicas = min(self._random.choice(self._sizes), self._pods - made)
            yield from self._app(f"app-{number:05}", f"team-{number % NAMESPACES:03}", replicas)
            made += replicas
            number += 1

    def _uid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _node(self, number: int, name: str) -> Node:
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": f"zone-{number % 3}",
            "node.kubernetes.io/instance-type": "m7.4xlarge",
        }
        amounts = {"cpu": 16_000, "memory": 64 * GIB, "pods": 110, "ephemeral-storage": 100 * GIB}
        return Node(
            uid=self._uid(),
            name=name,
            labels=labels,
            allocatable=amounts,
            ready=True,
            ready_since=AT - timedelta(days=30),
            kubelet_version="v1.33.13",
            resource_version="1",
        )

    def _daemonset(self, name: str) -> Iterator[Object]:
        labels = {"app.kubernetes.io/name": name, "controller-revision-hash": "5d7f9c6b8"}
        spec = PodSpec(requests={"cpu": 100, "memory": 128 * 1024**2}, tolerations=_EVERYWHERE)
        owner = Workload(
            kind="daemonset",
            uid=self._uid(),
            namespace="kube-system",
            name=name,
            selector=equality_selector([("app.kubernetes.io/name", name)]),
            template=Template(labels, spec, "1"),
            replicas=len(self._names),
            ready=len(self._names),
            current=len(self._names),
        )
        yield owner
        for node in self._names:
            yield self._pod(owner, "DaemonSet", f"{name}-{self._random.getrandbits(25):05x}", node, labels, spec)

    def _app(self, name: str, namespace: str, replicas: int) -> Iterator[Object]:
        # of one that has a single member, maintenance cannot spare that one
        stateful = replicas > 1 and self._random.random() < 0.1
        selected = {"app.kubernetes.io/name": name}
        hashed = {} if stateful else {"pod-template-hash": f"{self._random.getrandbits(40):010x}"}
        asked = {**selected, "app.kubernetes.io/instance": name, "team": namespace, "version": "v1"}
        labels = {**asked, **hashed}
        cpu = self._random.choice((50, 100, 250, 500, 1000))
        spread = Spread("topology.kubernetes.io/zone", 1, hard=False, selector=equality_selector(selected.items()))
        spec = PodSpec(requests={"cpu": cpu, "memory": cpu * 2 * 1024**2}, spread=(spread,), images=(f"{name}:v1",))
        template = Template(asked, spec, self._uid())
        common = {"namespace": namespace}
        common |= dict.fromkeys(("replicas", "ready", "current", "available", "updated"), replicas)
        if stateful:
            selector = equality_selector(selected.items())
            owner = Workload(
                kind="statefulset", uid=self._uid(), name=name, selector=selector, template=template, **common
            )
            yield owner
        else:
            top = Workload(
                kind="deployment",
                uid=self._uid(),
                name=name,
                selector=equality_selector(selected.items()),
                template=template,
                strategy="RollingUpdate",
                **common,
            )
            yield top
            owner = Workload(
                kind="replicaset",
                uid=self._uid(),
                name=f"{name}-{hashed['pod-template-hash']}",
                labels=labels,
                selector=equality_selector({**selected, **hashed}.items()),
                owner=Owner("Deployment", name, top.uid),
                template=msgspec.structs.replace(template, labels=labels),
                **common,
            )
            yield owner
        kind = "StatefulSet" if stateful else "ReplicaSet"
        pods = [
            self._pod(
                owner, kind, f"{owner.name}-{number if stateful else self._suffix()}", self._place(cpu), labels, spec
            )
            for number in range(replicas)
        ]
        yield from pods
        yield Service(uid=self._uid(), namespace=namespace, name=name, selector=selected)
        ready = frozenset(pod.uid for pod in pods)
        yield EndpointSlice(
            uid=self._uid(), namespace=namespace, name=f"{name}-{self._suffix()}", service=name, ready=ready
        )
        if self._random.random() < 0.8:
            yield self._budget(name, namespace, selected, replicas)

    def _budget(self, name: str, namespace: str, selected: dict[str, str], replicas: int) -> Budget:
        return Budget(
            uid=self._uid(),
            namespace=namespace,
            name=name,
            selector=equality_selector(selected.items()),
            max_unavailable=Share(1),
            generation=1,
            observed_generation=1,
            current_healthy=replicas,
            desired_healthy=replicas - 1,
            disruptions_allowed=1,
            expected_pods=replicas,
        )

    def _suffix(self) -> str:
        return f"{self._random.getrandbits(25):05x}"

    def _place(self, cpu: int) -> str:
        """Round the nodes; the next one that has room for it."""
        for _ in self._names:
            name = self._names[self._next % len(self._names)]
            self._next += 1
            if self._free[name] >= cpu:
                self._free[name] -= cpu
                return name
        raise SystemExit("so many pods do not fit on so few nodes")

    def _pod(self, owner: Workload, kind: str, name: str, node: str, labels: dict[str, str], spec: PodSpec) -> Pod:
        began = AT - timedelta(hours=self._random.randint(1, 700))
        return Pod(
            uid=self._uid(),
            namespace=owner.namespace,
            name=name,
            node=node,
            labels=labels,
            owner=Owner(kind, owner.name, owner.uid),
            spec=spec,
            phase="Running",
            ready=True,
            created=began,
            scheduled=began,
            started=began + timedelta(seconds=1),
            ready_since=began + timedelta(seconds=self._random.randint(3, 20)),
            ip="10.0.0.1",
        )


def write_large(path: Path, nodes: int, pods: int, sizes: Sequence[int] = USUAL) -> None:
    """`sizes`: of the workloads, in replicas."""
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in write(Large(nodes, pods, sizes).objects(), AT, "large"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--pods", type=int, default=100_000)
    given = parser.parse_args()
    write_large(given.file, given.nodes, given.pods)


if __name__ == "__main__":
    main()
