"""`underway pause`: a living run waits, from any terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from underway.commands.options import REQUEST_TIMEOUT, As, Context, Kubeconfig, RequestTimeout, Target

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run, as underway status names it.", show_default=False)]


def pause(
    run: RunId,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
) -> int:
    """Have a living run finish what is in flight and begin nothing new; its guards are still measured."""
    from underway.commands.pausing import pause_live

    return pause_live(run, Target(context, kubeconfig, None, impersonate, request_timeout))
