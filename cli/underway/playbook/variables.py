"""Variables: `${name}` in the strings of spec, with the types, defaults and patterns that spec.vars gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from underway.playbook.diagnostics import Problem
from underway.playbook.document import Document, core_scalar
from underway.playbook.places import Path, Place
from underway.playbook.strict import UnfitError, shown
from underway.playbook.types import compiled
from underway.units import parse_duration

_USE = re.compile(r"\$(?P<escaped>\$)?\{(?P<name>[^{}]{0,100})\}")
_FAR = 100
"""So many lines of a text are searched for a variable."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_READ: Mapping[str, type | tuple[type, ...]] = {"integer": int, "number": (int, float), "boolean": bool}
_TYPES = ("string", "duration", *_READ)


class Given(NamedTuple):
    """A value from outside the playbook. From the command line it is text, from a file it has a type already."""

    value: Any
    source: str = "--set"
    is_text: bool = True


@dataclass
class Filled:
    """Data without variables, what is wrong with them, and where one could not be filled in."""

    data: Any
    problems: list[Problem] = field(default_factory=list)
    unfilled: set[Place] = field(default_factory=set)


def substitute(document: Document, given: Mapping[str, Given]) -> Filled:
    """Fill the variables in. A scalar that is exactly `${x}` gets the variable's type, in text it becomes text."""
    filled = Filled(document.data)
    spec = document.data.get("spec") if isinstance(document.data, dict) else None
    if not isinstance(spec, dict):
        return filled
    declared = spec.get("vars")
    filler = _Filler(document, declared if isinstance(declared, dict) else {}, filled)
    filler.are_declared = isinstance(declared, dict | None)
    filler.value_all(given)
    done = {key: item if key == "vars" else filler.fill(item, ("spec", key)) for key, item in spec.items()}
    filled.data = {**document.data, "spec": done}
    return filled


@dataclass
class _Filler:
    document: Document
    declared: Mapping[str, Any]
    filled: Filled
    values: dict[str, Any] = field(default_factory=dict)
    are_declared: bool = True
    """Whether spec.vars says what there is; if it is no mapping, that is told, and not what is missing."""

    def complain(self, place: Place, message: str, hint: str | None = None) -> None:
        self.filled.problems.append(Problem(place, message, hint))

    def value_all(self, given: Mapping[str, Given]) -> None:
        keys = self.document.keys
        for name in given.keys() - self.declared.keys():
            place = keys.get(("spec", "vars")) or keys[("spec",)]
            message = f"there is no variable `{name}`, which {given[name].source} gives"
            self.complain(place, message, self._near(name, f"declared: {', '.join(self.declared) or 'none'}"))
        for name, about in self.declared.items():
            place = keys[("spec", "vars", name)]
            if not _NAME.fullmatch(name):
                self.complain(place, f"`{name}` cannot be the name of a variable", "use letters, digits, - and _")
            elif isinstance(about, dict) and about.get("type", "string") in _TYPES:
                self._value(name, about, given.get(name))

    def _value(self, name: str, about: Mapping[str, Any], given: Given | None) -> None:
        path: Path = ("spec", "vars", name)
        default = about.get("default")
        if default is not None:
            self._take(
                name, about, Given(default, "its default", is_text=False), self.document.values[(*path, "default")]
            )
        if given is not None:
            self._take(name, about, given, self.document.keys[path])
        elif default is None and not get_close_matches("default", about.keys() - {"default"}, n=1):
            self.complain(
                self.document.keys[path],
                f"variable `{name}` has no value",
                f"give it with --set {name}=…, or a default",
            )

    def _take(self, name: str, about: Mapping[str, Any], given: Given, place: Place) -> None:
        try:
            value = _typed(given, about.get("type", "string"))
            _allowed(value, about)
        except ValueError as error:
            self.values.pop(name, None)
            self.complain(place, f"variable `{name}`, from {given.source}: {error}", getattr(error, "hint", None))
        else:
            self.values[name] = value

    def fill(self, item: Any, path: Path) -> Any:
        if isinstance(item, dict):
            return {key: self.fill(found, (*path, key)) for key, found in item.items()}
        if isinstance(item, list):
            return [self.fill(found, (*path, index)) for index, found in enumerate(item)]
        if not isinstance(item, str) or "${" not in item:
            return item
        place = self.document.values[path]
        names = dict.fromkeys(use["name"] for use in _USE.finditer(item) if not use["escaped"])
        for name in names:
            if not name:
                self.complain(self._use(place, name), "`${}` names no variable", "write $${} for the text itself")
            elif name not in self.declared and self.are_declared:
                hint = self._near(name, "declare it under spec.vars, or write $${…} for the text itself")
                self.complain(self._use(place, name), f"there is no variable `{name}`", hint)
        if any(name not in self.values for name in names):
            self.filled.unfilled.add(place)
            return item
        whole = _USE.fullmatch(item)
        if whole and not whole["escaped"]:
            return self.values[whole["name"]]
        return _USE.sub(lambda use: use[0][1:] if use["escaped"] else _as_text(self.values[use["name"]]), item)

    def _use(self, start: Place, name: str) -> Place:
        """Where the variable is used in the text that starts here, as far as it is written out there."""
        use = re.compile(rf"(?<!\$)\$\{{{re.escape(name)}\}}")
        for number, line in enumerate(self.document.lines[start.line : start.line + _FAR], start.line):
            found = use.search(line, start.column if number == start.line else 0)
            if found:
                return Place(number, found.start())
        return start

    def _near(self, name: str, otherwise: str) -> str:
        near = get_close_matches(name, self.declared, n=1)
        return f"did you mean `{near[0]}`?" if near else otherwise


def _typed(given: Given, kind: str) -> Any:
    """Raises ValueError if the value is not of this type."""
    value = given.value
    if kind == "string":
        if not isinstance(value, str):
            hint = (
                "put it in quotes: YAML reads a number or a truth value here"
                if not isinstance(value, dict | list)
                else None
            )
            raise UnfitError(f"{shown(value)} is not text", hint)
        if not given.is_text and _USE.search(value):
            raise UnfitError("a variable cannot be made of others")
        return value
    read = core_scalar(value) if given.is_text else value
    if kind == "duration":
        if not isinstance(read, str):
            raise UnfitError(f"{shown(value)} is not a duration", "such as 500ms, 3s, 1m30s or 2h")
        parse_duration(read)
    elif not isinstance(read, _READ[kind]) or isinstance(read, bool) != (kind == "boolean"):
        raise UnfitError(f"{shown(value)} is not of type {kind}", "write true or false" if kind == "boolean" else None)
    return read


def _allowed(value: Any, about: Mapping[str, Any]) -> None:
    choices, pattern = about.get("enum"), about.get("pattern")
    if isinstance(choices, list) and choices and value not in choices:
        raise UnfitError(f"{shown(value)} is not one of {', '.join(map(_as_text, choices))}")
    if not isinstance(pattern, str):
        return
    try:
        fits = compiled(pattern).fullmatch(_as_text(value))
    except UnfitError:
        return  # told where the pattern stands
    if fits is None:
        raise UnfitError(f"{shown(value)} does not match its pattern {pattern}")


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
