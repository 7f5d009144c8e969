"""YAML and JSON that cannot exhaust who reads them: bounded in depth, and in what aliases make it grow to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import msgspec
import yaml


class UnboundedError(ValueError):
    """A text that is nested too deeply or grows too large. `line` and `column` count from 0."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


@dataclass(frozen=True)
class Bounds:
    """Of one document. `values`: aliases count with all that they stand for."""

    depth: int
    values: int

    def check(self, mark: yaml.Mark, values: int, depth: int) -> None:
        """Raises UnboundedError."""
        if values > self.values:
            message = f"this grows too large: {self.values:,} values are the most, aliases included"
            raise UnboundedError(message, mark.line, mark.column)
        if depth > self.depth:
            raise UnboundedError(too_deep(self.depth), mark.line, mark.column)


def too_deep(levels: int) -> str:
    return f"this is nested too deeply: {levels} levels are the most"


class BoundedLoader(yaml.SafeLoader):
    """Composes nodes, and stops early where there are too many or they are too deep."""

    bounds: ClassVar[Bounds] = Bounds(depth=100, values=10_000_000)
    """PyYAML takes three calls for each level, of the thousand that Python allows."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._composed = 0

    def compose_document(self) -> yaml.Node | None:
        self._composed = 0
        node: yaml.Node | None = super().compose_document()
        return node

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        self._composed += 1
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # types-PyYAML gives it no types
        self.bounds.check(mark, self._composed, self._depth)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def nodes(self) -> Iterator[yaml.Node]:
        """Every document that is not empty, once it is sure that it can be read: an alias may stand for a document's
        own beginning, or for a thousand others. Raises UnboundedError.
        """
        while self.check_node():
            node = self.get_node()
            if node is not None:
                _measure(node, self.bounds, 1, {})
                yield node


class GivenTwiceError(yaml.MarkedYAMLError):
    """A mapping has a key twice: the first would be lost without a word."""


class ManifestLoader(BoundedLoader):
    """Makes of a manifest what kubectl makes of it: a key is there only once, and is text, whatever YAML takes it for:
    `yes: 1` is `"true": 1`.
    """

    def construct_document(self, node: yaml.Node) -> Any:
        """Raises GivenTwiceError."""
        twice = _key_given_twice(node)
        if twice is not None:
            raise GivenTwiceError(problem=f"`{twice.value}` is given twice", problem_mark=twice.start_mark)
        return super().construct_document(node)

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's own signature
    ) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep=deep)
        return {key if isinstance(key, str) else json.dumps(key, default=str): value for key, value in found.items()}


def _measure(node: yaml.Node, bounds: Bounds, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many values it has, and how many levels; each node is looked at once, however often it is an alias."""
    found = known.get(id(node))
    if found is None:
        bounds.check(node.start_mark, 0, depth)
        inner = [_measure(child, bounds, depth + 1, known) for child in _children(node)]
        found = 1 + sum(values for values, _ in inner), 1 + max((levels for _, levels in inner), default=0)
        known[id(node)] = found
    bounds.check(node.start_mark, found[0], depth + found[1] - 1)
    return found


def _key_given_twice(document: yaml.Node) -> yaml.ScalarNode | None:
    """The second one; `<<` may be there as often as one likes. To be asked before the document is constructed, which
    puts what is merged beside a mapping's own keys.
    """
    waiting, known = [document], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in known:
            continue
        known.add(id(node))
        twice = _given_twice(node) if isinstance(node, yaml.MappingNode) else None
        if twice is not None:
            return twice
        waiting += _children(node)
    return None


def _given_twice(node: yaml.MappingNode) -> yaml.ScalarNode | None:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                return key
            seen.add(key.value)
    return None


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        yield from chain.from_iterable(node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def json_values(text: str) -> list[Any]:
    """The JSON values that stand one after another, as kubectl takes them. Raises UnboundedError, and
    json.JSONDecodeError with the place for what is no JSON.
    """
    try:
        return [msgspec.json.decode(text)]
    except msgspec.DecodeError:
        return list(_one_after_another(text))
    except RecursionError as error:
        raise UnboundedError("this is nested too deeply") from error


def _one_after_another(text: str) -> Iterator[Any]:
    decoder, place = json.JSONDecoder(), 0
    while rest := len(text[place:].lstrip()):
        try:
            value, place = decoder.raw_decode(text, len(text) - rest)
        except RecursionError as error:
            raise UnboundedError("this is nested too deeply") from error
        yield value
