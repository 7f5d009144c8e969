"""`underway status`: the runs that the cluster knows of, or one of them in detail."""

from __future__ import annotations

from typing import Annotated

import typer

from underway.commands.options import REQUEST_TIMEOUT, As, Context, Kubeconfig, Output, RequestTimeout, Target

RunId = Annotated[str | None, typer.Argument(metavar="[RUN]", help="Show this run in detail.", show_default=False)]


def status(
    run: RunId = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    output: Output = "text",
) -> int:
    """Show the runs that have left marks in the cluster, and where they stand."""
    from underway.commands.live_run import status_live

    return status_live(run, Target(context, kubeconfig, None, impersonate, request_timeout), output)
