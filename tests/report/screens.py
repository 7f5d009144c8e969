"""Terminals to paint on, and what stands on them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from rich.console import Console

from underway.engine.events import Event
from underway.report.progress import Progress
from underway.report.pulse import UNICODE, Symbols
from underway.report.tree import picture

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]")


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def painted(events: Iterable[Event], width: int, height: int, symbols: Symbols = UNICODE) -> str:
    """The live picture after these events, without colors."""
    progress = Progress()
    for event in events:
        progress.take(event)
    return drawn(progress, width, height, symbols)


def drawn(progress: Progress, width: int, height: int, symbols: Symbols = UNICODE, *, color: bool = False) -> str:
    screen = io.StringIO()
    console = Console(
        file=screen,
        width=width,
        height=height,
        force_terminal=color,
        color_system="truecolor" if color else None,
        legacy_windows=False,
    )
    console.print(picture(progress, width, height, symbols))
    return "\n".join(line.rstrip() for line in screen.getvalue().rstrip("\n").split("\n"))
