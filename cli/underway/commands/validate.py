"""`underway validate`: every mistake in playbooks, without a cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from underway.commands.options import NoColor, Output, Quiet, Set, Vars, Verbose, variables
from underway.errors import ExitStatus

Playbooks = Annotated[
    list[Path], typer.Argument(metavar="PLAYBOOK...", help="The playbooks to check.", show_default=False)
]


def validate(
    playbook: Playbooks,
    sets: Set = [],  # noqa: B006 - Typer makes a new one
    vars_files: Vars = [],  # noqa: B006 - Typer makes a new one
    output: Output = "text",
    no_color: NoColor = False,  # noqa: ARG001 - there is none, but scripts say so to every command
    quiet: Quiet = False,
    verbose: Verbose = False,  # noqa: ARG001 - every mistake is printed as it is
) -> int:
    """Check playbooks: every mistake with its place and a hint; needs no cluster."""
    import json

    from underway.playbook.diagnostics import BrokenPlaybookError
    from underway.playbook.load import load

    given = variables(sets)
    status = ExitStatus.DONE
    found: list[dict[str, Any]] = []
    for path in playbook:
        try:
            loaded = load(path, sets=given, vars_files=vars_files)
        except BrokenPlaybookError as error:
            status = ExitStatus.PLAYBOOK_INVALID
            found += [diagnostic.as_json() for diagnostic in error.diagnostics]
            if output == "text":
                sys.stderr.write(f"{error.message}\n")
        else:
            if output == "text" and not quiet:
                count = len(loaded.spec.steps)
                typer.echo(f"{path}: ok ({count} step{'' if count == 1 else 's'})")
    if output == "json":
        typer.echo(json.dumps({"valid": status == ExitStatus.DONE, "diagnostics": found}, indent=2))
    return status
