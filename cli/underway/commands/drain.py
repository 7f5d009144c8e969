"""`underway drain`: a one-step playbook from the command line, with kubectl's flags."""

from __future__ import annotations

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
)
from underway.errors import UsageError

Nodes = Annotated[list[str], typer.Argument(help="The nodes to empty.", show_default=False)]
Label = Annotated[
    str | None, typer.Option("--selector", "-l", help="Empty the nodes with these labels.", show_default=False)
]
Strategy = Annotated[
    Literal["auto", "handoff", "evict"],
    typer.Option("--strategy", help="auto: hand off what can be, evict the rest. handoff or evict: only that."),
]
Settle = Annotated[str, typer.Option("--settle", help="How long a pod stays after it has left traffic.")]
Linger = Annotated[str, typer.Option("--linger", help="How much longer, for open connections.")]
Timeout = Annotated[str, typer.Option("--timeout", help="Give a node up after this time, such as 10m.")]
GracePeriod = Annotated[int, typer.Option("--grace-period", help="Seconds each pod gets to stop; -1: its own.")]
DeleteLocalData = Annotated[
    bool, typer.Option("--delete-emptydir-data", help="Let the data of emptyDir volumes be lost.")
]
Force = Annotated[bool, typer.Option("--force", help="Let pods without a controller be lost.")]
WaitFor = Annotated[
    str | None, typer.Option("--wait-for", help="Let pods with these labels finish.", show_default=False)
]
MaxUnavailable = Annotated[
    str, typer.Option("--max-unavailable", help="How many of the nodes at a time, or a percentage.")
]
IgnoreDaemonSets = Annotated[bool, typer.Option("--ignore-daemonsets", hidden=True, help="Always so; kubectl's flag.")]


def drain(
    node: Nodes = [],  # noqa: B006 - Typer makes a new one
    selector: Label = None,
    strategy: Strategy = "auto",
    settle: Settle = "3s",
    linger: Linger = "0s",
    timeout: Timeout = "10m",
    grace_period: GracePeriod = -1,
    delete_emptydir_data: DeleteLocalData = False,
    force: Force = False,
    wait_for: WaitFor = None,
    max_unavailable: MaxUnavailable = "100%",
    ignore_daemonsets: IgnoreDaemonSets = True,  # noqa: ARG001 - accepted for kubectl's users
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
    """Empty nodes without losing a request; they stay cordoned until `underway uncordon`."""
    from underway.commands.live_run import LiveOrder, run_live

    if not node and selector is None:
        raise UsageError("no node is named", hint="name nodes, or select them with -l")
    if node and selector is not None:
        raise UsageError("nodes are named and selected with -l", hint="do one of them")
    select: dict[str, Any] = {"names": list(dict.fromkeys(node))} if node else {}
    drain_fields = {
        "strategy": strategy,
        "settle": settle,
        "linger": linger,
        "timeout": timeout,
        "deleteEmptyDirData": delete_emptydir_data,
        "force": force,
        **({"gracePeriod": grace_period} if grace_period >= 0 else {}),
        **({"waitFor": wait_for} if wait_for is not None else {}),
    }
    step = {
        "nodes": {
            "select": select | ({"labels": selector} if selector is not None else {}),
            "maxUnavailable": max_unavailable,
            "drain": drain_fields,
        }
    }
    return run_live(
        LiveOrder(
            playbook=one_step("drain", step),
            source=shlex.join(["underway", *sys.argv[1:]]),
            target=Target(context, kubeconfig, namespace, impersonate, request_timeout),
            showing=Showing(output, quiet, verbose, no_color, report),
            dry_run=dry_run != "none",
            keep_cordons=True,
        )
    )
