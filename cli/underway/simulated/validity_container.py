"""What an API server refuses of a pod's containers.

The rules are Kubernetes' own: `validateContainers`, `validateProbe`, `validateHandler` and
`ValidateContainerResourceRequirements` in `pkg/apis/core/validation/validation.go`. A StatefulSet's are looked at only
when its pods are made, which then are refused for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from underway.simulated.mistake import Mistake, mapping, parts
from underway.simulated.validity_name import at_least_0, choice, name, port
from underway.units import parse_quantity

_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")
_PROBING = ("exec", "httpGet", "tcpSocket", "grpc")
_HANDLING = ("exec", "httpGet", "tcpSocket", "sleep")
_SECONDS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_PULLS = ("Always", "Never", "IfNotPresent")


def containers(path: str, spec: Mapping[str, Any], volumes: set[str]) -> Iterator[Mistake]:
    """`volumes`: the names of those that can be mounted."""
    if not spec.get("containers"):
        yield Mistake(f"`{path}.containers` is missing or empty", "give it a container", missing=True)
    first: dict[str, str] = {}
    taken: dict[object, str] = {}
    for key in ("containers", "initContainers"):
        for place, found in parts(f"{path}.{key}", spec.get(key)):
            yield from _container(place, found, volumes)
            called = str(found.get("name") or "")
            if called and first.setdefault(called, place) != place:
                yield Mistake(f"`{place}.name` is `{called}`, as `{first[called]}.name` is", "give it another name")
            if key == "containers":
                yield from _host_ports(place, found, taken)
            elif found.get("restartPolicy") != "Always":
                yield from _only_before(place, found)


def _container(path: str, found: Mapping[str, Any], volumes: set[str]) -> Iterator[Mistake]:
    if found.get("name"):
        yield from name(f"{path}.name", str(found["name"]), dots=False)
    else:
        yield Mistake(f"`{path}.name` is missing", "give the container a name")
    if not found.get("image"):
        yield Mistake(f"`{path}.image` is missing", "say which image it runs", missing=True)
    yield from choice(f"{path}.imagePullPolicy", found.get("imagePullPolicy"), _PULLS)
    yield from _resources(f"{path}.resources", mapping(found.get("resources")))
    yield from _ports(f"{path}.ports", found.get("ports"))
    yield from _mounts(f"{path}.volumeMounts", found.get("volumeMounts"), volumes)
    for key in _PROBES:
        probe = found.get(key)
        if isinstance(probe, dict):
            yield from at_least_0(f"{path}.{key}", probe, _SECONDS)
            yield from _handler(f"{path}.{key}", probe, _PROBING)
    hooks = mapping(found.get("lifecycle"))
    for key in _HOOKS:
        if isinstance(hooks.get(key), dict):
            yield from _handler(f"{path}.lifecycle.{key}", hooks[key], _HANDLING)
    for place, variable in parts(f"{path}.env", found.get("env")):
        if not variable.get("name"):
            yield Mistake(f"`{place}.name` is missing", "give the variable a name")


def _only_before(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    """An init container that does not stay: nothing asks whether it is ready."""
    for key in ("lifecycle", *_PROBES):
        if found.get(key) is not None:
            hint = "take it out, or write restartPolicy: Always for a sidecar"
            yield Mistake(f"`{path}.{key}` cannot be given in an init container that ends", hint, missing=True)


def _resources(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    requests, limits = mapping(found.get("requests")), mapping(found.get("limits"))
    for key, amounts in (("requests", requests), ("limits", limits)):
        for resource, amount in amounts.items():
            if amount is not None and parse_quantity(str(amount)) < 0:
                yield Mistake(f"`{path}.{key}.{resource}` is {amount}, and 0 is the least", "write 0 or more")
    for resource, amount in requests.items():
        most = limits.get(resource)
        more = 0 if None in {amount, most} else parse_quantity(str(amount)) - parse_quantity(str(most))
        if more > 0:
            hint = "request no more than the limit, or raise the limit"
            yield Mistake(f"`{path}.requests.{resource}` is {amount}, more than its limit of {most}", hint)
        elif amount is not None and _is_exclusive(resource) and (more or most is None):
            told = f"`{path}.requests.{resource}` is {amount}, and its limit has to be the same"
            yield Mistake(told, f"write limits: {{{resource}: {amount}}}", missing=most is None)


def _is_exclusive(resource: str) -> bool:
    """Devices and huge pages: a node cannot promise them twice."""
    return resource.startswith("hugepages-") or ("/" in resource and "kubernetes.io/" not in resource)


def _ports(path: str, found: Any) -> Iterator[Mistake]:
    named = set[str]()
    for place, one in parts(path, found):
        yield from port(f"{place}.containerPort", one.get("containerPort"))
        if one.get("hostPort"):
            yield from port(f"{place}.hostPort", one["hostPort"])
        yield from choice(f"{place}.protocol", one.get("protocol"), _PROTOCOLS)
        called = one.get("name")
        if called and called in named:
            yield Mistake(f"`{place}.name` is `{called}`, as that of a port before it", "give it another name")
        named.add(str(called))


def _host_ports(path: str, found: Mapping[str, Any], taken: dict[object, str]) -> Iterator[Mistake]:
    """`taken`: those of the containers before it, with their places."""
    for place, one in parts(f"{path}.ports", found.get("ports")):
        key = (one.get("hostPort"), one.get("protocol") or "TCP", one.get("hostIP") or "")
        if one.get("hostPort") and taken.setdefault(key, place) != place:
            hint = "give it another one, or take it out"
            yield Mistake(f"`{place}.hostPort` is {key[0]}, as `{taken[key]}.hostPort` is", hint)


def _mounts(path: str, found: Any, volumes: set[str]) -> Iterator[Mistake]:
    at = set[str]()
    for place, mount in parts(path, found):
        volume, where = mount.get("name"), mount.get("mountPath")
        if volume not in volumes:
            known = f"write one of {', '.join(sorted(volumes))}" if volumes else "give the pod the volume"
            yield Mistake(f"`{place}.name` is `{volume or ''}`, and the pod has no such volume", known, missing=True)
        if not where:
            yield Mistake(f"`{place}.mountPath` is missing", "say where it is mounted")
        elif where in at:
            yield Mistake(f"`{place}.mountPath` is {where}, where another volume is", "mount it elsewhere")
        at.add(str(where))


def _handler(path: str, found: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Mistake]:
    given = [key for key in known if found.get(key) is not None]
    if not given:
        yield Mistake(f"`{path}` has no handler", f"give it one of {', '.join(known)}", missing=True)
    elif len(given) > 1:
        yield Mistake(f"`{path}` has {len(given)} handlers: {', '.join(given)}", "leave one of them")
    for key in given:
        if key == "exec" and not mapping(found[key]).get("command"):
            yield Mistake(f"`{path}.exec.command` is missing", "say what it runs: command: [...]", missing=True)
        if key in {"httpGet", "tcpSocket"}:
            yield from port(f"{path}.{key}.port", mapping(found[key]).get("port"), named=True)
