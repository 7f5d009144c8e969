"""What is wrong with a playbook, where, and what to do: `file:line:col: message`, the line with a caret, a hint."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from underway.errors import PlaybookInvalidError

if TYPE_CHECKING:
    from underway.playbook.places import Place

_WIDTH = 100
_LONGEST = 400
_MOST = 100
"""How many mistakes are laid out as text; JSON has them all."""


@dataclass(frozen=True)
class Problem:
    """Found at a 0-based place of the text."""

    place: Place
    message: str
    hint: str | None = None


@dataclass(frozen=True, order=True)
class Diagnostic:
    """Lines and columns count from 1. `snippet` is the source line, clipped, and `caret` the offset in it."""

    path: str
    line: int
    column: int
    message: str
    hint: str | None = None
    snippet: str = ""
    caret: int = 0

    def render(self) -> str:
        lines = [f"{self.path}:{self.line}:{self.column}: {self.message}"]
        if self.snippet:
            number = str(self.line)
            lines += [f"  {number} | {self.snippet}", f"  {' ' * len(number)} | {' ' * self.caret}^"]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.path,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
            "snippet": self.snippet,
        }


class BrokenPlaybookError(PlaybookInvalidError):
    """Carries the diagnostics, in the order of the file; its message is all of them, laid out."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(
            set(diagnostics), key=lambda found: (found.path, found.line, found.column, found.message)
        )
        told = [found.render() for found in self.diagnostics[:_MOST]]
        if len(self.diagnostics) > _MOST:
            told.append(f"… and {len(self.diagnostics) - _MOST} more")
        super().__init__("\n".join(told))


def diagnose(problem: Problem, path: str, lines: list[str]) -> Diagnostic:
    """Put a problem beside its line of the source."""
    place = problem.place
    line = lines[place.line] if place.line < len(lines) else ""
    snippet, caret = _clipped(line, place.column)
    message, hint = _short(problem.message), _short(problem.hint) if problem.hint else None
    return Diagnostic(_shown(path), place.line + 1, place.column + 1, message, hint, snippet, caret)


def _clipped(line: str, column: int) -> tuple[str, int]:
    """About `_WIDTH` columns of the line around this character, and the column of the caret in them."""
    start = end = min(column, len(line))
    width = 0
    while width < _WIDTH and (start > 0 or end < len(line)):
        if start > 0 and (end >= len(line) or column - start <= end - column):
            start -= 1
            width += _columns(_visible(line[start]))
        else:
            width += _columns(_visible(line[end]))
            end += 1
    lead, tail = "…" if start else "", "…" if end < len(line) else ""
    before = lead + _shown(line[start:column])
    return (before + _shown(line[column:end])).rstrip() + tail, _columns(before)


def _short(text: str) -> str:
    """A message may quote what was written, of any length: its middle is left out."""
    shown = _shown(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]}…{shown[-_LONGEST // 2 :]}"


def _shown(text: str) -> str:
    """Tabs as a space, and nothing that would steer a terminal or break a line."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return character
    return "\\n" if character == "\n" else f"\\u{ord(character):04x}"


def _columns(text: str) -> int:
    """The columns that a terminal gives to a text: two to a wide character, none to a mark upon another."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
