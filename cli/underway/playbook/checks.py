"""What one field alone cannot tell: names given twice, nodes ordered that are not selected, gates out of place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from underway.playbook.diagnostics import Problem
from underway.playbook.document import Document, Path, Place
from underway.playbook.gates import Gate
from underway.playbook.models import NodesStep, Playbook, Step
from underway.playbook.types import is_name

_ZERO = timedelta()
_ALL = 100


def cross_checks(playbook: Playbook, document: Document) -> Iterator[Problem]:
    """Problems of a playbook whose every field is right by itself."""
    spec: Path = ("spec",)
    yield from _twice(
        [(gate.name, (*spec, "guards", index)) for index, gate in enumerate(playbook.spec.guards)], "guard", document
    )
    yield from _twice(
        [(step.name, (*spec, "steps", index)) for index, step in enumerate(playbook.spec.steps)], "step", document
    )
    for index, gate in enumerate(playbook.spec.guards):
        yield from _gate(gate, (*spec, "guards", index), document, verify=False)
    for index, step in enumerate(playbook.spec.steps):
        yield from _step(step, (*spec, "steps", index), document)
    for name, variable in playbook.spec.vars.items():
        if variable.pattern is not None:
            try:
                re.compile(variable.pattern)
            except re.error as error:
                yield Problem(
                    _at(document, (*spec, "vars", name, "pattern")), f"`pattern`: not a regular expression: {error}"
                )


def _at(document: Document, path: Path) -> Place:
    while path and path not in document.values:
        path = path[:-1]
    return document.values.get(path, Place(0, 0))


def _twice(named: list[tuple[str | None, Path]], what: str, document: Document) -> Iterator[Problem]:
    seen: set[str] = set()
    for name, path in named:
        if name is not None and name in seen:
            yield Problem(
                _at(document, (*path, "name")), f"there are two {what}s named `{name}`", "give each a name of its own"
            )
        seen.add(name or "")


def _step(step: Step, path: Path, document: Document) -> Iterator[Problem]:
    for place in ("before", "during", "after"):
        gates: tuple[Gate, ...] = getattr(step, place)
        yield from _twice([(gate.name, (*path, place, index)) for index, gate in enumerate(gates)], "gate", document)
        for index, gate in enumerate(gates):
            yield from _gate(gate, (*path, place, index), document, verify=False)
    for index, gate in enumerate(getattr(step.body, "gates", ())):
        yield from _gate(gate, (*path, step.verb, "gates", index), document, verify=False)
    yield from _positive(step.timeout, (*path, "timeout"), document)
    if isinstance(step.body, NodesStep):
        yield from _nodes(step.body, (*path, "nodes"), document)


def _nodes(body: NodesStep, path: Path, document: Document) -> Iterator[Problem]:
    for key, share in (("maxUnavailable", body.max_unavailable), ("maxFailed", body.max_failed)):
        if share.percent and share.value > _ALL:
            yield Problem(_at(document, (*path, key)), f"`{key}`: {share} is more than all of them")
    yield from _names(body, path, document)
    yield from _positive(body.drain.timeout, (*path, "drain", "timeout"), document)
    yield from _maintenance(body, (*path, "maintain", "job"), document)
    for index, gate in enumerate(body.verify):
        yield from _gate(gate, (*path, "verify", index), document, verify=True)


def _names(body: NodesStep, path: Path, document: Document) -> Iterator[Problem]:
    for key, names in (("names", body.select.names), ("except", body.select.except_)):
        for index, name in enumerate(names):
            if not is_name(name):
                yield Problem(_at(document, (*path, "select", key, index)), f"`{name}` cannot be the name of a node")
    if isinstance(body.order, tuple) and body.select.labels is None:
        for index, name in enumerate(body.order):
            if name not in body.select.names:
                yield Problem(_at(document, (*path, "order", index)), f"`{name}` is not among the selected nodes")


def _maintenance(body: NodesStep, path: Path, document: Document) -> Iterator[Problem]:
    job = body.maintain.job if body.maintain else None
    if job is None:
        return
    yield from _positive(job.timeout, (*path, "timeout"), document)
    if job.namespace is not None and not is_name(job.namespace):
        yield Problem(_at(document, (*path, "namespace")), f"`{job.namespace}` cannot be a namespace")


def _gate(gate: Gate, path: Path, document: Document, *, verify: bool) -> Iterator[Problem]:
    body = gate.body
    if gate.kind == "node" and not verify and getattr(body, "name", None) is None:
        hint = "write nodes with a select, or name one: node: {name: worker-1}"
        yield Problem(
            _at(document, (*path, "node")), "a `node` gate is about the node at hand, and only `verify` has one", hint
        )
    for key, found in (("every", gate.every), ("timeout", gate.timeout)):
        yield from _positive(found, (*path, key), document)
    for key in ("every", "timeout"):
        yield from _positive(getattr(body, key, None), (*path, gate.kind, key), document)


def _positive(found: timedelta | None, path: Path, document: Document) -> Iterator[Problem]:
    if found is not None and found <= _ZERO:
        yield Problem(_at(document, path), f"`{path[-1]}` must be more than 0s")
