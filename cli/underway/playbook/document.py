"""YAML as a playbook may use it: YAML 1.2 core scalars, no duplicate keys, one document, bounded in every direction.

PyYAML reads YAML 1.1: `22:00` is 1320 there, `no` is false and `017` is 15. Here they are what they look like.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.reader import Reader

from underway.bounded import BoundedLoader, Bounds, UnboundedError
from underway.playbook.diagnostics import Problem
from underway.playbook.places import LINE_BREAK, Path, Place
from underway.playbook.syntax import syntax_problem

MAX_BYTES = 256 * 1024
"""Thousands of steps, and read in less than a second."""
_BOUNDS = Bounds(depth=60, values=10_000)
_MAX_TEXT = 65_536
"""No single value is longer: what reads it next may take more than linear time."""

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
_NO_TEXT = re.compile("[\\x00\\ud800-\\udfff]")
"""What quoted text can bring in by an escape, and no program nor the API server takes."""
_DIGITS = 300
"""More than any field takes, and fewer than make Python slow or refuse."""
_PLAIN, _QUOTED, _COLLECTION = "?", '"', ""
"""The tags of nodes that have no tag of their own."""


_START = Place(0, 0)


@dataclass
class Document:
    """The data of a document, and where each value (by its path) and each key stands."""

    data: Any
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    lines: Sequence[str] = ()


class UnreadableError(Exception):
    """The text is no such document; `problems` say why."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def lines_of(data: bytes) -> list[str]:
    """The lines as yaml counts them; what is not UTF-8 is replaced. None for what is too large to be shown."""
    return LINE_BREAK.split(data.decode("utf-8-sig", errors="replace")) if len(data) <= MAX_BYTES else []


def read(data: bytes, hint_if_empty: str | None = None) -> Document:
    """Raises UnreadableError with every problem found."""
    text = _decoded(data)
    try:
        return _read(text, hint_if_empty)
    except UnboundedError as error:
        raise UnreadableError(Problem(Place(error.line, error.column), error.message)) from error


def _read(text: str, hint_if_empty: str | None) -> Document:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    except UnboundedError:
        raise
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(syntax_problem(error, text)) from error
    except yaml.YAMLError as error:
        raise UnreadableError(Problem(_START, f"this is not YAML: {error}")) from error
    except (ValueError, OverflowError) as error:  # from PyYAML, for escapes and versions beyond all numbers
        place = Place(loader.line, loader.column)
        raise UnreadableError(Problem(place, "this is not YAML: a number here is out of range")) from error
    reader = _Reader()
    found = reader.read(root, (), 0) if root is not None else None
    if reader.problems:
        raise UnreadableError(*reader.problems)
    if found is None:
        raise UnreadableError(Problem(_START, "this is empty", hint_if_empty))
    return Document(found, reader.values, reader.keys, LINE_BREAK.split(text))


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise UnreadableError(Problem(_START, "this is too large: 256 KiB is the most", "is it a playbook?"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _end_of(error.object[: error.start].decode())
        raise UnreadableError(Problem(place, "this is not text in UTF-8", "is it a playbook?")) from error
    found = Reader.NON_PRINTABLE.search(text)
    if found:
        message = f"this is not text: it has the control character U+{ord(found[0]):04X}"
        raise UnreadableError(Problem(_end_of(text[: found.start()]), message, "is it a playbook?"))
    return text


def _end_of(text: str) -> Place:
    lines = LINE_BREAK.split(text)
    return Place(len(lines) - 1, len(lines[-1]))


class _Loader(BoundedLoader):
    """Composes nodes only."""

    bounds = _BOUNDS

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:  # noqa: ARG002 - yaml's signature
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _QUOTED
        return _COLLECTION


class _Reader:
    """Nodes to data, with every key's and value's place."""

    def __init__(self) -> None:
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self._read = 0

    def read(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self._read += 1
        _BOUNDS.check(node.start_mark, self._read, depth)
        self.values[path] = _place(node)
        if node.tag not in (_PLAIN, _QUOTED, _COLLECTION):
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            hint = "take it out" if node.value or tag.startswith("!!") else f"to write the text itself: '{tag}'"
            self.problems.append(Problem(_place(node), f"the tag `{tag}` means nothing here", hint))
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path, depth)
            case yaml.SequenceNode():
                return [self.read(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
            case _:
                return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        if len(node.value) > _MAX_TEXT:
            self.problems.append(Problem(_place(node), f"this is too long: {_MAX_TEXT:,} characters are the most"))
        elif found := _NO_TEXT.search(node.value):
            self.problems.append(
                Problem(_place(node), f"this has U+{ord(found[0]):04X}, which is no character of a text")
            )
        else:
            return core_scalar(node.value) if node.tag == _PLAIN else node.value
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                hint = "put quotes around ${…} inside { }" if isinstance(key_node, yaml.MappingNode) else None
                self.problems.append(Problem(place, "a key is a word, this is a list or a mapping", hint))
                continue
            key = str(key_node.value)
            if key == "<<" and key_node.tag == _PLAIN:
                hint = "write the keys out, or use an alias for a whole value"
                self.problems.append(Problem(place, "merge keys (<<) are not part of YAML 1.2", hint))
                continue
            if key in found:
                first = self.keys[(*path, key)].line + 1
                self.problems.append(Problem(place, f"`{key}` is given twice", f"the first is on line {first}"))
                continue
            self.keys[(*path, key)] = place
            found[key] = self.read(value_node, (*path, key), depth + 1)
        return found


def core_scalar(text: str) -> Any:
    """A plain scalar by the YAML 1.2 core schema. A number of too many digits stays text."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if len(text) <= _DIGITS:
        if _INT.fullmatch(text):
            return int(text)
        if _PREFIXED.fullmatch(text):
            return int(text, 0)
        if _FLOAT.fullmatch(text):
            return float(text)
    sign, dot, word = text.partition(".")
    return _SPECIAL.get(sign.replace("+", "") + word.lower(), text) if dot else text


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line, node.start_mark.column)
