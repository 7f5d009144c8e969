"""`underway plan`: what a run would do, and what stands in its way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from underway.commands.options import (
    REQUEST_TIMEOUT,
    As,
    Context,
    Kubeconfig,
    Namespace,
    NoColor,
    Quiet,
    RequestTimeout,
    Set,
    Target,
    Vars,
    Verbose,
    check_read_once,
    variables,
)
from underway.errors import ExitStatus, UsageError

Playbook = Annotated[Path, typer.Argument(help="The playbook to plan.", show_default=False)]
Clusters = Annotated[
    list[Path],
    typer.Option(
        "--cluster",
        help="Plan on a simulated cluster made from a kind config, manifests or a directory instead of the live one."
        " `-` is standard input. Can be repeated.",
        show_default=False,
    ),
]
MoreClusters = Annotated[
    list[Path], typer.Argument(metavar="file", help="More of what --cluster begins.", show_default=False)
]
Form = Annotated[
    Literal["text", "wide", "json", "yaml"],
    typer.Option("--output", "-o", help="Output format: text, wide (every pod on a line), json or yaml."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Save the plan to a file, for underway run FILE.", readable=False, show_default=False),
]
Detailed = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 10 instead of 0 if anything would be changed.")
]


def plan(
    playbook: Playbook,
    more: MoreClusters = [],  # noqa: B006 - Typer makes a new one
    cluster: Clusters = [],  # noqa: B006 - Typer makes a new one
    sets: Set = [],  # noqa: B006 - Typer makes a new one
    vars_files: Vars = [],  # noqa: B006 - Typer makes a new one
    out: Out = None,
    detailed_exitcode: Detailed = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    output: Form = "text",
    no_color: NoColor = False,  # noqa: ARG001 - a plan has none, but scripts say so to every command
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Say what a run would do with each pod, why and when, and what stands in its way; changes nothing."""
    from underway.commands import saved_plan
    from underway.commands.planning import plan_on_files, plan_on_live
    from underway.playbook.load import load_filled
    from underway.report.plan import plan_json, plan_result, plan_text, plan_yaml

    cluster = all_clusters(cluster, more)
    check_read_once([playbook, *vars_files, *cluster])
    given, saving = variables(sets), out is not None
    if out is not None:
        saved_plan.check_out(out, [playbook, *vars_files, *cluster])
    loaded = load_filled(playbook, sets=given, vars_files=vars_files)
    target = Target(context, kubeconfig, namespace, impersonate, request_timeout)
    if cluster:
        planned = plan_on_files(loaded.playbook, str(playbook), cluster, namespace, with_targets=saving)
    else:
        planned = plan_on_live(loaded.playbook, str(playbook), target, with_targets=saving)
    found = planned.plan
    if out is not None and not found.blockers:  # before it is printed: a reader that goes away ends the process
        saved_plan.save(out, loaded, planned, cluster, saved_plan.again(playbook, given, vars_files, target))
    match output:
        case "json":
            typer.echo(plan_json(found))
        case "yaml":
            typer.echo(plan_yaml(found))
        case _:
            typer.echo(plan_result(found) if quiet else plan_text(found, wide=verbose or output == "wide"))
    if out is not None and not quiet:
        typer.echo(saved_plan.told(out, saved=not found.blockers), err=True)
    if found.blockers:
        return ExitStatus.REFUSED
    return ExitStatus.CHANGES if detailed_exitcode and found.changes else ExitStatus.DONE


def all_clusters(first: list[Path], more: list[Path]) -> list[Path]:
    """`--cluster FILE FILE...` is what `--cluster FILE --cluster FILE` is. UsageError without `--cluster`."""
    if more and not first:
        raise UsageError(f"`{more[0]}` is one argument too many", hint="say --cluster for what the cluster is made of")
    return [*first, *more]
