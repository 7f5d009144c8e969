"""PyYAML's errors in an operator's words: what is wrong, at the very spot, and what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from underway.playbook.diagnostics import Problem
from underway.playbook.places import LINE_BREAK, Place

_FOUND = re.compile(r"(?:found|got) '(.*)'$", re.DOTALL)
_QUOTE = "put quotes around the text"
_CLOSING = {"{": "}", "[": "]"}
_TOKENS = {
    "<stream end>": "the end of the file",
    "\0": "the end of the file",
    "<scalar>": "more text",
    "<block mapping start>": "a key",
    "<block sequence start>": "a list",
    "?": "a key",
}


def syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    """What PyYAML stumbled over in this text."""
    here, opened = _place(error.problem_mark or error.context_mark), _place(error.context_mark)
    stumble = _Stumble(error.context or "", error.problem or "", here, opened, LINE_BREAK.split(text))
    before = stumble.line[: here.column]
    if stumble.sign == "\t" or ("\t" in before and not before.strip(" \t-")):
        return Problem(here, "a tab stands where YAML wants spaces", "use spaces instead")
    said = ", ".join(part for part in (stumble.context, stumble.problem) if part)
    told = _in_scalar(stumble) or _at_its_begin(stumble) or _in_structure(stumble)
    return told or Problem(here, f"this is not YAML: {said}")


@dataclass(frozen=True)
class _Stumble:
    """PyYAML's words, where it stopped (`here`), and where what it was in began (`opened`)."""

    context: str
    problem: str
    here: Place
    opened: Place
    lines: list[str]

    @property
    def line(self) -> str:
        return self.line_of(self.here)

    @property
    def sign(self) -> str:
        return self.line[self.here.column : self.here.column + 1]

    @property
    def opening(self) -> str:
        return self.line_of(self.opened)[self.opened.column : self.opened.column + 1]

    @property
    def found(self) -> str:
        match = _FOUND.search(self.problem)
        return _TOKENS.get(match[1], f"`{match[1]}`") if match else "the end of the file"

    def line_of(self, place: Place) -> str:
        return self.lines[place.line] if place.line < len(self.lines) else ""


def _in_scalar(stumble: _Stumble) -> Problem | None:
    here, opened = stumble.here, stumble.opened
    if "quoted scalar" in stumble.context:
        if "escape" not in stumble.problem:
            return Problem(opened, f"the quote that opens here is never closed with `{stumble.opening}`")
        backslash = stumble.line.rfind("\\", 0, here.column)
        place = Place(here.line, max(backslash, 0))
        return Problem(place, "this is no escape in double quotes", "write it in single quotes, or each \\ twice")
    if stumble.problem.startswith("found undefined alias"):
        name = stumble.problem.removeprefix("found undefined alias ").strip("'")
        return Problem(here, f"there is no `&{name}` before this alias", "to begin text with *, put quotes around it")
    if stumble.context.startswith("found duplicate anchor"):
        return Problem(here, "this anchor is given twice", f"the first is on line {opened.line + 1}")
    if stumble.problem.startswith("found incompatible YAML document"):
        return Problem(here, "this is another version of YAML", "take the line out, or write %YAML 1.2")
    return None


def _at_its_begin(stumble: _Stumble) -> Problem | None:
    """A value that begins with a sign that means something to YAML."""
    here, opened = stumble.here, stumble.opened
    if "cannot start any token" in stumble.problem:
        return Problem(here, f"a value cannot begin with `{stumble.sign}`", _QUOTE)
    if stumble.problem == "mapping keys are not allowed here":
        return Problem(here, "a value cannot begin with `? `", _QUOTE)
    if stumble.context.startswith(("while scanning an alias", "while scanning an anchor")):
        return Problem(opened, f"a name has to follow `{stumble.opening}`", _QUOTE)
    if stumble.context.startswith(("while scanning a tag", "while parsing a tag")):
        return Problem(opened, "what begins with `!` is a tag to YAML", _QUOTE)
    if stumble.context.startswith("while scanning a block scalar"):
        return Problem(here, f"text after `{stumble.opening}` begins on the next line", _QUOTE)
    if stumble.context.startswith("while scanning a directive"):
        return Problem(opened, "a line that begins with `%` is a directive to YAML", "take it out")
    return None


def _in_structure(stumble: _Stumble) -> Problem | None:
    here, problem = stumble.here, stumble.problem
    if stumble.context == "expected a single document in the stream":
        return Problem(here, "a second document begins here", "write one playbook to a file")
    if stumble.context.startswith("while parsing a flow") and problem.startswith("expected ',' or"):
        return _in_brackets(stumble)
    if problem == "mapping values are not allowed here":
        return _second_value(stumble)
    if problem == "sequence entries are not allowed here":
        return Problem(here, "a list cannot begin here", "begin each `- ` on a line of its own")
    if problem == "could not find expected ':'":
        return Problem(stumble.opened, "this is neither a key nor part of the value above", "write it as key: value")
    if problem.startswith(("expected <block end>", "expected '<document start>'")):
        return _out_of_line(stumble)
    if problem.startswith("expected the node content"):
        return Problem(here, f"a value is missing before {stumble.found}")
    return None


def _in_brackets(stumble: _Stumble) -> Problem:
    here, opened, opening = stumble.here, stumble.opened, stumble.opening
    close = _CLOSING.get(opening, "]")
    if here.line != opened.line or here.column >= len(stumble.line.rstrip()):
        return Problem(opened, f"the `{opening}` that opens here is never closed with `{close}`")
    if stumble.line[max(here.column - 1, 0) : here.column + 1] == "${":
        hint = "put quotes around a value with ${…} inside { } or [ ]"
        return Problem(Place(here.line, here.column - 1), "a variable inside brackets needs quotes", hint)
    hint = f"{_QUOTE}, if it belongs to it"
    return Problem(here, f"expected `,` or `{close}` before {stumble.found}", hint)


def _second_value(stumble: _Stumble) -> Problem:
    here, before = stumble.here, stumble.line[: stumble.here.column]
    if ": " in before:
        return Problem(here, "a second `:` in one value", f"{_QUOTE}, if the colon belongs to it")
    key = Place(here.line, len(before) - len(before.lstrip(" ")))
    return Problem(key, "a key cannot stand here, below a value that is text", "is it indented as it should be?")


def _out_of_line(stumble: _Stumble) -> Problem:
    here, found = stumble.here, stumble.found
    if found in ("`]`", "`}`"):
        return Problem(here, f"this {found} closes nothing")
    if found == "more text":
        return Problem(here, "more text follows a value that has ended", "put quotes around the whole value")
    if stumble.problem.startswith("expected '<document start>'"):
        return Problem(here, "the playbook has ended above this", "write one playbook to a file")
    hint = "the keys of a mapping, and the dashes of a list, begin in the same column"
    return Problem(here, f"{found} cannot stand here", hint)


def _place(mark: yaml.Mark | None) -> Place:
    return Place(mark.line, mark.column) if mark else Place(0, 0)
