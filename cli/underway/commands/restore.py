"""`underway restore`: put back what a run has left changed, from the cluster's own marks."""

from __future__ import annotations

from typing import Annotated

import typer

from underway.commands.options import (
    REQUEST_TIMEOUT,
    As,
    Context,
    Kubeconfig,
    NoColor,
    Output,
    Quiet,
    ReportDirectory,
    RequestTimeout,
    Showing,
    Target,
    Verbose,
)

RunId = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="The run; by default every run that is gone.", show_default=False)
]


def restore(
    run: RunId = None,
    report: ReportDirectory = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    output: Output = "text",
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Put back what a run has left changed, from the cluster's marks; needs no journal."""
    from underway.commands.live_run import restore_live

    return restore_live(
        run,
        Target(context, kubeconfig, None, impersonate, request_timeout),
        Showing(output, quiet, verbose, no_color, report),
    )
