"""`underway doctor`: what in this cluster stands in the way of maintenance without downtime."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from underway.commands.options import (
    REQUEST_TIMEOUT,
    As,
    Context,
    Kubeconfig,
    NoColor,
    Quiet,
    RequestTimeout,
    Target,
    Verbose,
)
from underway.commands.plan import Clusters, MoreClusters, all_clusters
from underway.errors import ExitStatus

Form = Annotated[Literal["text", "json", "yaml"], typer.Option("--output", "-o", help="Output format.")]


def doctor(
    more: MoreClusters = [],  # noqa: B006 - Typer makes a new one
    cluster: Clusters = [],  # noqa: B006 - Typer makes a new one
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    output: Form = "text",
    no_color: NoColor = False,  # noqa: ARG001 - there is none, but scripts say so to every command
    quiet: Quiet = False,
    verbose: Verbose = False,  # noqa: ARG001 - every finding is printed as it is
) -> int:
    """Find what stands in the way of maintenance without downtime, worst first, each with a remedy; changes nothing."""
    from underway.commands.planning import examine_files, examine_live
    from underway.report.doctor import doctor_json, doctor_result, doctor_text, doctor_yaml
    from underway.report.ignored import ignored_words

    target = Target(context, kubeconfig, None, impersonate, request_timeout)
    cluster = all_clusters(cluster, more)
    found, ignored = examine_files(cluster) if cluster else (examine_live(target), [])
    as_text = doctor_result if quiet else doctor_text
    typer.echo({"text": as_text, "json": doctor_json, "yaml": doctor_yaml}[output](found))
    for words in [] if quiet else ignored_words(ignored):
        typer.echo(f"not looked at: {words}", err=True)
    return ExitStatus.REFUSED if any(finding.severity == "blocks" for finding in found) else ExitStatus.DONE
