"""What an API server refuses of a pod's spec, and of selectors, as far as it would mislead a simulation.

The rules are Kubernetes' own: `pkg/apis/core/validation/validation.go` and
`staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from underway.simulated.mistake import Mistake, mapping, parts
from underway.simulated.validity_container import containers
from underway.simulated.validity_name import choice, labels, name, unknown

_VALUED = ("In", "NotIn")
_UNVALUED = ("Exists", "DoesNotExist")
_COMPARED = ("Gt", "Lt")
"""For nodes only, with one value."""
_ANSWERS = ("DoNotSchedule", "ScheduleAnyway")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def pod_spec(path: str, spec: Mapping[str, Any], claims: Sequence[str] = ()) -> Iterator[Mistake]:
    """`claims`: the volumes that a StatefulSet adds."""
    volumes = set(claims)
    for place, volume in parts(f"{path}.volumes", spec.get("volumes")):
        called = str(volume.get("name") or "")
        yield from name(f"{place}.name", called, dots=False)
        if called in volumes and called not in claims:
            yield Mistake(f"`{place}.name` is `{called}`, as that of a volume before it", "give it another name")
        volumes.add(called)
    yield from containers(path, spec, volumes)
    yield from labels(f"{path}.nodeSelector", mapping(spec.get("nodeSelector")))
    for place, found in parts(f"{path}.tolerations", spec.get("tolerations")):
        yield from _toleration(place, found)
    for place, found in parts(f"{path}.topologySpreadConstraints", spec.get("topologySpreadConstraints")):
        yield from _spread(place, found)
    affinity = mapping(spec.get("affinity"))
    if affinity:
        yield from _node_affinity(f"{path}.affinity.nodeAffinity", mapping(affinity.get("nodeAffinity")))
        for key in ("podAffinity", "podAntiAffinity"):
            yield from _pod_affinity(f"{path}.affinity.{key}", mapping(affinity.get(key)))


def _toleration(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from choice(f"{path}.effect", found.get("effect"), _EFFECTS)
    exists = found.get("operator") == "Exists"
    if not found.get("key") and not exists:
        yield Mistake(f"`{path}.key` is missing", "write the taint's key, or operator: Exists for every taint")
    if exists and found.get("value"):
        yield Mistake(f"`{path}.value` is given, and Exists takes none", "take it out, or write operator: Equal")
    if found.get("tolerationSeconds") is not None and found.get("effect") != "NoExecute":
        hint = "write effect: NoExecute, or take it out"
        yield Mistake(f"`{path}.tolerationSeconds` is only for `effect: NoExecute`", hint)


def selector(path: str, found: Any) -> Iterator[Mistake]:
    """Of labels; one that is not given is none."""
    for place, expression in parts(f"{path}.matchExpressions", mapping(found).get("matchExpressions")):
        yield from _expression(place, expression, (*_VALUED, *_UNVALUED))


def _expression(path: str, found: Mapping[str, Any], known: Sequence[str]) -> Iterator[Mistake]:
    operator, values = found.get("operator"), found.get("values") or ()
    if not found.get("key"):
        yield Mistake(f"`{path}.key` is missing", "write the label's key")
    if operator not in known:
        yield unknown(f"{path}.operator", operator, known)
    elif operator in _VALUED and not values:
        yield Mistake(f"`{path}.values` is missing, and {operator} needs some", "write values: [...]")
    elif operator in _UNVALUED and values:
        yield Mistake(f"`{path}.values` is given, and {operator} takes none", "take it out")
    elif operator in _COMPARED and len(values) != 1:
        yield Mistake(f"`{path}.values` has {len(values)} values, and {operator} takes one", "write one number")


def _spread(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    for key in ("maxSkew", "minDomains"):
        if found.get(key) is not None and int(found[key]) < 1:
            yield Mistake(f"`{path}.{key}` is {found[key]}, and 1 is the least", "write 1 or more")
    for key in ("maxSkew", "topologyKey", "whenUnsatisfiable"):
        if not found.get(key) and found.get(key) != 0:
            yield Mistake(f"`{path}.{key}` is missing", "give it", missing=True)
    answer = found.get("whenUnsatisfiable")
    if answer and answer not in _ANSWERS:
        yield unknown(f"{path}.whenUnsatisfiable", answer, _ANSWERS)
    yield from selector(f"{path}.labelSelector", found.get("labelSelector"))


def _node_affinity(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    terms = [*parts(f"{path}.{_REQUIRED}.nodeSelectorTerms", mapping(found.get(_REQUIRED)).get("nodeSelectorTerms"))]
    terms += _within(f"{path}.{_PREFERRED}", found.get(_PREFERRED), "preference")
    for place, term in terms:
        for at, expression in parts(f"{place}.matchExpressions", term.get("matchExpressions")):
            yield from _expression(at, expression, (*_VALUED, *_UNVALUED, *_COMPARED))
        for at, expression in parts(f"{place}.matchFields", term.get("matchFields")):
            yield from _expression(at, expression, _VALUED)


def _pod_affinity(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    terms = [*parts(f"{path}.{_REQUIRED}", found.get(_REQUIRED))]
    terms += _within(f"{path}.{_PREFERRED}", found.get(_PREFERRED), "podAffinityTerm")
    for place, term in terms:
        if not term.get("topologyKey"):
            yield Mistake(f"`{place}.topologyKey` is missing", "write a label of nodes, such as kubernetes.io/hostname")
        for key in ("labelSelector", "namespaceSelector"):
            yield from selector(f"{place}.{key}", term.get(key))


def _within(path: str, found: Any, key: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f"{place}.{key}", mapping(part.get(key))) for place, part in parts(path, found)]
