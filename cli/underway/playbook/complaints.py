"""Pydantic's errors as problems at a place of the text, in the language's own words."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from underway.playbook.diagnostics import Problem
from underway.playbook.document import Document, Path, Place
from underway.playbook.models import Playbook

_UNITS = {"bool": "true or false", "int": "a whole number", "float": "a number", "string": "text"}
_EXPECTED = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "dict_type": "expected a mapping",
    "mapping_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
}


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """One problem for each of pydantic's errors; what two branches of a union say alike is said once."""
    found: dict[tuple[Place, str], Problem] = {}
    for details in error.errors(include_url=False):
        problem = _problem(details, document)
        found.setdefault((problem.place, problem.message), problem)
    return list(found.values())


def _problem(details: ErrorDetails, document: Document) -> Problem:
    path = _known(details["loc"], document.data)
    kind = details["type"]
    last = str(details["loc"][-1]) if details["loc"] else ""
    if kind == "extra_forbidden":
        place = document.keys.get(path) or _nearest(path, document)
        return Problem(place, f"`{last}` is not known here", _suggestion(last, path[:-1]))
    if kind == "missing":
        parent = path[:-1] if path and path[-1] == last else path
        place = document.keys.get(parent) or _nearest(parent, document)
        return Problem(place, f"`{last}` is missing", _missing_hint(path[:-1] if path and path[-1] == last else path))
    return Problem(_nearest(path, document), _message(details, path), _hint(details))


def _message(details: ErrorDetails, path: Path) -> str:
    kind, value = details["type"], details["input"]
    name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    lead = f"`{name}`: " if name else ""
    if kind in _EXPECTED:
        return f"{lead}{_EXPECTED[kind]}, found {_named(value)}"
    context = details.get("ctx", {})
    match kind:
        case "value_error":
            return lead + str(context.get("error", details["msg"]))
        case "literal_error":
            return f"{lead}{_named(value)} is not one of {context.get('expected', '')}"
        case "too_short":
            return f"{lead}at least {context.get('min_length')} needed"
        case "string_too_short":
            return f"{lead}is empty"
        case "greater_than_equal":
            return f"{lead}{_named(value)} is less than {context.get('ge')}"
        case _:
            return lead + details["msg"]


def _hint(details: ErrorDetails) -> str | None:
    if details["type"] == "literal_error" and isinstance(details["input"], str):
        near = get_close_matches(
            details["input"],
            str(details.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ").split(", "),
            n=1,
        )
        return f"did you mean `{near[0]}`?" if near else None
    if details["type"] in ("dict_type", "model_type", "model_attributes_type") and details["input"] is None:
        return "indent what belongs to it below it"
    return None


def _named(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"  # noqa: PLR2004 - what fits beside the message


def _known(loc: tuple[str | int, ...], data: Any) -> Path:
    """The part of pydantic's location that is in the data: tags of unions and validators are not."""
    path: list[str | int] = []
    for part in loc:
        inside = part in data if isinstance(data, dict) else _has_item(data, part)
        if inside:
            path.append(part)
            data = data[part]
    return tuple(path)


def _has_item(data: Any, part: str | int) -> bool:
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _nearest(path: Path, document: Document) -> Place:
    while path and path not in document.values:
        path = path[:-1]
    return document.values.get(path, Place(0, 0))


# -- what is known at a place ------------------------------------------------------------------------------------


def _suggestion(word: str, parent: Path) -> str:
    model = _model_at(parent)
    if model is None:
        return "take it out"
    known = [name for field in _fields(model) for name in (field,)]
    near = get_close_matches(word, known, n=1) or [name for name in known if name.lower() == word.lower()]
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"


def _missing_hint(parent: Path) -> str | None:
    if not parent:
        return "a playbook has apiVersion, kind, metadata and spec"
    return None


def _fields(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def _model_at(path: Path) -> type[BaseModel] | None:
    """The model that the language has at this path; None where it is free (variables, labels, env)."""
    model: type[BaseModel] | None = Playbook
    for part in path:
        if isinstance(part, int):
            continue
        if model is None:
            return None
        found = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        model = next(iter(_models_in(found.annotation)), None) if found else model
        if found is None:
            return None
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
