"""Variables: `${name}` in the strings of spec, with the types, defaults and patterns that spec.vars gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from underway.playbook.diagnostics import Problem
from underway.playbook.document import Document, Path, Place, core_scalar
from underway.units import parse_duration

_USE = re.compile(r"\$(?P<escaped>\$)?\{(?P<name>[^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "duration": str}


def substitute(document: Document, given: Mapping[str, Any], problems: list[Problem]) -> Any:
    """The document's data with its variables filled in; what is wrong with them is added to `problems`."""
    data = document.data
    spec = data.get("spec") if isinstance(data, dict) else None
    declared = spec.get("vars") if isinstance(spec, dict) else None
    declared = declared if isinstance(declared, dict) else {}
    values = _values(document, declared, given, problems)
    if not isinstance(spec, dict):
        return data
    filled = {
        key: item if key == "vars" else _fill(item, ("spec", key), document, values, declared, problems)
        for key, item in spec.items()
    }
    return {**data, "spec": filled}


def _values(
    document: Document, declared: Mapping[str, Any], given: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    start = document.keys.get(("spec", "vars")) or document.keys.get(("spec",)) or Place(0, 0)
    for name in given:
        if name not in declared:
            near = get_close_matches(name, declared, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"declared: {', '.join(declared) or 'none'}"
            problems.append(Problem(start, f"there is no variable `{name}` to set", hint))
    values: dict[str, Any] = {}
    for name, about in declared.items():
        place = document.keys[("spec", "vars", name)]
        if not _NAME.fullmatch(name):
            problems.append(Problem(place, f"`{name}` is not a name for a variable", "use letters, digits, - and _"))
            continue
        if not isinstance(about, dict) or about.get("type", "string") not in _TYPES:
            continue
        if name in given:
            _take(name, given[name], about, place, values, problems, "--set")
        elif about.get("default") is not None:
            where = document.values[("spec", "vars", name, "default")]
            _take(name, about["default"], about, where, values, problems, "its default")
        else:
            problems.append(
                Problem(place, f"variable `{name}` has no value", f"give it with --set {name}=…, or a default")
            )
    return values


def _take(
    name: str,
    value: Any,
    about: Mapping[str, Any],
    place: Place,
    values: dict[str, Any],
    problems: list[Problem],
    source: str,
) -> None:
    kind = str(about.get("type", "string"))
    try:
        values[name] = _typed(value, kind)
    except ValueError as error:
        problems.append(Problem(place, f"variable `{name}`, from {source}: {error}"))
        return
    pattern = about.get("pattern")
    if not isinstance(pattern, str):
        return
    try:
        fits = re.fullmatch(pattern, str(values[name]))
    except re.error:
        return
    if fits is None:
        message = f"variable `{name}`, from {source}: `{values[name]}` does not match its pattern {pattern}"
        problems.append(Problem(place, message))


def _typed(value: Any, kind: str) -> Any:
    """A value from the command line is text; one from YAML has a type already."""
    if kind == "string":
        if isinstance(value, dict | list):
            raise ValueError("a string is needed")
        return _as_text(value)
    read = core_scalar(value) if isinstance(value, str) else value
    if kind == "duration":
        parse_duration(str(value))
        return str(value)
    if kind == "boolean" and isinstance(read, bool):
        return read
    if kind == "integer" and isinstance(read, int) and not isinstance(read, bool):
        return read
    if kind == "number" and isinstance(read, int | float) and not isinstance(read, bool):
        return read
    raise ValueError(f"`{value}` is not of type {kind}")


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fill(
    item: Any,
    path: Path,
    document: Document,
    values: Mapping[str, Any],
    declared: Mapping[str, Any],
    problems: list[Problem],
) -> Any:
    if isinstance(item, dict):
        return {key: _fill(found, (*path, key), document, values, declared, problems) for key, found in item.items()}
    if isinstance(item, list):
        return [_fill(found, (*path, index), document, values, declared, problems) for index, found in enumerate(item)]
    if not isinstance(item, str) or "${" not in item:
        return item
    place = document.values[path]
    for use in _USE.finditer(item):
        name = use["name"]
        if not use["escaped"] and name not in declared:
            near = get_close_matches(name, declared, n=1)
            hint = (
                f"did you mean `{near[0]}`?"
                if near
                else "declare it under spec.vars, or write $${…} for the text itself"
            )
            problems.append(Problem(place, f"there is no variable `{name}`", hint))
    whole = _USE.fullmatch(item)
    if whole and not whole["escaped"]:
        return values.get(whole["name"], item)
    return _USE.sub(lambda use: _used(use, values), item)


def _used(use: re.Match[str], values: Mapping[str, Any]) -> str:
    if use["escaped"]:
        return use[0][1:]
    return _as_text(values[use["name"]]) if use["name"] in values else use[0]
