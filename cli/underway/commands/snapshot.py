"""`underway snapshot`: the state of the live cluster in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from underway.commands.options import REQUEST_TIMEOUT, As, Context, Kubeconfig, RequestTimeout, Target
from underway.errors import ExitStatus

File = Annotated[
    Path, typer.Option("--output", "-o", help="The file to write; - for standard output.", show_default=False)
]


def snapshot(
    output: File,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
) -> int:
    """Write the cluster's state to a file, to plan and rehearse on without it; holds no Secrets and no environment."""
    from underway.commands.planning import snapshot_of_live

    count = snapshot_of_live(output, Target(context, kubeconfig, None, impersonate, request_timeout))
    typer.echo(f"{count} objects written to {output}", err=True)
    return ExitStatus.DONE
