"""`underway rehearse`: play a playbook on a simulated cluster."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from underway.commands.options import (
    Namespace,
    NoColor,
    Output,
    Quiet,
    ReportDirectory,
    Set,
    Showing,
    Vars,
    Verbose,
    check_read_once,
    variables,
)
from underway.commands.plan import MoreClusters, all_clusters
from underway.errors import UsageError

Playbook = Annotated[Path, typer.Argument(help="The playbook to play, or a saved plan.", show_default=False)]
Clusters = Annotated[
    list[Path],
    typer.Option(
        "--cluster",
        help="A kind config, manifests, or a directory; `-` is standard input. Can be repeated.",
        show_default=False,
    ),
]
Speed = Annotated[
    float | None,
    typer.Option(
        "--speed", help="Seconds to play in one. Default: 10 at a terminal, else all at once.", show_default=False
    ),
]
Faults = Annotated[
    list[str],
    typer.Option(
        "--fault",
        metavar="NAME[=TARGET][@AFTER]",
        help="Let something go wrong: node-lost, never-ready, no-room, budget-tightened, api-409, api-429, api-500,"
        " answers-lost, or killed[=SECONDS]: the run dies, and underway restore puts back. Can be repeated.",
        show_default=False,
    ),
]
_AT_A_TERMINAL = 10.0


def rehearse(
    playbook: Playbook,
    more: MoreClusters = [],  # noqa: B006 - Typer makes a new one
    cluster: Clusters = [],  # noqa: B006 - Typer makes a new one
    speed: Speed = None,
    faults: Faults = [],  # noqa: B006 - Typer makes a new one
    sets: Set = [],  # noqa: B006 - Typer makes a new one
    vars_files: Vars = [],  # noqa: B006 - Typer makes a new one
    namespace: Namespace = None,
    report: ReportDirectory = None,
    output: Output = "text",
    no_color: NoColor = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Play a playbook on a simulated cluster made from manifests and a kind config."""
    from underway.commands.saved_plan import asked
    from underway.commands.simulated_run import Rehearsal, rehearse_on_simulation

    cluster = all_clusters(cluster, more)
    if not cluster:
        raise UsageError("no cluster is given", hint="say --cluster FILE, for a kind config, manifests or a directory")
    check_read_once([playbook, *vars_files, *cluster])
    if speed is not None and not 0 < speed < math.inf:
        raise UsageError(f"`--speed {speed:g}` would never end", hint="give a number above 0")
    if speed is None and sys.stderr.isatty() and output == "text":
        speed = _AT_A_TERMINAL
    found = asked(playbook, variables(sets), vars_files, namespace)
    showing = Showing(output, quiet, verbose, no_color, report)
    return rehearse_on_simulation(
        Rehearsal(found.playbook, str(playbook), cluster, speed, faults, showing, found.saved, namespace)
    )
