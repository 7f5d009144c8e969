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

from underway.cluster.podspec import PodSpec, Toleration
from underway.cluster.wire_affinity import WireAffinity, WireSpread, preferred, required, spread
from underway.cluster.wire_metadata import ABSENT, Once, Wire, given
from underway.units import parse_quantity

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


_SLEEP = re.compile(r"(?<![\w-])sleep (\d{1,5}(?:\.\d{1,3})?)s?(?![\w.])", re.ASCII)


class WireCommand(Wire):
    command: list[str] | None = None


class WireSleep(Wire):
    seconds: int | None = None


class WireHook(Wire):
    exec: WireCommand | None = None
    sleep: WireSleep | None = None

    def seconds(self) -> float:
        """How long it sleeps, by the action of that name or by a command; 0 where it does not tell."""
        if self.sleep is not None:
            return self.sleep.seconds or 0
        words = " ".join((self.exec and self.exec.command) or ())
        return sum(float(found) for found in _SLEEP.findall(words))


class WireLifecycle(Wire):
    pre_stop: WireHook | None = None

    def hooks(self) -> list[WireHook]:
        return [self.pre_stop] if self.pre_stop is not None else []


class WireProbe(Wire):
    initial_delay_seconds: int | None = None


class WireContainer(Wire):
    image: str | None = None
    resources: WireResources | None = None
    ports: list[WirePort] | None = None
    lifecycle: WireLifecycle | None = None
    readiness_probe: WireProbe | None = None
    startup_probe: WireProbe | None = None
    restart_policy: str | None = None

    def probe_delay(self) -> int:
        return max(
            (probe.initial_delay_seconds or 0 for probe in (self.readiness_probe, self.startup_probe) if probe),
            default=0,
        )

    def requests(self) -> dict[str, int]:
        return self.resources.decoded() if self.resources else {}


class WireToleration(Wire):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


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
    scheduling_gates: list[msgspec.Raw] | None = None
    volumes: list[WireVolume] | None = None
    priority: int | None = None
    preemption_policy: str | None = None
    termination_grace_period_seconds: int | None = None
    restart_policy: str | None = None

    def decoded(self) -> PodSpec:
        affinity = self.affinity or WireAffinity()
        node_affinity = affinity.node_affinity
        lasting = [*(self.containers or ()), *filter(_is_sidecar, self.init_containers or ())]
        grace = self.termination_grace_period_seconds
        hooks = [hook for found in lasting if found.lifecycle for hook in found.lifecycle.hooks()]
        return PodSpec(
            requests=self._requests(),
            node_selector=self.node_selector or {},
            node_terms=node_affinity.required.decoded() if node_affinity and node_affinity.required else None,
            preferred_nodes=node_affinity.wishes() if node_affinity else (),
            affinity=required(affinity.pod_affinity),
            anti_affinity=required(affinity.pod_anti_affinity),
            preferred_affinity=preferred(affinity.pod_affinity),
            preferred_anti_affinity=preferred(affinity.pod_anti_affinity),
            tolerations=tuple(
                Toleration(found.key or "", found.operator or "Equal", found.value or "", found.effect or "")
                for found in self.tolerations or ()
            ),
            spread=tuple(map(spread, self.topology_spread_constraints or ())),
            host_ports=tuple(_host_ports(lasting, every=bool(self.host_network))),
            host_network=bool(self.host_network),
            gated=bool(self.scheduling_gates),
            local_volumes=tuple(found.name or "" for found in self.volumes or () if given(found.empty_dir)),
            claims=tuple(
                found.persistent_volume_claim.claim_name or ""
                for found in self.volumes or ()
                if found.persistent_volume_claim
            ),
            priority=self.priority or 0,
            preempts=self.preemption_policy != "Never",
            grace_seconds=30 if grace is None else grace,
            pre_stop=bool(hooks),
            pre_stop_seconds=max((hook.seconds() for hook in hooks), default=0),
            probe_delay=max((found.probe_delay() for found in lasting), default=0),
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
