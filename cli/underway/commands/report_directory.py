"""`--report DIR`: a run's receipt in every form, one file each."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from underway.engine.events import Event, Receipt
from underway.errors import UsageError

_FORMS: dict[str, Literal["text", "json", "md", "html", "junit"]] = {
    "receipt.txt": "text",
    "receipt.json": "json",
    "receipt.md": "md",
    "receipt.html": "html",
    "receipt.xml": "junit",
}


def make_directory(directory: Path) -> None:
    """Before the first change: UsageError if the report could not be written afterwards."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"no report can be written to `{directory}`: {error.strerror}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"no report can be written to `{directory}`: permission denied")


def write_forms(directory: Path, end: Receipt, events: list[Event]) -> None:
    """A run that is over keeps its exit status even if the disk is full by now."""
    from underway.report.forms import render

    try:
        for name, form in _FORMS.items():
            (directory / name).write_text(render(end, events, form), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"warning: the report is not whole, `{directory}`: {error.strerror}\n")
