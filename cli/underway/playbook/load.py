"""From a file to a checked playbook, or to every mistake in it at once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from underway.playbook.checks import cross_checks
from underway.playbook.complaints import problems_of
from underway.playbook.diagnostics import BrokenPlaybookError, Diagnostic, Problem, diagnose
from underway.playbook.document import MAX_BYTES, Document, Place, UnreadableError, read
from underway.playbook.models import Playbook
from underway.playbook.variables import substitute

_API_VERSION = "underway.dev/v1alpha1"


def load(source: Path, *, sets: Mapping[str, str] | None = None, vars_files: Sequence[Path] = ()) -> Playbook:
    """Read a playbook; `-` is standard input. Raises BrokenPlaybookError with every mistake.

    A variable given with `sets` wins over the same in a later file of `vars_files`, that over an earlier one.
    """
    given: dict[str, Any] = {}
    for file in vars_files:
        given |= _variables(file)
    return load_text(_bytes_of(source), str(source), given | dict(sets or {}))


def load_text(data: bytes, name: str, given: Mapping[str, Any] | None = None) -> Playbook:
    """Read a playbook from its bytes. `name` is what the diagnostics call it."""
    lines = data.decode("utf-8-sig", errors="replace").splitlines() if len(data) <= MAX_BYTES else []
    try:
        document = read(data)
    except UnreadableError as error:
        raise BrokenPlaybookError(diagnose(problem, name, lines) for problem in error.problems) from error
    problems: list[Problem] = []
    filled = substitute(document, given or {}, problems)
    playbook = _checked(filled, document, problems)
    if problems or playbook is None:
        raise BrokenPlaybookError(diagnose(problem, name, lines) for problem in problems)
    return playbook


def from_command_line(name: str, steps: Sequence[Mapping[str, Any]]) -> Playbook:
    """The playbook that a command such as `underway drain` stands for. BrokenPlaybookError says what is wrong."""
    data = {
        "apiVersion": _API_VERSION,
        "kind": "Playbook",
        "metadata": {"name": name},
        "spec": {"steps": list(steps)},
    }
    try:
        return Playbook.model_validate(data)
    except ValidationError as error:
        found = problems_of(error, Document(data))
        raise BrokenPlaybookError(
            Diagnostic("command line", 1, 1, problem.message, problem.hint) for problem in found
        ) from error


def _checked(data: Any, document: Document, problems: list[Problem]) -> Playbook | None:
    if not isinstance(data, dict):
        problems.append(Problem(Place(0, 0), "a playbook is a mapping", f"begin with apiVersion: {_API_VERSION}"))
        return None
    try:
        playbook = Playbook.model_validate(data)
    except ValidationError as error:
        problems.extend(problems_of(error, document))
        return None
    problems.extend(cross_checks(playbook, document))
    return playbook


def _bytes_of(source: Path) -> bytes:
    try:
        if str(source) == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        if source.exists() and not source.is_file() and not source.is_fifo() and not source.is_char_device():
            raise _unopened(source, "it is a directory" if source.is_dir() else "it is not a file")
        with source.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unopened(source, (error.strerror or str(error)).lower()) from error
    except ValueError as error:
        raise _unopened(source, str(error)) from error


def _unopened(source: Path, why: str) -> BrokenPlaybookError:
    return BrokenPlaybookError([Diagnostic(str(source), 1, 1, f"cannot be read: {why}")])


def _variables(file: Path) -> dict[str, Any]:
    data = _bytes_of(file)
    try:
        found = read(data).data
    except UnreadableError as error:
        lines = data.decode("utf-8-sig", errors="replace").splitlines()
        raise BrokenPlaybookError(diagnose(problem, str(file), lines) for problem in error.problems) from error
    if not isinstance(found, dict):
        raise BrokenPlaybookError(
            [Diagnostic(str(file), 1, 1, "a file of variables is a mapping", "write name: value")]
        )
    return found
