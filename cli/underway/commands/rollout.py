"""`underway rollout`: a one-step playbook from the command line, with kubectl's words."""

from __future__ import annotations

import asyncio
import shlex
import sys
from typing import Annotated, Any, Literal

import typer

from underway.commands.options import (
    REQUEST_TIMEOUT,
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
    Showing,
    Target,
    Verbose,
    Yes,
    one_step,
    variables,
)
from underway.errors import UsageError

_WITH_NAMESPACE = 3
Workload = Annotated[
    str, typer.Argument(help="Such as deployment/web with -n shop, or deployment/shop/web.", show_default=False)
]
Images = Annotated[list[str], typer.Option("--image", help="CONTAINER=IMAGE. Can be repeated.", show_default=False)]
Env = Annotated[list[str], typer.Option("--env", help="NAME=VALUE. Can be repeated.", show_default=False)]
Restart = Annotated[bool, typer.Option("--restart", help="Make all pods anew.")]
Strategy = Annotated[
    Literal["auto", "handoff", "native"],
    typer.Option("--strategy", help="handoff: the new version serves first. native: its controller's own update."),
]
Batch = Annotated[
    str | None, typer.Option("--batch", help="So many pods at a time, or a percentage.", show_default=False)
]
Soak = Annotated[str | None, typer.Option("--soak", help="How long both serve, such as 30s.", show_default=False)]
Timeout = Annotated[
    str | None, typer.Option("--timeout", help="Undo it after so long, such as 10m.", show_default=False)
]


def rollout(
    workload: Workload,
    image: Images = [],  # noqa: B006 - Typer makes a new one
    env: Env = [],  # noqa: B006 - Typer makes a new one
    restart: Restart = False,
    strategy: Strategy = "auto",
    batch: Batch = None,
    soak: Soak = None,
    timeout: Timeout = None,
    yes: Yes = False,  # noqa: ARG001 - what is named on the command line is not asked about
    dry_run: DryRun = "none",
    report: ReportDirectory = None,
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
    """Take a workload to a new version without losing a request; a bad one is undone."""
    from underway.commands.live_run import LiveOrder, run_live
    from underway.commands.reach import default_namespace

    target = Target(context, kubeconfig, namespace, impersonate, request_timeout)
    fields: dict[str, Any] = {
        "workload": _whole(workload, namespace or "default"),
        "images": variables(image, "--image"),
        "env": variables(env, "--env"),
        "restart": restart,
        "strategy": strategy,
        **({"batch": int(batch) if batch.isdecimal() else batch} if batch is not None else {}),
        **({"soak": soak} if soak is not None else {}),
    }
    step = {"rollout": fields, **({"timeout": timeout} if timeout is not None else {})}
    playbook = one_step("rollout", step)
    if fields["workload"] != workload:
        # what is wrong without a cluster has been said by now; whose namespace is meant, the kubeconfig knows
        fields["workload"] = _whole(workload, asyncio.run(default_namespace(target)))
        playbook = one_step("rollout", step)
    return run_live(
        LiveOrder(
            playbook=playbook,
            source=shlex.join(["underway", *sys.argv[1:]]),
            target=target,
            showing=Showing(output, quiet, verbose, no_color, report),
            dry_run=dry_run != "none",
        )
    )


def _whole(workload: str, namespace: str) -> str:
    """KIND/NAMESPACE/NAME; the namespace may stand apart."""
    parts = workload.split("/")
    if len(parts) == _WITH_NAMESPACE:
        return workload
    if len(parts) == _WITH_NAMESPACE - 1:
        return f"{parts[0]}/{namespace}/{parts[1]}"
    raise UsageError(f"`{workload}` is no workload", "write deployment/web with -n shop, or deployment/shop/web")
