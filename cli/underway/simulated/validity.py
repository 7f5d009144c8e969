"""What an API server refuses of an object that can be read, as far as it would mislead a simulation.

The rules are Kubernetes' own: `pkg/apis/{apps,batch,policy,autoscaling}/validation/validation.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from underway.cluster.model import Budget, NetworkPolicy, Pod, Service, Workload
from underway.cluster.objects import Autoscaler, Object
from underway.simulated.validity_pod import Mistake, mapping, pod_spec, selector

_PERCENT = re.compile(r"\d{1,9}%", re.ASCII)
_MOST_PERCENT = 100
_COUNTS = ("replicas", "parallelism", "completions", "backoffLimit", "minReadySeconds", "progressDeadlineSeconds")
_STRATEGIES = ("strategy", "updateStrategy")
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_MOST_LETTERS, _MOST_OF_LABEL = 253, 63


def mistakes(found: Object, document: Mapping[str, Any]) -> Iterator[Mistake]:
    """`document`: what the object was read from."""
    told = mapping(document.get("spec"))
    yield from _name(found)
    match found:
        case Budget():
            yield from _budget(told)
            yield from selector("spec.selector", told.get("selector"))
        case Workload():
            yield from _counts(told)
            yield from _rolling(told)
            yield from selector("spec.selector", told.get("selector"))
            if found.kind != "job":
                yield from _selector(found)
            yield from pod_spec("spec.template.spec", mapping(mapping(told.get("template")).get("spec")))
        case Pod() if not found.uid:  # with one it has been taken by a server, and there may be 100,000 of them
            yield from pod_spec("spec", told)
        case NetworkPolicy():
            yield from selector("spec.podSelector", told.get("podSelector"))
        case Autoscaler():
            yield from _autoscaler(told, found)
        case _:
            pass


def _name(found: Object) -> Iterator[Mistake]:
    """A Service's is a part of a host's name, the others' may be a whole one."""
    most = _MOST_OF_LABEL if isinstance(found, Service) else _MOST_LETTERS
    if len(found.name) > most:
        yield Mistake(f"`metadata.name` has {len(found.name)} characters, and {most} are the most", "shorten it")
    elif not _NAME.fullmatch(found.name) or (isinstance(found, Service) and "." in found.name):
        dots = "" if isinstance(found, Service) else " and dots"
        hint = f"write lower case letters, digits, hyphens{dots}, a letter or digit first and last"
        yield Mistake(f"`metadata.name` is `{found.name}`, which is no name", hint)


def _budget(spec: Mapping[str, Any]) -> Iterator[Mistake]:
    given = [key for key in ("minAvailable", "maxUnavailable") if spec.get(key) is not None]
    if len(given) > 1:
        yield Mistake("`minAvailable` and `maxUnavailable` cannot both be given", "take one of them out")
    for key in given:
        yield from _share(f"spec.{key}", spec[key], _MOST_PERCENT)


def _share(path: str, value: Any, most: int | None = None) -> Iterator[Mistake]:
    """A number or a percentage, `most` of it."""
    hint = "write a number such as 1, or a percentage in quotes such as '50%'"
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            yield Mistake(f"`{path}` is {value}, and 0 is the least", hint)
    elif not isinstance(value, str) or not _PERCENT.fullmatch(value):
        yield Mistake(f"`{path}` is `{value}`, which is neither a number nor a percentage", hint)
    elif most is not None and int(value[:-1]) > most:
        yield Mistake(f"`{path}` is {value}, and {most}% are the most", hint)


def _counts(spec: Mapping[str, Any]) -> Iterator[Mistake]:
    for key in _COUNTS:
        value = spec.get(key)
        if isinstance(value, int) and value < 0:
            yield Mistake(f"`spec.{key}` is {value}, and 0 is the least", "write 0 or more")


def _rolling(spec: Mapping[str, Any]) -> Iterator[Mistake]:
    for key in _STRATEGIES:
        strategy = spec.get(key)
        rolling = strategy.get("rollingUpdate") if isinstance(strategy, dict) else None
        for name, most in (("maxSurge", None), ("maxUnavailable", _MOST_PERCENT)):
            value = rolling.get(name) if isinstance(rolling, dict) else None
            if value is not None:
                yield from _share(f"spec.{key}.rollingUpdate.{name}", value, most)


def _selector(found: Workload) -> Iterator[Mistake]:
    labels = found.template.labels if found.template else {}
    written = ", ".join(f"{key}: {value}" for key, value in labels.items())
    if found.selector is None or not found.selector.requirements:
        hint = (
            f"add selector: {{matchLabels: {{{written}}}}}" if labels else "give its template labels, and select them"
        )
        yield Mistake("`spec.selector` is missing: it would select nothing, or every pod", hint, missing=True)
    elif not found.selector.matches(labels):
        yield Mistake(
            f"`spec.selector` ({found.selector}) does not match the labels of its template ({written or 'none'})",
            "give the template the labels that the selector asks for",
        )


def _autoscaler(spec: Mapping[str, Any], found: Autoscaler) -> Iterator[Mistake]:
    most = spec.get("maxReplicas")
    if not isinstance(most, int) or most < 1:
        yield Mistake("`spec.maxReplicas` is missing or below 1", "write 1 or more", missing=most is None)
    elif found.min_replicas > most:
        hint = "write no more than maxReplicas"
        yield Mistake(f"`spec.minReplicas` is {found.min_replicas}, more than the {most} of `maxReplicas`", hint)
