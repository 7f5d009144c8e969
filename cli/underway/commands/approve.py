"""`underway approve`: a living run that waits for it goes on."""

from __future__ import annotations

from typing import Annotated

import typer

from underway.commands.options import REQUEST_TIMEOUT, As, Context, Kubeconfig, RequestTimeout, Target

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run, as underway status names it.", show_default=False)]


def approve(
    run: RunId,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
) -> int:
    """Let a run go on that waits for approval."""
    from underway.commands.approving import approve_live

    return approve_live(run, Target(context, kubeconfig, None, impersonate, request_timeout))
