"""What an API server refuses of a Service, and of several that want the same port of every node.

The rules are Kubernetes' own: `ValidateService` in `pkg/apis/core/validation/validation.go`, and its allocator of node
ports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from underway.cluster.model import Ref
from underway.simulated.mistake import Mistake, mapping, parts, whole
from underway.simulated.validity_name import choice, labels, name, port

_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_FIRST, _LAST = 30000, 32767


def service(spec: Mapping[str, Any]) -> Iterator[Mistake]:
    kind, headless = spec.get("type") or "ClusterIP", spec.get("clusterIP") == "None"
    yield from choice("spec.type", kind, _TYPES)
    if headless and kind in {"NodePort", "LoadBalancer"}:
        hint = "take `clusterIP: None` out, or the type"
        yield Mistake(f"`spec.clusterIP` cannot be None in a Service of `type: {kind}`", hint)
    if not spec.get("ports") and not headless and kind != "ExternalName":
        yield Mistake("`spec.ports` is missing or empty", "give it a port, or write clusterIP: None", missing=True)
    if kind == "ExternalName" and not spec.get("externalName"):
        yield Mistake("`spec.externalName` is missing", "write the name that it stands for", missing=True)
    yield from labels("spec.selector", mapping(spec.get("selector")))
    found = parts("spec.ports", spec.get("ports"))
    for place, one in found:
        yield from _port(place, one, several=len(found) > 1)
        if kind == "ClusterIP" and one.get("nodePort"):
            told = f"`{place}.nodePort` cannot be given in a Service of `type: ClusterIP`"
            yield Mistake(told, "write type: NodePort, or take it out", missing=not spec.get("type"))
    yield from _twice(found)


def _port(path: str, found: Mapping[str, Any], *, several: bool) -> Iterator[Mistake]:
    yield from port(f"{path}.port", found.get("port"))
    if found.get("targetPort"):
        yield from port(f"{path}.targetPort", found["targetPort"], named=True)
    yield from choice(f"{path}.protocol", found.get("protocol"), _PROTOCOLS)
    if found.get("name"):
        yield from name(f"{path}.name", str(found["name"]), dots=False)
    elif several:
        yield Mistake(f"`{path}.name` is missing, and the Service has several ports", "give it a name", missing=True)


def _twice(found: list[tuple[str, Mapping[str, Any]]]) -> Iterator[Mistake]:
    first: dict[object, str] = {}
    for place, one in found:
        called, protocol = one.get("name"), one.get("protocol") or "TCP"
        if called and first.setdefault(called, place) != place:
            yield Mistake(f"`{place}.name` is `{called}`, as `{first[called]}.name` is", "give it another name")
        for key in ("port", "nodePort"):
            asked = (key, one.get(key), protocol)
            if one.get(key) and first.setdefault(asked, place) != place:
                told = f"`{place}.{key}` is {one[key]} ({protocol}), as `{first[asked]}.{key}` is"
                yield Mistake(told, "give it another one, or take it out")


class _Asked(NamedTuple):
    source: str
    path: str
    port: int
    protocol: str
    taken: bool


class NodePorts:
    """The ports that Services ask of every node."""

    def __init__(self) -> None:
        self._asked: dict[Ref, list[_Asked]] = {}

    def note(self, found: Ref, document: Mapping[str, Any], source: str) -> None:
        """`source`: as messages call it. One that is noted again is as it is the last time."""
        asked, taken = list[_Asked](), bool(mapping(document.get("metadata")).get("uid"))
        for path, one in parts("spec.ports", mapping(document.get("spec")).get("ports")):
            number = whole(one.get("nodePort"))
            if number:
                asked.append(_Asked(source, path, number, str(one.get("protocol") or "TCP"), taken))
        self._asked[found] = asked

    def mistakes(self, *, usual: bool) -> Iterator[Mistake]:
        """`usual`: the server has been given no range of its own. One that a server gave is in its range."""
        owners: dict[tuple[int, str], Ref] = {}
        for ref, asked in self._asked.items():
            for one in asked:
                lead = f"{one.source}: `{one.path}.nodePort` is {one.port}"
                if usual and not one.taken and not _FIRST <= one.port <= _LAST:
                    yield Mistake(f"{lead}, which is no node port", f"write a number from {_FIRST} to {_LAST}")
                owner = owners.setdefault((one.port, one.protocol), ref)
                if owner != ref:
                    yield Mistake(f"{lead}, which {owner} has already", "give one of them another node port")
