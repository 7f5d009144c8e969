"""`underway uncordon`: give nodes back, whoever cordoned them."""

from __future__ import annotations

from typing import Annotated

import typer

from underway.commands.options import REQUEST_TIMEOUT, As, Context, Kubeconfig, RequestTimeout, Target

Nodes = Annotated[list[str], typer.Argument(help="The nodes to give back.", show_default=False)]


def uncordon(
    node: Nodes,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
) -> int:
    """Let pods be scheduled on nodes again, as after `underway drain`."""
    from underway.commands.live_run import uncordon_live

    return uncordon_live(list(dict.fromkeys(node)), Target(context, kubeconfig, None, impersonate, request_timeout))
