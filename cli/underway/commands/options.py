"""Options that commands share, named and meant as kubectl's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from underway.errors import UsageError

if TYPE_CHECKING:
    from underway.playbook.models import Playbook

Context = Annotated[str | None, typer.Option("--context", help="The kubeconfig context to use.", show_default=False)]
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Path to the kubeconfig file.", show_default=False)
]


def _namespace(value: str | None) -> str | None:
    from underway.playbook.names import namespace_name
    from underway.playbook.strict import UnfitError

    try:
        return value and namespace_name(value)
    except UnfitError as error:
        raise UsageError(f"--namespace: {error}", error.hint) from error


Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        help="Where Jobs run if the playbook does not say.",
        callback=_namespace,
        show_default=False,
    ),
]
As = Annotated[str | None, typer.Option("--as", help="User to impersonate.", show_default=False)]
RequestTimeout = Annotated[
    str, typer.Option("--request-timeout", help="Give up a single request after this time, such as 30s.")
]
Output = Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="Output format: text or json.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="Use no colors.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print every verdict.")]
DryRun = Annotated[
    Literal["none", "client", "server"],
    typer.Option("--dry-run", help="client or server: find out what stands in the way and what would be done, only."),
]
Set = Annotated[
    list[str], typer.Option("--set", help="Give a variable: NAME=VALUE. Can be repeated.", show_default=False)
]
Vars = Annotated[
    list[Path], typer.Option("--vars", help="Give variables from a YAML file. Can be repeated.", show_default=False)
]
ReportDirectory = Annotated[
    Path | None,
    typer.Option("--report", help="Write the receipt to this directory, in every form.", show_default=False),
]
AllowCommands = Annotated[bool, typer.Option("--allow-commands", help="Let gates run commands on this machine.")]

REQUEST_TIMEOUT = "30s"


@dataclass(frozen=True)
class Target:
    """Which cluster, as whom, and how patiently."""

    context: str | None = None
    kubeconfig: Path | None = None
    namespace: str | None = None
    impersonate: str | None = None
    request_timeout: str = REQUEST_TIMEOUT


@dataclass(frozen=True)
class Showing:
    """How a run is shown."""

    output: Literal["text", "json"] = "text"
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    report: Path | None = None


def one_step(name: str, step: dict[str, Any]) -> Playbook:
    """The playbook of a command. UsageError for mistakes: there is no file in which they could be corrected."""
    from underway.playbook.diagnostics import BrokenPlaybookError
    from underway.playbook.load import from_command_line

    try:
        return from_command_line(name, [step])
    except BrokenPlaybookError as error:
        mistakes = "; ".join(found.message for found in error.diagnostics)
        raise UsageError(mistakes, error.diagnostics[0].hint) from error


def check_read_once(files: Iterable[Path]) -> None:
    """UsageError if standard input, `-`, shall be more than one of these."""
    if sum(str(file) == "-" for file in files) > 1:
        raise UsageError("standard input can be read only once, and `-` is given twice", "give a file for one of them")


def variables(sets: list[str], option: str = "--set") -> dict[str, str]:
    """Read `--set NAME=VALUE`. UsageError for one without a name or an equals sign."""
    found = {}
    for given in sets:
        name, equals, value = given.partition("=")
        if not equals or not name:
            what = "gives no variable" if option == "--set" else "has no name, or no value"
            raise UsageError(f"`{option} {given}` {what}", hint=f"write {option} NAME=VALUE")
        found[name] = value
    return found
