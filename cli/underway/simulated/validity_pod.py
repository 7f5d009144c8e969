"""What an API server refuses of a pod's spec, and of selectors, as far as it would mislead a simulation.

The rules are Kubernetes' own: `pkg/apis/core/validation/validation.go` and
`staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_VALUED = ("In", "NotIn")
_UNVALUED = ("Exists", "DoesNotExist")
_COMPARED = ("Gt", "Lt")
"""For nodes only, with one value."""
_ANSWERS = ("DoNotSchedule", "ScheduleAnyway")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NOTHING: Mapping[str, Any] = {}


class Mistake(NamedTuple):
    """`missing`: something is not said, which is none where the object has it already."""

    message: str
    hint: str
    missing: bool = False


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def pod_spec(path: str, spec: Mapping[str, Any]) -> Iterator[Mistake]:
    if not spec.get("containers"):
        yield Mistake(f"`{path}.containers` is missing or empty", "give it a container", missing=True)
    for place, found in _parts(f"{path}.topologySpreadConstraints", spec.get("topologySpreadConstraints")):
        yield from _spread(place, found)
    affinity = mapping(spec.get("affinity"))
    if affinity:
        yield from _node_affinity(f"{path}.affinity.nodeAffinity", mapping(affinity.get("nodeAffinity")))
        for key in ("podAffinity", "podAntiAffinity"):
            yield from _pod_affinity(f"{path}.affinity.{key}", mapping(affinity.get(key)))


def selector(path: str, found: Any) -> Iterator[Mistake]:
    """Of labels; one that is not given is none."""
    for place, expression in _parts(f"{path}.matchExpressions", mapping(found).get("matchExpressions")):
        yield from _expression(place, expression, (*_VALUED, *_UNVALUED))


def _expression(path: str, found: Mapping[str, Any], known: Sequence[str]) -> Iterator[Mistake]:
    operator, values = found.get("operator"), found.get("values") or ()
    if not found.get("key"):
        yield Mistake(f"`{path}.key` is missing", "write the label's key")
    if operator not in known:
        yield _unknown(f"{path}.operator", operator, known)
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
        yield _unknown(f"{path}.whenUnsatisfiable", answer, _ANSWERS)
    yield from selector(f"{path}.labelSelector", found.get("labelSelector"))


def _node_affinity(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    terms = [*_parts(f"{path}.{_REQUIRED}.nodeSelectorTerms", mapping(found.get(_REQUIRED)).get("nodeSelectorTerms"))]
    terms += _within(f"{path}.{_PREFERRED}", found.get(_PREFERRED), "preference")
    for place, term in terms:
        for at, expression in _parts(f"{place}.matchExpressions", term.get("matchExpressions")):
            yield from _expression(at, expression, (*_VALUED, *_UNVALUED, *_COMPARED))
        for at, expression in _parts(f"{place}.matchFields", term.get("matchFields")):
            yield from _expression(at, expression, _VALUED)


def _pod_affinity(path: str, found: Mapping[str, Any]) -> Iterator[Mistake]:
    terms = [*_parts(f"{path}.{_REQUIRED}", found.get(_REQUIRED))]
    terms += _within(f"{path}.{_PREFERRED}", found.get(_PREFERRED), "podAffinityTerm")
    for place, term in terms:
        if not term.get("topologyKey"):
            yield Mistake(f"`{place}.topologyKey` is missing", "write a label of nodes, such as kubernetes.io/hostname")
        for key in ("labelSelector", "namespaceSelector"):
            yield from selector(f"{place}.{key}", term.get(key))


def _within(path: str, found: Any, key: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f"{place}.{key}", mapping(part.get(key))) for place, part in _parts(path, found)]


def _parts(path: str, found: Any) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f"{path}[{place}]", mapping(part)) for place, part in enumerate(found)] if found else []


def _unknown(path: str, value: Any, known: Sequence[str]) -> Mistake:
    told = f"is `{value}`, which it cannot be" if value else "is missing"
    return Mistake(f"`{path}` {told}", f"write one of {', '.join(known)}")
