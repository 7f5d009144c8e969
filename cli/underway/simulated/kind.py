"""The cluster that a kind config describes: its nodes as kind names and labels them, and what kind runs on them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from underway.cluster.model import Node, Owner, Pod, Service, Template, Workload
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec, Taint, Toleration
from underway.errors import UsageError
from underway.simulated.kubeadm import Patched, patched
from underway.units import equality_selector

ALLOCATABLE = {"cpu": 2000, "memory": 8 * 1024**3, "ephemeral-storage": 100 * 1024**3, "pods": 110}
"""What a node is assumed to have; kind's nodes have what the machine has that they run on."""
ALLOCATABLE_TEXT = "2 cpu and 8Gi of memory to give away"
ASSUMPTIONS = (
    f"every node of the kind config has {ALLOCATABLE_TEXT}",
    "kind runs kube-proxy and kindnet on every node, and coredns on the control plane",
)
_ROLE = "node-role.kubernetes.io/control-plane"
_VERSION = re.compile(r":(v\d+\.\d+\.\d+)")
_MIB = 1024**2
_EVERYWHERE = (Toleration(operator="Exists"),)
_STATIC = {
    "etcd": PodSpec(requests={"cpu": 100, "memory": 100 * _MIB}, host_network=True),
    "kube-apiserver": PodSpec(requests={"cpu": 250}, host_network=True),
    "kube-controller-manager": PodSpec(requests={"cpu": 200}, host_network=True),
    "kube-scheduler": PodSpec(requests={"cpu": 100}, host_network=True),
}


def is_kind_config(document: Mapping[str, Any]) -> bool:
    return str(document.get("apiVersion", "")).startswith("kind.x-k8s.io/")


class PortMapping(msgspec.Struct, rename="camel"):
    container_port: int = 0
    host_port: int = 0


class KindNode(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """kind takes no field that it does not know, either."""

    role: Literal["control-plane", "worker"] = "control-plane"
    image: str = ""
    labels: dict[str, str] | None = None
    extra_mounts: Any = None
    extra_port_mappings: list[PortMapping] | None = None
    kubeadm_config_patches: list[str] | None = None
    patches_json6902: Any = msgspec.field(name="kubeadmConfigPatchesJSON6902", default=None)


class KindConfig(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    kind: Literal["Cluster"]
    api_version: Literal["kind.x-k8s.io/v1alpha4"]
    name: str = "kind"
    nodes: list[KindNode] | None = None
    networking: Any = None
    feature_gates: Any = None
    runtime_config: Any = None
    kubeadm_config_patches: list[str] | None = None
    patches_json6902: Any = msgspec.field(name="kubeadmConfigPatchesJSON6902", default=None)
    containerd_config_patches: Any = None
    containerd_patches_json6902: Any = msgspec.field(name="containerdConfigPatchesJSON6902", default=None)

    @property
    def members(self) -> list[KindNode]:
        """Without any, kind makes one control plane."""
        return self.nodes or [KindNode()]


def read_config(document: Mapping[str, Any], source: str) -> KindConfig:
    """Raises UsageError, naming `source` and the field."""
    try:
        config = msgspec.convert(document, KindConfig, strict=False)
        list(_nodes(config))
    except ValueError as error:
        raise UsageError(f"{source}: is no kind config: {error}") from error
    return config


def cluster_of(config: KindConfig) -> Iterator[Object]:
    """The objects of a fresh kind cluster."""
    nodes = [node for node, _ in _nodes(config)]
    yield from nodes
    for node in nodes:
        if _ROLE in node.labels:
            yield from (_static_pod(name, spec, node) for name, spec in _STATIC.items())
    yield from _SYSTEM


def assumptions(config: KindConfig) -> Iterator[str]:
    """What the config does not tell, and what it tells that is not looked at."""
    yield from ASSUMPTIONS
    unread = dict.fromkeys(name for _, patch in _nodes(config) for name in patch.unread)
    if config.patches_json6902 or any(entry.patches_json6902 for entry in config.members):
        unread["kubeadmConfigPatchesJSON6902"] = None
    if unread:
        yield f"the kind config's patches of {', '.join(unread)} change neither the nodes nor their room"


def _nodes(config: KindConfig) -> Iterator[tuple[Node, Patched]]:
    numbers: Counter[str] = Counter()
    for entry in config.members:
        numbers[entry.role] += 1
        first = numbers[entry.role] == 1
        patches = [*(config.kubeadm_config_patches or ()), *(entry.kubeadm_config_patches or ())]
        patch = patched(patches, first=first and entry.role == "control-plane")
        name = f"{config.name}-{entry.role}{'' if first else numbers[entry.role]}"
        yield _node(name, entry, patch, alone=len(config.members) == 1), patch


def _node(name: str, entry: KindNode, patch: Patched, *, alone: bool) -> Node:
    version = _VERSION.search(entry.image)
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    if entry.role == "control-plane":
        labels |= {_ROLE: "", "node.kubernetes.io/exclude-from-external-load-balancers": ""}
    own = (Taint(_ROLE, "NoSchedule"),) if entry.role == "control-plane" and not alone else ()
    taints = (*(own if patch.taints is None else patch.taints), *patch.registered)
    return Node(
        uid="",
        name=name,
        labels=labels | ((entry.labels or {}) if patch.labels is None else patch.labels),
        taints=tuple(dict.fromkeys(taints)),
        allocatable={**ALLOCATABLE, "pods": ALLOCATABLE["pods"] if patch.max_pods is None else patch.max_pods},
        ready=True,
        conditions={"Ready": "True"},
        kubelet_version=version[1] if version else "",
    )


def host_ports(config: KindConfig) -> dict[int, int]:
    """All extraPortMappings: a port of the host -> the nodes' port, which may be a Service's nodePort."""
    return {
        mapping.host_port: mapping.container_port
        for entry in config.members
        for mapping in entry.extra_port_mappings or ()
        if mapping.host_port
    }


def has_own_port_range(config: KindConfig) -> bool:
    """Whether a patch gives the API server another range of node ports."""
    patches = (config.kubeadm_config_patches or (), *(entry.kubeadm_config_patches or () for entry in config.members))
    told = (*(text for part in patches for text in part), str(config.patches_json6902 or ""))
    return any("service-node-port-range" in text for text in told)


def _static_pod(name: str, spec: PodSpec, node: Node) -> Pod:
    return Pod(
        uid="",
        namespace="kube-system",
        name=f"{name}-{node.name}",
        node=node.name,
        labels={"component": name, "tier": "control-plane"},
        owner=Owner("Node", node.name, ""),
        spec=spec,
        phase="Running",
        ready=True,
        mirror=True,
    )


def _workload(kind: Any, name: str, spec: PodSpec, replicas: int = 0, app: str = "") -> Workload:
    labels = {"k8s-app": app or name}
    return Workload(
        kind=kind,
        uid="",
        namespace="kube-system",
        name=name,
        labels=labels,
        selector=equality_selector(labels.items()),
        template=Template(labels, spec),
        replicas=replicas,
        strategy="RollingUpdate",
        generation=1,
    )


_SYSTEM: tuple[Object, ...] = (
    _workload("daemonset", "kube-proxy", PodSpec(tolerations=_EVERYWHERE, host_network=True)),
    _workload(
        "daemonset",
        "kindnet",
        PodSpec(requests={"cpu": 100, "memory": 50 * _MIB}, tolerations=_EVERYWHERE, host_network=True),
    ),
    _workload(
        "deployment",
        "coredns",
        PodSpec(
            requests={"cpu": 100, "memory": 70 * _MIB},
            node_selector={_ROLE: ""},
            tolerations=(Toleration(_ROLE, "Exists", effect="NoSchedule"),),
        ),
        replicas=2,
        app="kube-dns",
    ),
    Service(uid="", namespace="kube-system", name="kube-dns", selector={"k8s-app": "kube-dns"}),
)
