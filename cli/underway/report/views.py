"""The choice of a view: who watches a run, a person at a terminal, a log, or a program."""

from __future__ import annotations

import os
from typing import Literal, Protocol, TextIO

from underway.engine.events import Event
from underway.report.json_lines import JsonLines
from underway.report.outlet import Outlet
from underway.report.plain import PlainView, QuietView


class View(Protocol):
    """Shows a run's events as they come. A stream that went away is no reason to stop: no method raises for it."""

    def show(self, event: Event) -> None: ...

    def close(self) -> None:
        """Leave the terminal as it was. To be called however the run ends, more than once if need be."""
        ...

    @property
    def lost(self) -> OSError | None:
        """Why data did not arrive, although somebody still wanted it."""
        ...


def view_for(
    stdout: TextIO,
    stderr: TextIO,
    *,
    output: Literal["text", "json"] = "text",
    quiet: bool = False,
    verbose: bool = False,
    color: bool | None = None,
    interactive: bool | None = None,
) -> View:
    """`color` and `interactive`: None finds out from the terminal and NO_COLOR.

    Data (JSON lines, the receipt) goes to `stdout`, everything else to `stderr`.
    """
    out, log = Outlet(stdout), Outlet(stderr)
    if output == "json":
        return JsonLines(out, quiet=quiet)
    if quiet:
        return QuietView(out)
    if interactive is None:
        interactive = stderr.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}
    if not interactive:
        return PlainView(out, log, verbose=verbose)
    from underway.report.display import at_terminal  # noqa: PLC0415 - Rich is needed at a terminal only

    return at_terminal(out, log, verbose=verbose, color=color)
