"""The view at a terminal: a live tree at the bottom, and above it, scrolling away, one line per change."""

from __future__ import annotations

import time
from typing import TextIO, cast

from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from underway.engine.events import Event, Pulse, Receipt
from underway.report.lines import Announcer, Line
from underway.report.outlet import Outlet
from underway.report.progress import Progress
from underway.report.pulse import ASCII, UNICODE
from underway.report.receipt import receipt_text
from underway.report.tables import paragraph
from underway.report.tree import picture
from underway.report.words import clock

PAINT_EVERY = 0.1
"""Seconds between two paintings, however many events come."""
MARGIN = 2
"""Columns left free at the right, so that the terminal's own `^C` starts no new line."""
_STYLES = {"plain": "", "good": "green", "bad": "bold red", "faint": "bright_black"}


class Display:
    """Painted when events come, a pulse each second among them: no thread, and so nothing to be torn.

    The picture vanishes when the receipt comes; the lines above it stay in the terminal's history.
    """

    def __init__(self, console: Console, out: Outlet, *, verbose: bool) -> None:
        self._console = console
        self._out = out
        self._announcer = Announcer(verbose=verbose)
        self._progress = Progress()
        self._unsaid: list[Text] = []
        self._symbols = ASCII if console.options.ascii_only else UNICODE
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._painted = 0.0
        self._drawn: list[int] = []
        """How wide each line of the picture on the screen is."""

    def show(self, event: Event) -> None:
        self._progress.take(event)
        self._unsaid += [self._text(event, line) for line in self._announcer.lines(event, self._progress)]
        if isinstance(event, Receipt):
            self.close()
            self._console.line()
            self._out.line(receipt_text(event))
        elif isinstance(event, Pulse) or time.monotonic() - self._painted >= PAINT_EVERY:
            self._paint()

    def close(self) -> None:
        self._after_a_resize()
        self._live.stop()
        self._say()

    @property
    def lost(self) -> OSError | None:
        return self._out.lost

    def _text(self, event: Event, line: Line) -> Text:
        at = f"{clock(event.at)} "
        lines = paragraph(line.text, first=at, indent=" " * len(at), width=self._console.width - 1)
        return Text.assemble((at, "bright_black"), ("\n".join(lines)[len(at) :], _STYLES[line.mood]))

    def _say(self) -> None:
        """Above the picture: Rich draws the one it has once more below, so a refresh has to follow."""
        if self._unsaid:
            self._console.print(*self._unsaid, sep="\n", soft_wrap=True, highlight=False)
            self._unsaid.clear()

    def _paint(self) -> None:
        self._painted = time.monotonic()
        self._after_a_resize()
        width, height = self._console.size
        width = max(width - MARGIN, 1)
        tree = picture(self._progress, width, max(height - max(height // 3, 1), 1), self._symbols)
        rendered = self._console.render_lines(tree, self._console.options.update(width=width), pad=False)
        self._drawn = [sum(segment.cell_length for segment in line) for line in rendered]
        self._live.start()
        self._live.update(tree)
        with self._console:  # one write, so that nothing flickers
            self._say()
            self._live.refresh()

    def _after_a_resize(self) -> None:
        """Lines that are wider than the terminal has become stand on several rows now: Rich has to begin further up."""
        width = self._console.width
        rows_more = sum((columns - 1) // width for columns in self._drawn if columns)
        for _ in range(rows_more):
            self._console.control(Control((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)))
        self._drawn = []


def at_terminal(out: Outlet, terminal: Outlet, *, verbose: bool, color: bool | None) -> Display:
    no_color = None if color is None else not color
    console = Console(
        file=cast("TextIO", terminal),  # all of it that Rich uses
        force_terminal=True,
        no_color=no_color,
        highlight=False,
        markup=False,
        emoji=False,
    )
    return Display(console, out, verbose=verbose)
