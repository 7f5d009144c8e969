"""Services, EndpointSlices and NetworkPolicies on the wire."""

from __future__ import annotations

import msgspec

from underway.cluster.model import EndpointSlice, NetworkPolicy, Service
from underway.cluster.wire_metadata import Wire, WireObject, WireSelector
from underway.units import Selector


class WireServiceSpec(Wire):
    selector: dict[str, str] | None = None
    cluster_ip: str | None = msgspec.field(name="clusterIP", default=None)
    publish_not_ready_addresses: bool | None = None


class WireService(WireObject):
    spec: WireServiceSpec | None = None

    def decoded(self) -> Service:
        own, spec = self.own, self.spec or WireServiceSpec()
        return Service(
            uid=own.uid or "",
            namespace=own.namespace or "default",
            name=own.name or "",
            selector=spec.selector or {},
            headless=spec.cluster_ip == "None",
            publish_not_ready=bool(spec.publish_not_ready_addresses),
            resource_version=own.resource_version or "",
        )


class WireEndpointConditions(Wire):
    ready: bool | None = None
    terminating: bool | None = None


class WireTarget(Wire):
    uid: str | None = None


class WireEndpoint(Wire):
    addresses: list[str] | None = None
    conditions: WireEndpointConditions | None = None
    target_ref: WireTarget | None = None

    def identity(self) -> str:
        """Clients use only the first of several addresses, as the API says."""
        return (self.target_ref and self.target_ref.uid) or next(iter(self.addresses or ()), "")


class WireEndpointSlice(WireObject):
    endpoints: list[WireEndpoint] | None = None

    def decoded(self) -> EndpointSlice:
        own = self.own
        told = [(found.identity(), found.conditions or WireEndpointConditions()) for found in self.endpoints or ()]
        return EndpointSlice(
            uid=own.uid or "",
            namespace=own.namespace or "default",
            name=own.name or "",
            service=(own.labels or {}).get("kubernetes.io/service-name", ""),
            ready=frozenset(identity for identity, conditions in told if conditions.ready in (None, True)),
            terminating=frozenset(identity for identity, conditions in told if conditions.terminating),
            resource_version=own.resource_version or "",
        )


class WirePeer(Wire):
    pod_selector: WireSelector | None = None


class WireRule(Wire):
    from_: list[WirePeer] | None = msgspec.field(name="from", default=None)
    to: list[WirePeer] | None = None


class WirePolicySpec(Wire):
    pod_selector: WireSelector | None = None
    ingress: list[WireRule] | None = None
    egress: list[WireRule] | None = None


class WireNetworkPolicy(WireObject):
    spec: WirePolicySpec | None = None

    def decoded(self) -> NetworkPolicy:
        own, spec = self.own, self.spec or WirePolicySpec()
        rules = (*(spec.ingress or ()), *(spec.egress or ()))
        peers = (peer for rule in rules for peer in (*(rule.from_ or ()), *(rule.to or ())))
        return NetworkPolicy(
            uid=own.uid or "",
            namespace=own.namespace or "default",
            name=own.name or "",
            target=spec.pod_selector.decoded() if spec.pod_selector else Selector(),
            peers=tuple(peer.pod_selector.decoded() for peer in peers if peer.pod_selector),
            resource_version=own.resource_version or "",
        )
