"""Pydantic's errors as problems at a place of the text, in the language's own words."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from underway.playbook.diagnostics import Problem
from underway.playbook.document import Document
from underway.playbook.gates import COMMON, GATE_KINDS
from underway.playbook.language import example, meant, shape, suggestion
from underway.playbook.places import Path, Place
from underway.playbook.strict import RULE, shown

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
}
_WORD = re.compile(r"[A-Za-z][\w./-]{0,60}", re.ASCII)
_KEY = "[key]"


def problems_of(error: ValidationError, data: Any, document: Document) -> list[Problem]:
    """One problem for each of pydantic's errors about `data`, which stands in `document`."""
    errors = error.errors(include_url=False)
    written = {path for details in errors if (path := _meant(details, data)) is not None}
    found = (
        _problem(details, data, document)
        for details in errors
        if details["type"] != "missing" or (*_written(details["loc"][:-1], data), details["loc"][-1]) not in written
    )
    return list(dict.fromkeys(problem for problem in found if problem is not None))


def _meant(details: ErrorDetails, data: Any) -> Path | None:
    """The path of the key for which an unknown one seems to stand: that one is misspelt, not missing."""
    if details["type"] != "extra_forbidden":
        return None
    *parent, word = _written(details["loc"], data)
    key = meant(str(word), tuple(parent))
    return (*parent, key) if key else None


def _problem(details: ErrorDetails, data: Any, document: Document) -> Problem | None:
    kind, loc = details["type"], details["loc"]
    path = _written(loc, data)
    last = str(loc[-1]) if loc else ""
    match kind:
        case "too_short" if len(details["input"]) >= details["ctx"]["min_length"]:
            return None  # all are there; what is wrong with each is told by itself
        case "extra_forbidden":
            return Problem(_key(path, document), f"`{last}` is not known here", suggestion(last, path[:-1]))
        case "missing":
            parent = _written(loc[:-1], data)
            hint = example(parent, last) or (
                "a playbook has apiVersion, kind, metadata and spec" if not parent else None
            )
            return Problem(_key(parent, document), f"`{last}` is missing", hint)
        case _ if kind == RULE:
            return Problem(_key(path, document), details["ctx"]["message"], details["ctx"].get("hint"))
        case _:
            place = _key(path, document) if last == _KEY else nearest(path, document)
            return Problem(place, _message(details, path), _hint(details, path))


def _message(details: ErrorDetails, path: Path) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    lead = f"`{name}`: " if name and details["loc"][-1] != _KEY else ""
    if kind in _EXPECTED:
        return f"{lead}expected {_EXPECTED[kind]}, found {shown(value)}"
    match kind:
        case "value_error" if value is None and name:
            return f"`{name}` is empty"
        case "value_error":
            return lead + str(context["error"])
        case "literal_error":
            return f"{lead}expected {_choices(details)}, found {shown(value)}"
        case "too_short":
            return f"{lead}at least {context['min_length']} is needed"
        case "string_too_short":
            return f"`{name}` is empty" if name else "this is empty"
        case "greater_than_equal":
            return f"{lead}{shown(value)} is less than {context['ge']}"
        case "less_than_equal":
            return f"{lead}{shown(value)} is more than {context['le']}"
        case _:
            return lead + details["msg"]


def _choices(details: ErrorDetails) -> str:
    return str(details["ctx"]["expected"]).replace("'", "").replace("False", "false")


def _hint(details: ErrorDetails, path: Path) -> str | None:
    kind, value = details["type"], details["input"]
    match kind:
        case "value_error":
            hint = getattr(details["ctx"]["error"], "hint", None)
            return str(hint) if hint else None
        case "literal_error" if isinstance(value, str):
            near = get_close_matches(value, _choices(details).replace(" or ", ", ").split(", "), n=1)
            return f"did you mean `{near[0]}`?" if near else None
        case "string_type" if isinstance(value, bool | int | float):
            return "put it in quotes"
        case "bool_type" if isinstance(value, str) and value.lower() in ("yes", "on", "no", "off", "true", "false"):
            truth = "true" if value.lower() in ("yes", "on", "true") else "false"
            return f"write {truth}, without quotes" if value.lower() == truth else f"write {truth}"
        case "int_type" | "float_type" if isinstance(value, str) and value.strip("-").isdecimal():
            return "write it without quotes"
        case "tuple_type" if isinstance(value, str) and _WORD.fullmatch(value):
            return f"write [{value}], or begin each item with a dash"
        case "tuple_type" if isinstance(value, str | dict):
            return "begin each item with a dash, or write [a, b]"
        case _ if _EXPECTED.get(kind) in ("a mapping", "a list") and value is None:
            return "indent what belongs to it below it, or take it out"
        case "model_type" | "model_attributes_type":
            return shape(path)
        case _:
            return None


def _written(loc: Path, data: Any) -> Path:
    """Where pydantic's location stands in what was written: without tags of unions, a common field inside its gate."""
    path: list[str | int] = []
    for part in loc:
        if isinstance(data, dict) and part in COMMON and part not in data:
            kind = next((kind for kind in GATE_KINDS if isinstance(data.get(kind), dict) and part in data[kind]), None)
            if kind is not None:
                path.append(kind)
                data = data[kind]
        inside = part in data if isinstance(data, dict) else _has_item(data, part)
        if inside:
            path.append(part)
            data = data[part]
    return tuple(path)


def _has_item(data: Any, part: str | int) -> bool:
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def nearest(path: Path, document: Document) -> Place:
    """Where the value of this path stands, or else the innermost that is there."""
    while path and path not in document.values:
        path = path[:-1]
    return document.values.get(path, Place(0, 0))


def _key(path: Path, document: Document) -> Place:
    return document.keys.get(path) or nearest(path, document)
