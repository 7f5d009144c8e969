"""`underway run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from underway.commands.options import (
    REQUEST_TIMEOUT,
    AllowCommands,
    As,
    Context,
    DryRun,
    Kubeconfig,
    Namespace,
    NoColor,
    Output,
    Quiet,
    ReportDirectory,
    RequestTimeout,
    Set,
    Showing,
    Target,
    Vars,
    Verbose,
    Yes,
    variables,
)
from underway.errors import RefusedError

Playbooks = Annotated[
    Path, typer.Argument(help="The playbook to run, or a plan that was saved with plan --out.", show_default=False)
]


def run(
    playbook: Playbooks,
    yes: Yes = False,
    sets: Set = [],  # noqa: B006 - Typer makes a new one
    vars_files: Vars = [],  # noqa: B006 - Typer makes a new one
    dry_run: DryRun = "none",
    report: ReportDirectory = None,
    allow_commands: AllowCommands = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    output: Output = "text",
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Carry out a playbook on the cluster, or a saved plan if nothing of what it is about has changed."""
    from underway.commands.live_run import LiveOrder, run_live
    from underway.commands.saved_plan import asked

    found = asked(playbook, variables(sets), vars_files, namespace)
    if found.saved is not None:
        namespace = found.saved.namespace
    interactive = sys.stdin.isatty() and sys.stderr.isatty()
    if not yes and not interactive and dry_run == "none":
        raise RefusedError("there is no terminal to ask at", hint="say --yes to go ahead")
    return run_live(
        LiveOrder(
            playbook=found.playbook,
            saved=found.saved,
            source=str(playbook),
            target=Target(context, kubeconfig, namespace, impersonate, request_timeout),
            showing=Showing(output, quiet, verbose, no_color, report),
            ask=not yes,
            dry_run=dry_run != "none",
            allow_commands=allow_commands,
        )
    )
