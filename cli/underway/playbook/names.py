"""What Kubernetes takes for names, label selectors and images, as an operator writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from underway.playbook.strict import UnfitError, shown
from underway.units import KIND_OF, Requirement, Selector, parse_selector, selector_from_object

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_QUALIFIED = re.compile(rf"(?:(?P<prefix>{_SUBDOMAIN})/)?(?P<name>[A-Za-z0-9](?:[-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?)")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::\d+)?/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@[A-Za-z0-9+._-]+:[0-9a-fA-F]{{32,}})?"
)
_ENVIRONMENT = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_MAX_NAME = 253


class ObjectName(NamedTuple):
    """KIND/NAMESPACE/NAME, the kind in full."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(self)


def _name(value: Any) -> str:
    """A name by RFC 1123, as Kubernetes has it for most objects: a subdomain."""
    if not isinstance(value, str) or len(value) > _MAX_NAME or not re.fullmatch(_SUBDOMAIN, value):
        raise UnfitError(
            f"{shown(value)} cannot be the name of an object", "use lowercase letters, digits, `-` and `.`, at most 253"
        )
    return value


def namespace_name(value: Any) -> str:
    """A label by RFC 1123. UnfitError for anything else."""
    if not isinstance(value, str) or not re.fullmatch(_LABEL, value):
        raise UnfitError(f"{shown(value)} cannot be a namespace", "use lowercase letters, digits and `-`, at most 63")
    return value


def _node_name(value: Any) -> str:
    kind, slash, name = value.partition("/") if isinstance(value, str) else ("", "", "")
    return _name(name if slash and KIND_OF.get(kind.lower()) == "node" else value)


def _in_namespace(value: Any, kind: str) -> str:
    """NAMESPACE/NAME; the kind may stand before it, as kubectl prints it."""
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) == 3 and KIND_OF.get(parts[0].lower()) == kind:  # noqa: PLR2004 - kind, namespace, name
        parts = parts[1:]
    if len(parts) != 2:  # noqa: PLR2004 - namespace and name
        raise UnfitError(f"{shown(value)} is not NAMESPACE/NAME", "such as shop/web")
    return f"{namespace_name(parts[0])}/{_name(parts[1])}"


def _workload(value: Any, kinds: tuple[str, ...]) -> ObjectName:
    if isinstance(value, ObjectName):
        return value
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 3:  # noqa: PLR2004 - kind, namespace, name
        raise UnfitError(f"{shown(value)} is not KIND/NAMESPACE/NAME", "such as deployment/shop/web")
    kind = KIND_OF.get(parts[0].lower())
    if kind not in kinds:
        near = get_close_matches(parts[0].lower(), kinds, n=1, cutoff=0.7)
        hint = f"did you mean `{near[0]}`?" if near else f"use {' or '.join(kinds)}"
        raise UnfitError(f"{shown(parts[0])} is not a kind that can stand here", hint)
    return ObjectName(kind, namespace_name(parts[1]), _name(parts[2]))


def rolled_name(value: Any) -> ObjectName | None:
    """What a rollout names, as it may be written in many ways; None if it cannot be the name of such a workload."""
    try:
        return _workload(value, _ROLLED)
    except UnfitError:
        return None


def _selector(value: Any) -> Selector:
    if isinstance(value, Selector):
        return value
    if isinstance(value, str):
        if not value.strip():
            raise UnfitError("the selector is empty: it would select everything", "such as app=web")
        found = parse_selector(value)
    elif isinstance(value, dict) and value.keys() <= {"matchLabels", "matchExpressions"}:
        try:
            found = selector_from_object(value)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise UnfitError(
                "this is not a LabelSelector", "each of matchExpressions needs key and operator"
            ) from error
    else:
        raise UnfitError(
            "this is not a label selector", "write it as app=web,!canary, or with matchLabels and matchExpressions"
        )
    for complaint in (found for requirement in found.requirements for found in _complaints(requirement)):
        raise UnfitError(complaint)
    return found


def _complaints(requirement: Requirement) -> Iterator[str]:
    if not isinstance(requirement.key, str) or not _QUALIFIED.fullmatch(requirement.key):
        yield f"{shown(requirement.key)} cannot be the key of a label"
    if requirement.operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        yield f"{shown(requirement.operator)} is not one of In, NotIn, Exists, DoesNotExist"
    if (requirement.operator in ("In", "NotIn")) != bool(requirement.values):
        yield f"{shown(requirement.operator)} {'takes no' if requirement.values else 'needs'} values"
    for value in requirement.values:
        fits = isinstance(value, str) and (not value or ("/" not in value and _QUALIFIED.fullmatch(value)))
        if not fits:
            yield f"{shown(value)} cannot be the value of a label"


def _image(value: Any) -> str:
    if not isinstance(value, str) or not _IMAGE.fullmatch(value):
        raise UnfitError(f"{shown(value)} is not an image", "such as registry.k8s.io/kube-proxy:v1.34.4")
    return value


def _environment(value: str) -> str:
    if not _ENVIRONMENT.fullmatch(value):
        raise UnfitError(f"{shown(value)} cannot be the name of an environment variable")
    return value


_STRING = WithJsonSchema({"type": "string"})
_OBJECT = WithJsonSchema({"type": "string", "pattern": "^[^/]+/[^/]+/[^/]+$", "examples": ["deployment/shop/web"]})
_WORDS = PlainSerializer(str, return_type=str)

Name: TypeAlias = Annotated[str, BeforeValidator(_name), _STRING]
Namespace: TypeAlias = Annotated[str, BeforeValidator(namespace_name), _STRING]
NodeName: TypeAlias = Annotated[str, BeforeValidator(_node_name), _STRING]
ServiceName: TypeAlias = Annotated[str, BeforeValidator(lambda value: _in_namespace(value, "service")), _STRING]
PodName: TypeAlias = Annotated[str, BeforeValidator(lambda value: _in_namespace(value, "pod")), _STRING]
Image: TypeAlias = Annotated[str, BeforeValidator(_image), _STRING]
EnvironmentName: TypeAlias = Annotated[str, AfterValidator(_environment)]
LabelSelector: TypeAlias = Annotated[
    Selector, BeforeValidator(_selector), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}]})
]

_ROLLED = ("deployment", "statefulset", "daemonset")
_SCALED = ("deployment", "statefulset", "replicaset")
WorkloadName: TypeAlias = Annotated[
    ObjectName, BeforeValidator(lambda value: _workload(value, (*_ROLLED, "replicaset", "job", "pod"))), _WORDS, _OBJECT
]
RolledName: TypeAlias = Annotated[ObjectName, BeforeValidator(lambda value: _workload(value, _ROLLED)), _WORDS, _OBJECT]
ScaledName: TypeAlias = Annotated[ObjectName, BeforeValidator(lambda value: _workload(value, _SCALED)), _WORDS, _OBJECT]
