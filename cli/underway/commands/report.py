"""`underway report`: the receipt of a run again, from its journal."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run; underway status lists them.", show_default=False)]
Form = Annotated[Literal["text", "json", "md", "html", "junit"], typer.Option("--output", "-o", help="The form.")]


def report(run: RunId, output: Form = "text") -> None:
    """Print the receipt of a run again."""
    from underway.engine import journal
    from underway.engine.events import Receipt
    from underway.engine.receipt import receipt, tally
    from underway.report.forms import render

    events = journal.read(run)
    found = next((event for event in reversed(events) if isinstance(event, Receipt)), None)
    if found is None:
        added = tally(events)
        found = receipt(
            added,
            run=run,
            playbook=added.started.playbook if added.started else "",
            at=added.last or events[0].at,
            outcome="interrupted",
            reason="the journal ends here: the run was killed, or is still at work",
            left_changed=(f"unknown: underway status {run} asks the cluster",),
        )
    typer.echo(render(found, events, output).rstrip("\n"))
