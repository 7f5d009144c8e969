"""What the API server's admission of priorities makes of the names of classes in files
(plugin/pkg/admission/priority/admission.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec


class _Name(msgspec.Struct):
    name: str


class _Class(msgspec.Struct, rename="camel"):
    metadata: _Name
    value: int
    global_default: bool = False
    preemption_policy: str | None = None

    def given_to(self, spec: PodSpec) -> PodSpec:
        return msgspec.structs.replace(spec, priority=self.value, preempts=self.preemption_policy != "Never")


_OWN = {
    name: _Class(_Name(name), value)
    for name, value in (("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000))
}


class _Named(msgspec.Struct, rename="camel"):
    """A pod's spec, or that of an object with a pod template."""

    priority_class_name: str | None = None
    template: _Templated | None = None


class _Templated(msgspec.Struct):
    """A template, or a whole object."""

    spec: _Named | None = None


@dataclass
class Priorities:
    """The classes of the files, and which of their pods and templates names which."""

    _classes: dict[str, _Class] = field(default_factory=lambda: dict(_OWN))
    _named: dict[Ref, str] = field(default_factory=dict)

    def take_class(self, document: Mapping[str, Any]) -> None:
        """Raises ValueError if it cannot be read."""
        found = msgspec.convert(document, _Class)
        self._classes[found.metadata.name] = found

    def note(self, found: Pod | Workload, document: Mapping[str, Any]) -> None:
        """Raises ValueError if it cannot be read."""
        spec = msgspec.convert(document, _Templated).spec
        if isinstance(found, Workload):
            spec = spec.template.spec if spec and spec.template else None
        self._named[found.ref] = (spec and spec.priority_class_name) or ""

    def give(self, objects: dict[Ref, Object]) -> Iterator[str]:
        """Give what has been noted its priority; yields what had to be assumed."""
        # of several the lowest, should it come to that (getDefaultPriority)
        default = min((one for one in self._classes.values() if one.global_default), key=_value, default=None)
        for ref, name in self._named.items():
            given = self._classes.get(name) if name else default
            if given is not None:
                objects[ref] = _with(given, objects[ref])
            elif name:
                yield f"{ref}: has priority 0, no file has the PriorityClass {name}"


def _value(one: _Class) -> int:
    return one.value


def _with(given: _Class, found: Object) -> Object:
    if isinstance(found, Pod):
        return msgspec.structs.replace(found, spec=given.given_to(found.spec))
    if not isinstance(found, Workload) or found.template is None:
        return found
    template = msgspec.structs.replace(found.template, spec=given.given_to(found.template.spec))
    return msgspec.structs.replace(found, template=template)
