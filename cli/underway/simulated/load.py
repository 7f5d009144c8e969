"""A simulated cluster from files: a kind config, manifests, or both. What they do not say is assumed, and said."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from underway.cluster.ignored import Ignored, ignored, is_gone
from underway.cluster.model import Budget, Node, Pod, Ref, Service, Workload
from underway.cluster.objects import Object
from underway.cluster.snapshot import Snapshot
from underway.cluster.state import ClusterState
from underway.cluster.wire import from_mapping
from underway.errors import UsageError
from underway.simulated import files, kind
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import Fault
from underway.simulated.mistake import Mistake
from underway.simulated.priorities import Priorities
from underway.simulated.settings import TIMINGS, Settings
from underway.simulated.structure import misshapen
from underway.simulated.validity import mistakes
from underway.simulated.validity_service import NodePorts

_UP_FOR = timedelta(days=1)
_PRIORITY_CLASS = ("scheduling.k8s.io/v1", "PriorityClass")


class _Name(msgspec.Struct):
    name: str | None = None


class _Port(msgspec.Struct, rename="camel"):
    node_port: int | None = None


class _Metadata(msgspec.Struct):
    annotations: dict[str, str] | None = None


class _Template(msgspec.Struct):
    metadata: _Metadata | None = None

    def annotations(self) -> dict[str, str]:
        """Those that `settings` knows; the model's templates have none."""
        found = self.metadata.annotations if self.metadata else None
        return {key: value for key, value in (found or {}).items() if key in TIMINGS}


class _Spec(msgspec.Struct, rename="camel"):
    ports: list[_Port] | None = None
    template: _Template | None = None


class _Outline(msgspec.Struct):
    """What the simulation needs of an object beyond the model."""

    metadata: _Name
    spec: _Spec | None = None


@dataclass
class Loaded:
    """What the files say. `ignored`: the objects that maintenance does not look at."""

    objects: dict[Ref, Object] = field(default_factory=dict)
    ignored: list[Ignored] = field(default_factory=list)
    at_rest: bool = True
    """All of it comes from snapshots: it is as it was, and nothing has to be started first."""
    at: datetime | None = None
    """When the latest snapshot was taken."""
    refused: list[Mistake] = field(default_factory=list)
    """What an API server would not take."""
    assumptions: list[str] = field(default_factory=list)
    host_ports: dict[int, int] = field(default_factory=dict)
    node_ports: dict[int, Ref] = field(default_factory=dict)
    asked_ports: NodePorts = field(default_factory=NodePorts)
    own_port_range: bool = False
    """The API server has been given another range of node ports."""
    priorities: Priorities = field(default_factory=Priorities)

    def refuse(self, wrong: Iterable[Mistake], place: str) -> None:
        self.refused += (one._replace(message=f"{place}: {one.message}") for one in wrong)

    def services(self) -> Mapping[int, Ref]:
        """The ports at which a Service answers from outside: nodePorts, or what kind's extraPortMappings make of it."""
        mapped = {
            port: self.node_ports[inside] for port, inside in self.host_ports.items() if inside in self.node_ports
        }
        return mapped or self.node_ports


def load(paths: Sequence[Path]) -> Loaded:
    """Read files and directories (those not recursively); `-` is standard input. Raises UsageError, naming the file and
    where it can the line or the object.
    """
    loaded = Loaded()
    for path in paths:
        for file in files.files(path):
            found = files.read(file)
            if isinstance(found, Snapshot):
                loaded.objects |= {one.ref: one for one in found.objects}
                loaded.at = max(filter(None, (loaded.at, found.header.at)))
                continue
            loaded.at_rest = False
            for place, document in found:
                _take(loaded, document, place)
    loaded.refused += loaded.asked_ports.mistakes(usual=not loaded.own_port_range)
    if loaded.refused:
        raise _refusal(loaded.refused)
    loaded.assumptions.extend(loaded.priorities.give(loaded.objects))
    if not any(isinstance(found, Node) for found in loaded.objects.values()):
        raise UsageError("the cluster has no nodes", "give a kind config too, or the Node objects")
    return loaded


def _refusal(refused: Sequence[Mistake]) -> UsageError:
    """A hint that is for all of them stands at the end."""
    hints = {wrong.hint for wrong in refused}
    if len(hints) == 1:
        return UsageError("\n".join(wrong.message for wrong in refused), hints.pop())
    told = "\n".join(f"{wrong.message}; {wrong.hint}" for wrong in refused)
    return UsageError(told, "an API server would refuse each of them: kubectl apply --dry-run=server")


def simulate(loaded: Loaded, *, settings: Settings | None = None, faults: Sequence[Fault] = ()) -> SimulatedCluster:
    """The cluster some time after everything was applied: at rest, its pods Ready as far as they can be. `faults` begin
    then.
    """
    given = settings or Settings()
    given = replace(given, start=loaded.at or given.start)
    objects = loaded.objects.values()
    state = ClusterState(objects if loaded.at_rest else (_long_there(found, given.start) for found in objects))
    cluster = SimulatedCluster(state, settings=given, at_rest=loaded.at_rest)
    if not loaded.at_rest:
        cluster.settle()
    late = [f"{pod.ref}: is not Ready: {pod.waiting or 'it does not become so'}" for pod in cluster.unready()]
    cluster.begin([*loaded.assumptions, *late])
    cluster.bring(faults)
    return cluster


def _long_there(found: Object, start: datetime) -> Object:
    """A node of a cluster that has been set up from manifests has not become Ready for the simulation's sake."""
    if not isinstance(found, Node) or not found.ready:
        return found
    long_ago = start - _UP_FOR
    return msgspec.structs.replace(found, ready_since=min(found.ready_since or long_ago, long_ago))


def _take(loaded: Loaded, document: Any, source: str) -> None:
    if document is None:
        return
    if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
        raise UsageError(f"{source}: is no Kubernetes object: `kind` or `apiVersion` is missing", files.HINT)
    if str(document["apiVersion"]).startswith("underway.dev/"):
        raise UsageError(f"{source}: is a {document['kind']} of Underway, not a part of a cluster", files.HINT)
    if kind.is_kind_config(document):
        config = kind.read_config(document, source)
        loaded.host_ports |= kind.host_ports(config)
        loaded.own_port_range |= kind.has_own_port_range(config)
        loaded.assumptions.extend(kind.assumptions(config))
        _keep(loaded, kind.cluster_of(config))
    elif isinstance(document.get("items"), list):
        for place, item in enumerate(document["items"]):
            _take(loaded, item, f"{source}: items[{place}]")
    else:
        _take_object(loaded, document, source)


def _take_object(loaded: Loaded, document: Mapping[str, Any], source: str) -> None:
    kind_name, metadata = str(document["kind"]), document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    place = f"{source}: {kind_name} {name or ''}".rstrip()
    wrong = list(misshapen(document))
    if wrong:
        loaded.refuse(wrong, place)
        return
    try:
        if (document["apiVersion"], kind_name) == _PRIORITY_CLASS:
            loaded.priorities.take_class(document)
            return
        gone = is_gone(str(document["apiVersion"]), kind_name)
        found = None if gone else from_mapping(document)
        if found is None:
            loaded.ignored.append(ignored(document))
            return
        outline = msgspec.convert(document, _Outline)
        if isinstance(found, Pod | Workload):
            loaded.priorities.note(found, document)
    except ValueError as error:
        loaded.refuse([Mistake(str(error), f"look it up: kubectl explain {kind_name.lower()}")], place)
        return
    if outline.spec is None:
        if isinstance(found, Workload | Pod | Budget | Service):
            raise UsageError(f"{place}: `spec` is missing", "is the file cut off?")
        outline.spec = _Spec()
    loaded.refuse(mistakes(found, document), place)
    if isinstance(found, Service):
        loaded.asked_ports.note(found.ref, document, place)
        loaded.node_ports |= {port.node_port: found.ref for port in outline.spec.ports or () if port.node_port}
    if isinstance(found, Workload) and outline.spec.template is not None:
        annotations = {**outline.spec.template.annotations(), **found.annotations}
        found = msgspec.structs.replace(found, annotations=annotations)
    _keep(loaded, [found])


def _keep(loaded: Loaded, objects: Iterable[Object]) -> None:
    for found in objects:
        kept = found
        if not found.uid:
            digest = hashlib.sha256(str(found.ref).encode()).digest()
            kept = msgspec.structs.replace(found, uid=str(uuid.UUID(bytes=digest[:16])), resource_version="1")
        if isinstance(kept, Pod) and not kept.phase:
            kept = msgspec.structs.replace(kept, phase="Pending")
        if isinstance(kept, Node) and not kept.allocatable:
            kept = msgspec.structs.replace(kept, allocatable=kind.ALLOCATABLE, ready=True)
            loaded.assumptions.append(f"{kept.ref}: is Ready and has {kind.ALLOCATABLE_TEXT}")
        loaded.objects[kept.ref] = kept
