"""What the `kubeadmConfigPatches` of a kind config make of a node: its labels, its taints, how many pods it takes.

kind merges each patch into the kubeadm documents of that kind that it writes for a node (JSON merge patch, RFC 7386):
InitConfiguration for the first control plane, JoinConfiguration for the others, KubeletConfiguration for all. Its own
`labels:` are the `node-labels` of kubeletExtraArgs there, so a patch of those takes their place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from underway.bounded import BoundedLoader, UnboundedError
from underway.cluster.podspec import Taint

_TAINTS: Mapping[str, Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]] = {
    "NoSchedule": "NoSchedule",
    "PreferNoSchedule": "PreferNoSchedule",
    "NoExecute": "NoExecute",
}
_REGISTRATION = ("InitConfiguration", "JoinConfiguration")
_KNOWN = {
    "InitConfiguration": {"nodeRegistration"},
    "JoinConfiguration": {"nodeRegistration"},
    "KubeletConfiguration": {"maxPods", "registerWithTaints"},
}
_ARGUMENTS = ("node-labels", "register-with-taints", "max-pods")
_ABOUT = {"apiVersion", "kind", "metadata"}


@dataclass
class Patched:
    """What patches ask for; None where they do not say. `unread`: the fields of theirs that are not looked at."""

    labels: dict[str, str] | None = None
    taints: list[Taint] | None = None
    """In place of those that kubeadm gives the node."""
    registered: list[Taint] = field(default_factory=list)
    """Given by the kubelet besides."""
    max_pods: int | None = None
    unread: list[str] = field(default_factory=list)


def patched(patches: Iterable[str], *, first: bool) -> Patched:
    """`patches`: those of the cluster, then those of the node. `first`: the node is the first control plane. Raises
    ValueError for what is no patch.
    """
    found = Patched()
    wanted = ("InitConfiguration" if first else "JoinConfiguration", "KubeletConfiguration")
    for text in patches:
        for document in _documents(text):
            kind = str(document.get("kind", ""))
            if kind in wanted or kind not in _KNOWN:
                _take(found, kind, document)
    return found


def _documents(text: str) -> Iterator[dict[str, Any]]:
    loader = BoundedLoader(text)
    try:
        for node in loader.nodes():
            document = loader.construct_document(node)
            if not isinstance(document, dict) or not document.get("kind"):
                raise ValueError("a kubeadm patch has no `kind`")
            yield document
    except yaml.MarkedYAMLError as error:
        raise ValueError(f"a kubeadm patch is no YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnboundedError) as error:
        raise ValueError(f"a kubeadm patch is no YAML: {error}") from error


def _take(found: Patched, kind: str, document: Mapping[str, Any]) -> None:
    known = _KNOWN.get(kind, set())
    found.unread += (f"{kind}.{key}" for key in document if key not in known | _ABOUT)
    if kind == "KubeletConfiguration":
        if "maxPods" in document:
            found.max_pods = _count("maxPods", document["maxPods"])
        found.registered += map(_taint, _list(document, "registerWithTaints"))
    registration = document.get("nodeRegistration")
    if kind in _REGISTRATION and isinstance(registration, dict):
        _take_registration(found, kind, registration)


def _take_registration(found: Patched, kind: str, registration: Mapping[str, Any]) -> None:
    if registration.get("taints") is not None:
        found.taints = [_taint(one) for one in _list(registration, "taints")]
    arguments = dict(_arguments(registration.get("kubeletExtraArgs")))
    if "node-labels" in arguments:
        pairs = (pair.partition("=") for pair in arguments["node-labels"].split(",") if pair)
        found.labels = {key: value for key, _, value in pairs}
    if "register-with-taints" in arguments:
        found.registered += map(_written_taint, filter(None, arguments["register-with-taints"].split(",")))
    if "max-pods" in arguments:
        found.max_pods = _count("max-pods", arguments["max-pods"])
    place = f"{kind}.nodeRegistration"
    found.unread += (f"{place}.{key}" for key in registration if key not in ("taints", "kubeletExtraArgs"))
    found.unread += (f"{place}.kubeletExtraArgs.{key}" for key in arguments if key not in _ARGUMENTS)


def _arguments(given: Any) -> Iterator[tuple[str, str]]:
    """A mapping up to kubeadm's v1beta3, a list of names and values from v1beta4 on."""
    if isinstance(given, dict):
        yield from ((str(name), _text(value)) for name, value in given.items())
    elif isinstance(given, list):
        for one in given:
            if not isinstance(one, dict) or "name" not in one:
                raise ValueError("`kubeletExtraArgs` has an entry without `name`")
            yield str(one["name"]), _text(one.get("value"))
    elif given is not None:
        raise ValueError("`kubeletExtraArgs` is neither a mapping nor a list")


def _text(value: Any) -> str:
    """As a flag has it: `true`, not `True`."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, default=str)


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    found = document.get(key)
    if found is not None and not isinstance(found, list):
        raise ValueError(f"`{key}` is no list")
    return found or []


def _taint(given: Any) -> Taint:
    if not isinstance(given, dict) or not given.get("key") or str(given.get("effect")) not in _TAINTS:
        raise ValueError(f"a taint has a key and an effect ({', '.join(_TAINTS)})")
    return Taint(str(given["key"]), _TAINTS[str(given["effect"])], _text(given.get("value")))


def _written_taint(text: str) -> Taint:
    """KEY=VALUE:EFFECT or KEY:EFFECT, as kubectl taint has it."""
    named, _, effect = text.rpartition(":")
    key, _, value = named.partition("=")
    return _taint({"key": key, "value": value, "effect": effect})


def _count(name: str, given: Any) -> int:
    if not str(given).isdecimal() or isinstance(given, bool):
        raise ValueError(f"`{name}` is `{given}`, not a number of pods")
    return int(given)
