"""What is so: the cluster's objects as small frozen values, with only what maintenance needs of them.

They are msgspec structs outside the garbage collector (they hold no cycles), because a cluster has 100,000 of them.
Resource amounts are integers in base units: cpu in millicores, everything else in bytes or pieces, rounded up. Of
annotations only those of underway.dev are kept, where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from underway.cluster.podspec import NodeTerm, PodSpec, Resources, Taint
from underway.units import Selector, Share


class Ref(msgspec.Struct, frozen=True, gc=False, order=True):
    """An object's name as kubectl prints it: `pod/shop/web-1`, `node/worker-2`."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(filter(None, (self.kind, self.namespace, self.name)))


class Owner(msgspec.Struct, frozen=True, gc=False):
    """The controlling ownerReference. `kind` is as the API writes it: ReplicaSet, StatefulSet, Rollout…"""

    kind: str
    name: str
    uid: str


_FINISHED = frozenset({"Succeeded", "Failed"})


class Pod(msgspec.Struct, frozen=True, gc=False):
    """`ready` is the Ready condition; `deleting` is when it was asked to stop (deletionTimestamp, which includes the
    grace period), None while it is not; `waiting` says in the API's words why it does not run (unschedulable,
    ImagePullBackOff, CrashLoopBackOff…), else empty; `ending` how a container of it ended badly: its exit status and
    what it said last, as far as the API has it.
    """

    uid: str
    namespace: str
    name: str
    node: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    """Only those of underway.dev and controller.kubernetes.io."""
    owner: Owner | None = None
    spec: PodSpec = PodSpec()
    phase: str = "Pending"
    ready: bool = False
    deleting: datetime | None = None
    mirror: bool = False
    created: datetime | None = None
    scheduled: datetime | None = None
    started: datetime | None = None
    ready_since: datetime | None = None
    restarts: int = 0
    waiting: str = ""
    ending: str = ""
    ip: str = ""
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("pod", self.namespace, self.name)

    @property
    def finished(self) -> bool:
        return self.phase in _FINISHED


class Node(msgspec.Struct, frozen=True, gc=False):
    uid: str
    name: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    allocatable: Resources = {}
    ready: bool = False
    ready_since: datetime | None = None
    conditions: Mapping[str, str] = {}
    kubelet_version: str = ""
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("node", "", self.name)


class Template(msgspec.Struct, frozen=True, gc=False):
    """What a controller makes its pods from. `hash`: equal for equal templates of one controller; `node`: nodeName."""

    labels: Mapping[str, str]
    spec: PodSpec
    hash: str = ""
    images: Mapping[str, str] = {}
    """By the container's name, init containers too."""
    node: str = ""


class Workload(msgspec.Struct, frozen=True, gc=False):
    """A Deployment, ReplicaSet, StatefulSet, DaemonSet or Job. `replicas` is what is asked for (a DaemonSet:
    desiredNumberScheduled; a Job: parallelism).
    """

    kind: Literal["deployment", "replicaset", "statefulset", "daemonset", "job"]
    uid: str
    namespace: str
    name: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    """Only those of underway.dev and deployment.kubernetes.io."""
    owner: Owner | None = None
    selector: Selector | None = None
    template: Template | None = None
    replicas: int = 0
    ready: int = 0
    available: int = 0
    updated: int = 0
    current: int = 0
    """status.replicas: how many pods there are."""
    strategy: str = ""
    """Deployment: RollingUpdate or Recreate; StatefulSet and DaemonSet: RollingUpdate or OnDelete."""
    max_surge: Share | None = None
    max_unavailable: Share | None = None
    """Of a rolling update, where the API tells (it completes a Deployment's)."""
    partition: int = 0
    """A StatefulSet's rolling update leaves the members below it, as counted from the first one."""
    first_ordinal: int = 0
    claim_templates: tuple[str, ...] = ()
    """The number in the name of a StatefulSet's first member, and the names of its volumeClaimTemplates."""
    current_revision: str = ""
    update_revision: str = ""
    """A StatefulSet's, as its pods' label controller-revision-hash has them. Of a DaemonSet only the update revision is
    known, its template's number: that of its pods' label pod-template-generation.
    """
    min_ready_seconds: int = 0
    progress_deadline_seconds: int = 600
    parallel: bool = False
    """A StatefulSet whose podManagementPolicy is Parallel."""
    paused: bool = False
    deleting: bool = False
    """Its deletion waits for what has to be done first (orphaning its pods)."""
    generation: int = 0
    observed_generation: int = 0
    backoff_limit: int = 6
    completions: int | None = 1
    """How many of a Job's pods have to succeed; None: once one has, no more are made, and it ends with the last."""
    forgiving: bool = False
    """A Job that does not count evicted pods as failed (podFailurePolicy), and replaces them when they have ended."""
    failed: int = 0
    succeeded: int = 0
    complete: bool = False
    """A Job with condition Complete."""
    failure: str = ""
    """The message of a Job's condition Failed, or of a ReplicaSet's ReplicaFailure (it cannot make a pod)."""
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.namespace, self.name)


class Budget(msgspec.Struct, frozen=True, gc=False):
    """A PodDisruptionBudget. `selector` None selects nothing."""

    uid: str
    namespace: str
    name: str
    selector: Selector | None = None
    min_available: Share | None = None
    max_unavailable: Share | None = None
    always_allow_unhealthy: bool = False
    generation: int = 0
    observed_generation: int = 0
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    disrupted_pods: frozenset[str] = frozenset()
    annotations: Mapping[str, str] = {}
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("poddisruptionbudget", self.namespace, self.name)


class Service(msgspec.Struct, frozen=True, gc=False):
    """`selector` is empty where the endpoints are kept by hand."""

    uid: str
    namespace: str
    name: str
    selector: Mapping[str, str] = {}
    headless: bool = False
    publish_not_ready: bool = False
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("service", self.namespace, self.name)


class EndpointSlice(msgspec.Struct, frozen=True, gc=False):
    """One slice of a Service. `ready` holds the UIDs of the pods that get traffic, or addresses where there is no
    targetRef; an endpoint without a ready condition counts as ready, as the API says.
    """

    uid: str
    namespace: str
    name: str
    service: str
    ready: frozenset[str] = frozenset()
    terminating: frozenset[str] = frozenset()
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("endpointslice", self.namespace, self.name)


class NetworkPolicy(msgspec.Struct, frozen=True, gc=False):
    """`target`: the pods it governs. `peers`: the pod selectors of its rules, with None for the namespaces where a
    namespaceSelector stands beside them.
    """

    uid: str
    namespace: str
    name: str
    target: Selector = Selector()
    peers: tuple[Selector, ...] = ()
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("networkpolicy", self.namespace, self.name)


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A PersistentVolumeClaim. `modes` as the API writes them: ReadWriteOnce, ReadWriteMany…"""

    uid: str
    namespace: str
    name: str
    modes: tuple[str, ...] = ()
    volume: str = ""
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("persistentvolumeclaim", self.namespace, self.name)


class Volume(msgspec.Struct, frozen=True, gc=False):
    """A PersistentVolume and the nodes it can be used on (None: all). `attachable`: it is a disk, which a node has to
    be given before a pod there can use it.
    """

    uid: str
    name: str
    node_terms: tuple[NodeTerm, ...] | None = None
    attachable: bool = False
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("persistentvolume", "", self.name)


class Lease(msgspec.Struct, frozen=True, gc=False):
    """The sign of life of a run: one `coordination.k8s.io` Lease for each, in `LEASE_NAMESPACE`."""

    uid: str
    namespace: str
    name: str
    run: str
    """The label `underway.dev/run`."""
    holder: str = ""
    renewed: datetime | None = None
    duration_seconds: int = 0
    annotations: Mapping[str, str] = {}
    resource_version: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("lease", self.namespace, self.name)


LEASE_NAMESPACE = "default"
