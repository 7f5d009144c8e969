"""What no field can tell by itself: names given twice, nodes ordered that are not selected, gates out of place.

The checks look at what is written, not at models, so that these mistakes are found beside all others. What has not the
shape that it should have is passed over: the models complain about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from underway.playbook.complaints import nearest
from underway.playbook.diagnostics import Problem
from underway.playbook.document import Document
from underway.playbook.names import ObjectName, rolled_name
from underway.playbook.places import Path

_SPEC: Path = ("spec",)


def cross_checks(data: Any, document: Document) -> Iterator[Problem]:
    spec = _mapping(data).get("spec")
    guards, steps = (*_SPEC, "guards"), (*_SPEC, "steps")
    yield from _gates(_mapping(spec).get("guards"), guards, document)
    yield from _twice(_mapping(spec).get("guards"), guards, "guards", document)
    yield from _twice(_mapping(spec).get("steps"), steps, "steps", document)
    yield from _rolled_twice(_mapping(spec).get("steps"), steps, document)
    for path, step in _items(_mapping(spec).get("steps"), steps):
        for place in ("before", "during", "after"):
            yield from _gates(step.get(place), (*path, place), document)
            yield from _twice(step.get(place), (*path, place), "gates", document)
        gates = _mapping(step.get("check")).get("gates")
        yield from _gates(gates, (*path, "check", "gates"), document)
        yield from _twice(gates, (*path, "check", "gates"), "gates", document)
        yield from _nodes(_mapping(step.get("nodes")), (*path, "nodes"), document)


def _mapping(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _strings(data: Any) -> list[tuple[int, str]]:
    return [(index, item) for index, item in enumerate(data if isinstance(data, list) else []) if isinstance(item, str)]


def _items(data: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, item in enumerate(data if isinstance(data, list) else []):
        if isinstance(item, dict):
            yield (*path, index), item


def _twice(data: Any, path: Path, what: str, document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for place, item in _items(data, path):
        name = item.get("name")
        if not isinstance(name, str):
            continue
        here = nearest((*place, "name"), document)
        if name in seen:
            hint = f"the first is on line {seen[name] + 1}"
            yield Problem(here, f"there are two {what} named `{name}`", hint)
        seen.setdefault(name, here.line)


def _rolled_twice(data: Any, path: Path, document: Document) -> Iterator[Problem]:
    """What a run puts back is the version before it; one between two of its own would be lost."""
    seen: dict[ObjectName, int] = {}
    for place, step in _items(data, path):
        name = rolled_name(_mapping(step.get("rollout")).get("workload"))
        if name is None:
            continue
        here = nearest((*place, "rollout", "workload"), document)
        if name in seen:
            hint = f"put both into one, or into two playbooks; the first is on line {seen[name] + 1}"
            yield Problem(here, f"{name} is rolled out twice", hint)
        seen.setdefault(name, here.line)


def _gates(data: Any, path: Path, document: Document) -> Iterator[Problem]:
    """A `node` gate is about the node at hand, which there is only in `verify`."""
    for place, gate in _items(data, path):
        body = gate.get("node")
        if isinstance(body, dict) and not body.keys() & {"name", "select"}:
            yield Problem(
                document.keys.get((*place, "node")) or nearest(place, document),
                "a `node` gate is about the node at hand, which only `verify` has",
                "name one with node: {name: worker-1}, or write nodes with a select",
            )


def _nodes(body: dict[str, Any], path: Path, document: Document) -> Iterator[Problem]:
    select = _mapping(body.get("select"))
    names = {name for _, name in _strings(select.get("names"))}
    for index, name in _strings(select.get("except")):
        if name in names:
            place = nearest((*path, "select", "except", index), document)
            yield Problem(place, f"`{name}` is both among the names and excepted")
    for key, listed, where in (
        ("names", select.get("names"), ("select", "names")),
        ("order", body.get("order"), ("order",)),
    ):
        seen: set[str] = set()
        for index, name in _strings(listed):
            place = nearest((*path, *where, index), document)
            if name in seen:
                yield Problem(place, f"`{name}` is twice in `{key}`")
            elif key == "order" and names and select.get("labels") is None and name not in names:
                yield Problem(place, f"`{name}` is not among the selected nodes")
            seen.add(name)
