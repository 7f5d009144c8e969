"""`underway resume`: a paused run goes on, from any terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from underway.commands.options import REQUEST_TIMEOUT, As, Context, Kubeconfig, RequestTimeout, Target

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run, as underway status names it.", show_default=False)]


def resume(
    run: RunId,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
) -> int:
    """Let a paused run go on; of a run that has died, say what to do instead."""
    from underway.commands.pausing import resume_live

    return resume_live(run, Target(context, kubeconfig, None, impersonate, request_timeout))
