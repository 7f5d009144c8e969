"""YAML as a playbook may use it: YAML 1.2 core scalars, no duplicate keys, one document, bounded in every direction.

PyYAML reads YAML 1.1: `22:00` is 1320 there, `no` is false and `017` is 15. Here they are what they look like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from underway.playbook.diagnostics import Problem

MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 60
_MAX_NODES = 100_000

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """0-based, as yaml counts."""

    line: int
    column: int


@dataclass
class Document:
    """The data of a document, and where each value (by its path) and each key stands."""

    data: Any
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    plain: dict[Path, bool] = field(default_factory=dict)


class UnreadableError(Exception):
    """The text is no such document; `problems` say why."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def read(data: bytes) -> Document:
    """Raises UnreadableError with every problem found."""
    text = decoded(data)
    try:
        root = _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line, mark.column) if mark else Place(0, 0)
        raise UnreadableError(Problem(place, f"this is not YAML: {_said(error)}", _yaml_hint(text, place))) from error
    except yaml.YAMLError as error:
        raise UnreadableError(Problem(Place(0, 0), f"this is not YAML: {error}")) from error
    except RecursionError as error:
        raise UnreadableError(Problem(Place(0, 0), "this is nested too deeply")) from error
    if root is None:
        raise UnreadableError(
            Problem(Place(0, 0), "the playbook is empty", "begin with apiVersion: underway.dev/v1alpha1")
        )
    reader = _Reader()
    document = Document(reader.read(root, (), 0))
    document.values, document.keys, document.plain = reader.values, reader.keys, reader.plain
    if reader.problems:
        raise UnreadableError(*reader.problems)
    return document


def decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        size = f"{len(data) / MAX_BYTES:.1f} MiB"
        raise UnreadableError(Problem(Place(0, 0), f"the playbook is too large: {size}, the most is 1 MiB"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1)
        raise UnreadableError(
            Problem(Place(line, column), "this is not text: expected UTF-8", "is it a playbook?")
        ) from error
    found = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    if found:
        line = text.count("\n", 0, found.start())
        column = found.start() - (text.rfind("\n", 0, found.start()) + 1)
        raise UnreadableError(
            Problem(Place(line, column), "this is not text: it has control characters", "is it a playbook?")
        )
    return text


def _composed(text: str) -> yaml.Node | None:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
    finally:
        loader.dispose()
    return root


def _said(error: yaml.MarkedYAMLError) -> str:
    return " ".join(part for part in (error.problem, error.context) if part)


def _yaml_hint(text: str, place: Place) -> str | None:
    lines = text.splitlines()
    line = lines[place.line] if place.line < len(lines) else ""
    if "\t" in line[: place.column + 1]:
        return "YAML is indented with spaces, not with tabs"
    if "{" in line and "${" in line:
        return "put quotes around a value with ${…} inside { }"
    return None


class _Reader:
    """Nodes to data, with every key's and value's place."""

    def __init__(self) -> None:
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.plain: dict[Path, bool] = {}
        self.problems: list[Problem] = []
        self._read = 0

    def read(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self._read += 1
        if self._read > _MAX_NODES:
            raise UnreadableError(Problem(_place(node), "this grows too large: its aliases stand for too much"))
        if depth > _MAX_DEPTH:
            raise UnreadableError(Problem(_place(node), f"this is nested too deeply: {_MAX_DEPTH} levels are the most"))
        self.values[path] = _place(node)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path, depth)
            case yaml.SequenceNode():
                return [self.read(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
            case _:
                return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(_place(key_node), "a key is a word, this is a list or a mapping"))
                continue
            key = str(key_node.value)
            if key == "<<":
                hint = "write the keys out, or use an alias for a whole value"
                self.problems.append(Problem(_place(key_node), "merge keys (<<) are not part of YAML 1.2", hint))
                continue
            if key in found:
                first = self.keys[(*path, key)].line + 1
                self.problems.append(Problem(_place(key_node), f"`{key}` is given twice, first on line {first}"))
                continue
            self.keys[(*path, key)] = _place(key_node)
            found[key] = self.read(value_node, (*path, key), depth + 1)
        return found

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text = str(node.value)
        explicit = node.tag if isinstance(node.tag, str) and node.tag.startswith("!") else None
        if explicit is not None:
            self.problems.append(Problem(_place(node), f"the tag `{explicit}` means nothing here"))
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        self.plain[path] = plain
        return core_scalar(text) if plain else text


def core_scalar(text: str) -> Any:
    """A plain scalar by the YAML 1.2 core schema."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return _number(text, 10)
    if _OCTAL.fullmatch(text):
        return _number(text[2:], 8)
    if _HEX.fullmatch(text):
        return _number(text[2:], 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    return {".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}.get(text, text)


def _number(digits: str, base: int) -> int | str:
    """A number of more digits than Python converts stays text; no field takes such a one."""
    return int(digits, base) if len(digits) < 1000 else digits  # noqa: PLR2004 - below sys.int_info's limit


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line, node.start_mark.column)


def walk(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar of some data, with its path."""
    if isinstance(data, dict):
        for key, item in data.items():
            yield from walk(item, (*path, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from walk(item, (*path, index))
    else:
        yield path, data
