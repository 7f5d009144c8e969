"""What a pod asks for, and what a node turns away: the values that scheduling is decided on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from underway.units import Selector

Resources: TypeAlias = Mapping[str, int]
Effect: TypeAlias = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class Taint(msgspec.Struct, frozen=True, gc=False):
    key: str
    effect: Effect
    value: str = ""


class Toleration(msgspec.Struct, frozen=True, gc=False):
    """An empty key with operator Exists tolerates everything; an empty effect means every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class NodeTerm(msgspec.Struct, frozen=True, gc=False):
    """One term of a node affinity: labels and, from matchFields, the node's name. Required terms are alternatives; of a
    preferred one the `weight` counts.
    """

    labels: Selector
    names: Selector = Selector()
    weight: int = 0


class PodTerm(msgspec.Struct, frozen=True, gc=False):
    """One term of pod (anti-)affinity. `namespaces` None means every namespace, after a namespaceSelector. The keys are
    matchLabelKeys and mismatchLabelKeys: the API server has put them into the selector of every pod that it has made.
    """

    selector: Selector | None
    topology_key: str
    namespaces: tuple[str, ...] | None
    weight: int = 0
    match_keys: tuple[str, ...] = ()
    mismatch_keys: tuple[str, ...] = ()


class Spread(msgspec.Struct, frozen=True, gc=False):
    """A topology spread constraint; `hard` is DoNotSchedule. A node is a domain of it only if the pod's node affinity
    admits it (nodeAffinityPolicy, Honor unless it says else) and, if asked, its taints do (nodeTaintsPolicy: Honor).
    """

    topology_key: str
    max_skew: int
    hard: bool
    selector: Selector | None
    match_label_keys: tuple[str, ...] = ()
    min_domains: int = 1
    heeds_affinity: bool = True
    heeds_taints: bool = False


class PodSpec(msgspec.Struct, frozen=True, gc=False):
    """What a pod asks for. The same value is shared by all pods of a template."""

    requests: Resources = {}
    node_selector: Mapping[str, str] = {}
    node_terms: tuple[NodeTerm, ...] | None = None
    preferred_nodes: tuple[NodeTerm, ...] = ()
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    preferred_affinity: tuple[PodTerm, ...] = ()
    preferred_anti_affinity: tuple[PodTerm, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    spread: tuple[Spread, ...] = ()
    host_ports: tuple[tuple[str, str, int], ...] = ()
    """(protocol, host IP, port); under hostNetwork every container port is one."""
    host_network: bool = False
    gated: bool = False
    """It is not to be scheduled before somebody takes its schedulingGates away."""
    local_volumes: tuple[str, ...] = ()
    """The names of emptyDir volumes: their data goes with the pod."""
    claims: tuple[str, ...] = ()
    priority: int = 0
    preempts: bool = True
    """It may take the place of pods of lower priority (preemptionPolicy)."""
    grace_seconds: int = 30
    pre_stop: bool = False
    pre_stop_seconds: float = 0
    """How long its preStop hook sleeps, where it tells: so long it serves on when it is asked to stop."""
    probe_delay: int = 0
    """The longest initialDelaySeconds of its readiness and startup probes: it is not Ready before."""
    restart_policy: str = "Always"
    images: tuple[str, ...] = ()
