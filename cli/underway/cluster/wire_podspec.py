"""Pod specs on the wire, and what they ask for as the scheduler adds it up.

Pods of one template differ in the text of their specs only in the node's and their own name and in the name of the
token volume. A spec is decoded once for all of them, known by the digest of the text without these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING
from functools import lru_cache
from hashlib import blake2b

import msgspec

from underway.cluster.podspec import NodeTerm, PodSpec, PodTerm, Spread, Toleration
from underway.cluster.wire_metadata import ABSENT, Once, Wire, WireExpression, WireSelector, given, requirement
from underway.units import Selector, parse_quantity

Quantity = str | int | float
WireAmounts = dict[str, Quantity | None]
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound to


@lru_cache(maxsize=8192)
def _amount(cpu: bool, text: str) -> int:  # noqa: FBT001 - a part of the cache's key
    found = parse_quantity(text) * (1000 if cpu else 1)
    return int(found.to_integral_value(ROUND_CEILING))


def amounts(found: WireAmounts | None) -> dict[str, int]:
    """Resource amounts in the model's units. Raises ValueError for what is no quantity."""
    return {name: _amount(name == "cpu", str(value)) for name, value in (found or {}).items() if value is not None}


class WireResources(Wire):
    requests: WireAmounts | None = None
    limits: WireAmounts | None = None

    def decoded(self) -> dict[str, int]:
        """What is requested; a limit without a request is one, as the API server completes it."""
        return {**amounts(self.limits), **amounts(self.requests)}


class WirePort(Wire):
    container_port: int | None = None
    host_port: int | None = None
    host_ip: str | None = msgspec.field(name="hostIP", default=None)
    protocol: str | None = None


class WireLifecycle(Wire):
    pre_stop: msgspec.Raw = ABSENT


class WireContainer(Wire):
    image: str | None = None
    resources: WireResources | None = None
    ports: list[WirePort] | None = None
    lifecycle: WireLifecycle | None = None
    restart_policy: str | None = None

    def requests(self) -> dict[str, int]:
        return self.resources.decoded() if self.resources else {}


class WireNodeTerm(Wire):
    match_expressions: list[WireExpression] | None = None
    match_fields: list[WireExpression] | None = None


class WireNodeSelector(Wire):
    node_selector_terms: list[WireNodeTerm] | None = None

    def decoded(self) -> tuple[NodeTerm, ...]:
        """A term without a condition matches no node, as the API says."""
        return tuple(
            NodeTerm(
                Selector(tuple(map(requirement, term.match_expressions or ()))),
                Selector(tuple(map(requirement, term.match_fields or ()))),
            )
            for term in self.node_selector_terms or ()
            if term.match_expressions or term.match_fields
        )


class WirePodTerm(Wire):
    label_selector: WireSelector | None = None
    topology_key: str | None = None
    namespaces: list[str] | None = None
    namespace_selector: WireSelector | None = None

    def decoded(self, weight: int = 0) -> PodTerm:
        everywhere = self.namespace_selector is not None
        return PodTerm(
            selector=self.label_selector.decoded() if self.label_selector else None,
            topology_key=self.topology_key or "",
            namespaces=None if everywhere else tuple(self.namespaces or ()),
            weight=weight,
        )


class WireWeightedPodTerm(Wire):
    weight: int | None = None
    pod_affinity_term: WirePodTerm | None = None


class WireNodeAffinity(Wire):
    required: WireNodeSelector | None = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
    )


class WirePodAffinity(Wire):
    required: list[WirePodTerm] | None = msgspec.field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
    )
    preferred: list[WireWeightedPodTerm] | None = msgspec.field(
        name="preferredDuringSchedulingIgnoredDuringExecution", default=None
    )


class WireAffinity(Wire):
    node_affinity: WireNodeAffinity | None = None
    pod_affinity: WirePodAffinity | None = None
    pod_anti_affinity: WirePodAffinity | None = None


class WireToleration(Wire):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class WireSpread(Wire):
    topology_key: str | None = None
    max_skew: int | None = None
    when_unsatisfiable: str | None = None
    label_selector: WireSelector | None = None
    match_label_keys: list[str] | None = None
    min_domains: int | None = None


class WireClaimSource(Wire):
    claim_name: str | None = None


class WireVolume(Wire):
    name: str | None = None
    empty_dir: msgspec.Raw = ABSENT
    persistent_volume_claim: WireClaimSource | None = None


class WirePodSpec(Wire):
    containers: list[WireContainer] | None = None
    init_containers: list[WireContainer] | None = None
    overhead: WireAmounts | None = None
    resources: WireResources | None = None
    node_selector: dict[str, str] | None = None
    affinity: WireAffinity | None = None
    tolerations: list[WireToleration] | None = None
    topology_spread_constraints: list[WireSpread] | None = None
    host_network: bool | None = None
    volumes: list[WireVolume] | None = None
    priority: int | None = None
    termination_grace_period_seconds: int | None = None
    restart_policy: str | None = None

    def decoded(self) -> PodSpec:
        affinity = self.affinity or WireAffinity()
        node_affinity = affinity.node_affinity
        lasting = [*(self.containers or ()), *filter(_is_sidecar, self.init_containers or ())]
        grace = self.termination_grace_period_seconds
        return PodSpec(
            requests=self._requests(),
            node_selector=self.node_selector or {},
            node_terms=node_affinity.required.decoded() if node_affinity and node_affinity.required else None,
            affinity=_required(affinity.pod_affinity),
            anti_affinity=_required(affinity.pod_anti_affinity),
            preferred_affinity=_preferred(affinity.pod_affinity),
            preferred_anti_affinity=_preferred(affinity.pod_anti_affinity),
            tolerations=tuple(
                Toleration(found.key or "", found.operator or "Equal", found.value or "", found.effect or "")
                for found in self.tolerations or ()
            ),
            spread=tuple(map(_spread, self.topology_spread_constraints or ())),
            host_ports=tuple(_host_ports(lasting, every=bool(self.host_network))),
            host_network=bool(self.host_network),
            local_volumes=tuple(found.name or "" for found in self.volumes or () if given(found.empty_dir)),
            claims=tuple(
                found.persistent_volume_claim.claim_name or ""
                for found in self.volumes or ()
                if found.persistent_volume_claim
            ),
            priority=self.priority or 0,
            grace_seconds=30 if grace is None else grace,
            pre_stop=any(found.lifecycle and given(found.lifecycle.pre_stop) for found in lasting),
            restart_policy=self.restart_policy or "Always",
            images=tuple(found.image or "" for found in self.containers or ()),
        )

    def _requests(self) -> Mapping[str, int]:
        """The scheduler's sum: what runs together, or the neediest moment of the start-up if that is more; what the
        pod asks for as a whole instead; and the runtime's overhead on top.
        """
        total: dict[str, int] = {}
        for container in self.containers or ():
            _add(total, container.requests())
        sidecars: dict[str, int] = {}
        peak: dict[str, int] = {}
        for container in self.init_containers or ():
            moment = dict(sidecars)
            _add(moment, container.requests())
            if _is_sidecar(container):
                sidecars = moment
            peak = {name: max(peak.get(name, 0), moment.get(name, 0)) for name in peak | moment}
        _add(total, sidecars)
        total = {name: max(total.get(name, 0), peak.get(name, 0)) for name in total | peak}
        whole = self.resources.decoded() if self.resources else {}
        total |= {name: amount for name, amount in whole.items() if _for_whole_pods(name)}
        _add(total, amounts(self.overhead))
        return total


def _is_sidecar(container: WireContainer) -> bool:
    """An init container that keeps running."""
    return container.restart_policy == "Always"


def _for_whole_pods(resource: str) -> bool:
    return resource in ("cpu", "memory") or resource.startswith("hugepages-")


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _required(found: WirePodAffinity | None) -> tuple[PodTerm, ...]:
    return tuple(term.decoded() for term in found.required or ()) if found else ()


def _preferred(found: WirePodAffinity | None) -> tuple[PodTerm, ...]:
    weighted = found.preferred or () if found else ()
    return tuple(one.pod_affinity_term.decoded(one.weight or 0) for one in weighted if one.pod_affinity_term)


def _spread(found: WireSpread) -> Spread:
    return Spread(
        topology_key=found.topology_key or "",
        max_skew=found.max_skew or 1,
        hard=found.when_unsatisfiable != "ScheduleAnyway",
        selector=found.label_selector.decoded() if found.label_selector else None,
        match_label_keys=tuple(found.match_label_keys or ()),
        min_domains=found.min_domains or 1,
    )


def _host_ports(containers: list[WireContainer], *, every: bool) -> list[tuple[str, str, int]]:
    found = []
    for container in containers:
        for port in container.ports or ():
            number = port.host_port or (port.container_port if every else None)
            if number:
                address = port.host_ip or ""
                found.append((port.protocol or "TCP", "" if address in _EVERY_ADDRESS else address, number))
    return found


_OWN = re.compile(rb'"(?:nodeName|hostname)":\s*"[^"]*",?|kube-api-access-[a-z0-9]{5}')
_SPECS = Once[PodSpec](20_000)
_decoder = msgspec.json.Decoder(WirePodSpec, strict=False)


def digest(raw: msgspec.Raw) -> bytes:
    """Equal for specs that differ only in what a pod has for itself."""
    return blake2b(_OWN.sub(b"", bytes(raw)), digest_size=16).digest()


def podspec(raw: msgspec.Raw) -> PodSpec:
    if not given(raw):
        return PodSpec()
    key = digest(raw)
    return _SPECS.get(key) or _SPECS.once(key, _decoder.decode(raw).decoded())
