"""A snapshot: the state of a cluster in a file, to plan and rehearse on without it.

One JSON value a line. The first says what the file is and how many objects follow; then come the pod templates, each
once, and the objects, each as a pair of its kind and its fields; a pod has the number of its template's line. It holds
what `cluster/model.py` knows and nothing else: no Secrets, no environment, no annotations but Underway's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeAlias, get_type_hints

import msgspec

from underway.cluster import model
from underway.cluster.model import Pod
from underway.cluster.objects import Autoscaler, Object, Quota
from underway.cluster.podspec import PodSpec
from underway.errors import UsageError

API_VERSION = "underway.dev/v1alpha1"
KIND = "Snapshot"
_KINDS: dict[str, type[Object]] = {
    found.__name__: found
    for found in (
        model.Node,
        model.Pod,
        model.Workload,
        Autoscaler,
        Quota,
        model.Budget,
        model.Service,
        model.EndpointSlice,
        model.NetworkPolicy,
        model.Claim,
        model.Volume,
        model.Lease,
    )
}


AwareDatetime: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
_AWARE: dict[Any, Any] = {datetime: AwareDatetime, datetime | None: AwareDatetime | None}
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Days can be added to it."""


class Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`at`: when the cluster was read."""

    api_version: str
    kind: str
    at: AwareDatetime
    cluster: str
    templates: int
    objects: int


def _line_of(kind: type[Object]) -> type[msgspec.Struct]:
    """The kind's fields, without those that are as ever; a pod's template is a number."""
    hints = get_type_hints(kind)
    fields: list[Any] = []
    for found in msgspec.structs.fields(kind):
        of_type = int if (kind, found.name) == (Pod, "spec") else _AWARE.get(hints[found.name], hints[found.name])
        if found.required or found.name == "spec":
            fields.append((found.name, of_type))
        elif found.default_factory is not msgspec.NODEFAULT:
            fields.append((found.name, of_type, msgspec.field(default_factory=found.default_factory)))
        else:
            fields.append((found.name, of_type, found.default))
    return msgspec.defstruct(
        f"{kind.__name__}Line", fields, omit_defaults=True, forbid_unknown_fields=True, kw_only=True, gc=False
    )


_LINES = {name: _line_of(kind) for name, kind in _KINDS.items()}
_DECODERS = {name: msgspec.json.Decoder(line) for name, line in _LINES.items()}
_SPECS = msgspec.json.Decoder(PodSpec)
_PAIR = msgspec.json.Decoder(tuple[str, msgspec.Raw])


def write(objects: Iterable[Object], at: datetime, cluster: str) -> Iterator[bytes]:
    """The lines of a snapshot, without their newlines."""
    kept = list(objects)
    templates: dict[bytes, int] = {}
    by_identity: dict[int, int] = {}
    for pod in kept:
        if isinstance(pod, Pod) and id(pod.spec) not in by_identity:
            by_identity[id(pod.spec)] = templates.setdefault(msgspec.json.encode(pod.spec), len(templates))
    header = Header(
        api_version=API_VERSION, kind=KIND, at=at, cluster=cluster, templates=len(templates), objects=len(kept)
    )
    yield msgspec.json.encode(header)
    yield from templates
    for found in kept:
        name = type(found).__name__
        fields = msgspec.structs.asdict(found)
        if isinstance(found, Pod):
            fields["spec"] = by_identity[id(found.spec)]
        yield msgspec.json.encode((name, _LINES[name](**fields)))


def is_snapshot(first_line: bytes) -> bool:
    """Whether a file that begins so means to be a snapshot."""
    return first_line.startswith(b"{") and b'"kind":"Snapshot"' in first_line


class Snapshot(NamedTuple):
    header: Header
    objects: list[Object]


def read(lines: Iterable[bytes], source: str) -> Snapshot:
    """Raises UsageError, naming the line, for what is cut off, of another version or kind, or holds unknown objects."""
    numbered = enumerate(lines, start=1)
    header = _header(next(numbered, (1, b""))[1], source)
    templates: list[PodSpec] = []
    objects: list[Object] = []
    for number, line in numbered:
        try:
            if len(templates) < header.templates:
                templates.append(_SPECS.decode(line))
            else:
                objects.append(_object(line, templates))
        except msgspec.DecodeError as error:
            if isinstance(error, msgspec.ValidationError) or number < header.templates + header.objects + 1:
                raise UsageError(f"{source}:{number}: is no object of a snapshot: {error}", _HINT) from error
            raise _cut_off(source, len(objects), header) from error
    if len(objects) != header.objects:
        raise _cut_off(source, len(objects), header)
    return Snapshot(header, objects)


_HINT = "make it anew: underway snapshot -o FILE"


def _header(line: bytes, source: str) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.DecodeError as error:
        raise UsageError(f"{source}:1: is no snapshot: {error}", _HINT) from error
    if header.at > _LATEST:
        raise UsageError(f"{source}:1: is no snapshot: nobody can have read it in {header.at:%Y}", _HINT)
    if header.kind != KIND or header.api_version != API_VERSION:
        raise UsageError(
            f"{source}:1: is a {header.kind} of {header.api_version}, not a {KIND} of {API_VERSION}", _HINT
        )
    return header


def _cut_off(source: str, found: int, header: Header) -> UsageError:
    return UsageError(f"{source}: is cut off: it has {found} of {header.objects} objects", _HINT)


def _object(line: bytes, templates: list[PodSpec]) -> Object:
    name, raw = _PAIR.decode(line)
    decoder = _DECODERS.get(name)
    if decoder is None:
        raise msgspec.ValidationError(f"unknown kind `{name}`")
    fields = msgspec.structs.asdict(decoder.decode(raw))
    if name == Pod.__name__:
        if not 0 <= fields["spec"] < len(templates):
            raise msgspec.ValidationError(f"there is no template {fields['spec']}")
        fields["spec"] = templates[fields["spec"]]
    return _KINDS[name](**fields)
