"""`underway version`."""

from __future__ import annotations

import typer

from underway import __version__
from underway.commands.options import Output


def version(output: Output = "text") -> None:
    """Print the version."""
    typer.echo(f'{{"version":"{__version__}"}}' if output == "json" else f"underway {__version__}")
