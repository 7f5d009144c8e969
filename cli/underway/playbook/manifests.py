"""The manifests that a playbook applies: read before anything else, with every mistake and its file and line.

They are read as kubectl reads them (YAML 1.1 without times in base 60), but a key that is given twice is refused. No
message shows a line of a file: it may hold a Secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml

from underway.bounded import GivenTwiceError, ManifestLoader, UnboundedError
from underway.playbook.diagnostics import Diagnostic

MAX_BYTES = 3 * 1024 * 1024
"""The API server takes no larger request."""
_MOST = 500
_SUFFIXES = (".json", ".yaml", ".yml")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9:._-]{0,251}[A-Za-z0-9])?")
_START = 1
_SECRET_KEYS = ("data", "stringData")


@dataclass(frozen=True)
class Manifest:
    """One object as a file has it. `namespace` is empty if the file does not say, `plural` as long as it is not known
    how the server names the kind.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    file: str
    line: int
    content: Mapping[str, Any] = field(repr=False, compare=False)
    digest: str = ""
    """Of the content but a Secret's values, so that it can be told whether it has changed."""
    plural: str = ""
    namespaced: bool = True

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def group(self) -> str:
        group, slash, _ = self.api_version.rpartition("/")
        return group if slash else ""


class _Unfit(Exception):  # noqa: N818 - told as a diagnostic, never raised to a user
    def __init__(self, line: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


class _Loader(ManifestLoader):
    """As kubectl: no dates and no times in base 60, but octal numbers such as 0644; a key only once."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Unfit(key.start_mark.line + 1, "a key is a word, this is a list or a mapping")
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", list("yYnNtTfFoO")),
    ("int", r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def read(path: Path) -> tuple[list[Manifest], list[Diagnostic]]:
    """The objects of a file, or of the files of a directory (those not recursively), in their order; and what is wrong
    with them. Raises OSError if it cannot be read.
    """
    found: list[Manifest] = []
    wrong: list[Diagnostic] = []
    for file in _files(path):
        try:
            found.extend(_objects(file))
        except _Unfit as error:
            wrong.append(Diagnostic(str(file), error.line, 1, error.message, error.hint))
    return found, wrong


def twice(manifests: list[Manifest]) -> Iterator[Diagnostic]:
    """Those that say once more what an earlier one has said of the same object."""
    first: dict[tuple[str, str, str, str], Manifest] = {}
    for one in manifests:
        key = (one.group, one.kind, one.namespace, one.name)
        before = first.setdefault(key, one)
        if before is not one:
            hint = f"the first is in {before.file}, line {before.line}"
            yield Diagnostic(one.file, one.line, 1, f"{one.kind} `{one.name}` is given twice", hint)


def too_many(manifests: list[Manifest]) -> Iterator[Diagnostic]:
    """Of each a note is kept in the run's Lease, which has no room for more."""
    if len(manifests) > _MOST:
        last = manifests[_MOST]
        hint = "write several playbooks"
        yield Diagnostic(last.file, last.line, 1, f"too many objects: {_MOST} in a playbook are the most", hint)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    if not found:
        raise FileNotFoundError(2, "there is no manifest in this directory")
    return found


def _objects(file: Path) -> Iterator[Manifest]:
    with file.open("rb") as opened:
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _Unfit(_START, f"this is too large: {MAX_BYTES // 1024**2} MiB are the most")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Unfit(_START, "this is not text in UTF-8") from error
    try:
        loader = _Loader(text)
        for node in loader.nodes():
            yield from _of_document(loader, node, str(file))
    except UnboundedError as error:
        raise _Unfit(error.line + 1, error.message) from error
    except GivenTwiceError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else _START
        raise _Unfit(line, str(error.problem)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Unfit(
            mark.line + 1 if mark else _START, f"this is not YAML: {error.problem or error.context}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise _Unfit(_START, "this is not YAML") from error


def _of_document(loader: _Loader, node: yaml.Node, file: str) -> Iterator[Manifest]:
    data: Any = loader.construct_document(node)
    if data is None:
        return
    line = node.start_mark.line + 1
    if isinstance(data, dict) and isinstance(data.get("items"), list) and str(data.get("kind", "")).endswith("List"):
        lines = _lines_of_items(node)
        for item, place in zip(data["items"], lines, strict=True):
            yield _manifest(item, file, place)
    else:
        yield _manifest(data, file, line)


def _lines_of_items(node: yaml.Node) -> list[int]:
    items = next(value for key, value in node.value if key.value == "items")
    return [item.start_mark.line + 1 for item in items.value]


def _manifest(data: Any, file: str, line: int) -> Manifest:
    if not isinstance(data, dict):
        raise _Unfit(line, "this is no manifest: it is not a mapping")
    version, kind, metadata = data.get("apiVersion"), data.get("kind"), data.get("metadata")
    for key, value in (("apiVersion", version), ("kind", kind)):
        if not isinstance(value, str) or not value:
            raise _Unfit(line, f"this is no manifest: `{key}` is missing", "such as apiVersion: apps/v1")
    if str(version).startswith("underway.dev/"):
        raise _Unfit(line, f"this is a {kind} of Underway, not an object of a cluster")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not _NAME.fullmatch(name):
        hint = "a name that the server makes (generateName) cannot be applied again" if metadata else None
        raise _Unfit(line, f"this {kind} has no name: `metadata.name` is missing or no name", hint)
    namespace = metadata.get("namespace") or ""
    if not isinstance(namespace, str):
        raise _Unfit(line, f"the namespace of {kind} `{name}` is no text")
    for key in ("managedFields", "resourceVersion", "uid"):
        if key in metadata:
            hint = "the server writes it: take it out (kubectl get -o yaml has it)"
            raise _Unfit(line, f"{kind} `{name}` has `metadata.{key}`", hint)
    content = {key: value for key, value in data.items() if key != "status"}
    return Manifest(str(version), str(kind), namespace, name, file, line, content, _digest(content))


def _digest(content: Mapping[str, Any]) -> str:
    """Nothing can be told from it about a Secret's values, by trying them either: they do not count."""
    if content["kind"] == "Secret":
        hidden = {key: sorted(content[key]) for key in _SECRET_KEYS if isinstance(content.get(key), dict)}
        content = {**content, **hidden}
    return blake2b(json.dumps(content, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()
