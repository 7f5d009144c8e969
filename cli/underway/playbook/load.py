"""From a file to a checked playbook, or to every mistake in it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from underway.playbook.attach import attached, with_whole_paths
from underway.playbook.checks import cross_checks
from underway.playbook.complaints import problems_of
from underway.playbook.diagnostics import BrokenPlaybookError, Diagnostic, diagnose
from underway.playbook.document import Document, UnreadableError, lines_of, read
from underway.playbook.files import bytes_of, is_printed_plan, is_saved_plan, is_snapshot
from underway.playbook.models import Playbook
from underway.playbook.variables import Given, substitute

_API_VERSION = "underway.dev/v1alpha1"


class Loaded(NamedTuple):
    """A playbook, and the document that it was made of: variables filled in, and no longer declared."""

    playbook: Playbook
    document: dict[str, Any]


def load(source: Path, *, sets: Mapping[str, str] | None = None, vars_files: Sequence[Path] = ()) -> Playbook:
    """Read a playbook; `-` is standard input. Raises BrokenPlaybookError with every mistake.

    A variable given with `sets` wins over the same in a later file of `vars_files`, that over an earlier one.
    """
    return load_filled(source, sets=sets, vars_files=vars_files).playbook


def load_filled(source: Path, *, sets: Mapping[str, str] | None = None, vars_files: Sequence[Path] = ()) -> Loaded:
    """The same, with the document."""
    given = variables(sets or {}, vars_files)
    return _loaded(bytes_of(source), str(source), given)


def variables(sets: Mapping[str, str], vars_files: Sequence[Path]) -> dict[str, Given]:
    """What the command line gives. Raises BrokenPlaybookError for a file that cannot be read."""
    given: dict[str, Given] = {}
    for file in vars_files:
        given |= _variables(file)
    return given | {name: Given(value) for name, value in sets.items()}


def load_text(data: bytes, name: str, given: Mapping[str, Given] | None = None) -> Playbook:
    """Read a playbook from its bytes. `name` is what the diagnostics call it."""
    return _loaded(data, name, given or {}).playbook


def _loaded(data: bytes, name: str, given: Mapping[str, Given]) -> Loaded:
    if is_saved_plan(data):
        hint = "underway run carries it out; what else there is to do takes the playbook it was made of"
        raise BrokenPlaybookError([Diagnostic(name, 1, 1, "this is a saved plan, not a playbook", hint)])
    if is_printed_plan(data):
        hint = "to save one that can be run: underway plan PLAYBOOK --out FILE"
        raise BrokenPlaybookError([Diagnostic(name, 1, 1, "this is a plan as it is printed, not a playbook", hint)])
    if is_snapshot(data):
        hint = f"to plan on it: underway plan PLAYBOOK --cluster {name}"
        raise BrokenPlaybookError([Diagnostic(name, 1, 1, "this is a snapshot of a cluster, not a playbook", hint)])
    document = _document(data, name, "a playbook begins with apiVersion: underway.dev/v1alpha1")
    filled = substitute(document, given)
    problems = [*filled.problems, *cross_checks(filled.data, document)]
    try:
        playbook = Playbook.model_validate(filled.data)
    except ValidationError as error:
        problems += (
            problem for problem in problems_of(error, filled.data, document) if problem.place not in filled.unfilled
        )
    else:
        if not problems:
            spec = {key: value for key, value in filled.data["spec"].items() if key != "vars"}
            whole = attached(playbook, name, document, lines_of(data))
            return Loaded(whole, with_whole_paths(filled.data | {"spec": spec}, name))
    lines = lines_of(data)
    raise BrokenPlaybookError(diagnose(problem, name, lines) for problem in problems)


def from_document(data: Mapping[str, Any], name: str) -> Playbook:
    """The playbook of a document that nobody wrote, or whose variables are filled in. `name` is what the diagnostics
    call it. Raises BrokenPlaybookError.
    """
    try:
        playbook = Playbook.model_validate(data)
    except ValidationError as error:
        found = problems_of(error, data, Document(data))
        raise BrokenPlaybookError(Diagnostic(name, 1, 1, problem.message, problem.hint) for problem in found) from error
    return attached(playbook, name)


def from_command_line(name: str, steps: Sequence[Mapping[str, Any]]) -> Playbook:
    """The playbook that a command such as `underway drain` stands for. BrokenPlaybookError says what is wrong."""
    data = {
        "apiVersion": _API_VERSION,
        "kind": "Playbook",
        "metadata": {"name": name},
        "spec": {"steps": list(steps)},
    }
    return from_document(data, "command line")


def _document(data: bytes, name: str, hint_if_empty: str) -> Document:
    try:
        document = read(data, hint_if_empty)
    except UnreadableError as error:
        lines = lines_of(data)
        raise BrokenPlaybookError(diagnose(problem, name, lines) for problem in error.problems) from error
    if not isinstance(document.data, dict):
        raise BrokenPlaybookError([Diagnostic(name, 1, 1, "this is not a mapping", "write it as key: value")])
    return document


def _variables(file: Path) -> dict[str, Given]:
    data = _document(bytes_of(file), str(file), "write each variable as name: value").data
    return {name: Given(value, f"--vars {file}", is_text=False) for name, value in data.items()}
