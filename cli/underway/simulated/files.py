"""The files that a simulated cluster is made of. Each is read once from its beginning to its end: it may be a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import yaml

from underway.bounded import ManifestLoader, UnboundedError, json_values
from underway.cluster import snapshot
from underway.errors import UsageError

_SUFFIXES = (".yaml", ".yml", ".json")
_CUT_OFF = "is the file cut off?"
HINT = "give a kind config, manifests, or a directory of them"


class Document(NamedTuple):
    """`place`: its file and the line where it begins, as messages call it."""

    place: str
    data: Any


class _Loader(ManifestLoader):
    """Leaves dates as text, as JSON has them."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def files(path: Path) -> list[Path]:
    """The path itself, or the manifests of a directory (not recursively). `-` is standard input. UsageError."""
    if str(path) == "-":
        return [path]
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and file.is_file())
        if not found:
            raise UsageError(f"{path}: there is no manifest in this directory", HINT)
        return found
    if not path.exists():
        raise UsageError(f"{path}: no such file", HINT)
    return [path]


def read(file: Path) -> snapshot.Snapshot | Iterator[Document]:
    """What kind of file it is tells its first line. UsageError."""
    try:
        with _opened(file) as lines:
            first = lines.readline()
            if snapshot.is_snapshot(first):
                return snapshot.read(chain([first], lines), str(file))
            data = first + lines.read()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    return _documents(file, data)


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb")


def _documents(file: Path, data: bytes) -> Iterator[Document]:
    try:
        text = data.decode("utf-8-sig")
        yield from _parsed(file, text)
    except UnboundedError as error:
        where = f"{file}:{error.line + 1}:{error.column + 1}" if error.line or error.column else str(file)
        raise UsageError(f"{where}: {error.message}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: cannot be read: this is not text in UTF-8", HINT) from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error


def _parsed(file: Path, text: str) -> Iterator[Document]:
    """What has no name that tells, such as a pipe, may be JSON, which is read much faster; else it is YAML, of which
    JSON is a part.
    """
    if file.suffix == ".json":
        return _numbered(file, _json(file, text))
    if text.lstrip().startswith("{"):
        with suppress(json.JSONDecodeError):
            return _numbered(file, json_values(text))
    return _yaml(file, text)


def _numbered(file: Path, values: list[Any]) -> Iterator[Document]:
    for place, value in enumerate(values, start=1):
        yield Document(f"{file}: document {place}" if len(values) > 1 else str(file), value)


def _json(file: Path, text: str) -> list[Any]:
    try:
        return json_values(text)
    except json.JSONDecodeError as error:
        where = f"{file}:{error.lineno}:{error.colno}"
        if error.msg.startswith("Unterminated") or not text[error.pos :].strip():
            raise UsageError(f"{where}: is no JSON: it ends too early", _CUT_OFF) from error
        raise UsageError(f"{where}: is no JSON: {error.msg[0].lower()}{error.msg[1:]}") from error


def _yaml(file: Path, text: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        for node in loader.nodes():
            place = f"{file}:{node.start_mark.line + 1}"
            yield Document(place, loader.construct_document(node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        at_end = mark is not None and not text[mark.index :].strip()
        message = f"{file}{where}: {error.problem or error.context}"
        raise UsageError(message, _CUT_OFF if at_end else None) from error
