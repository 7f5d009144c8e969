"""Plain text in columns and paragraphs, 80 wide. Names are never cut: what does not fit gets a line of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 80
_GAP = "  "


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = WIDTH) -> list[str]:
    """The first column to the left, the others (figures and single words) to the right.

    Where a row is wider than `width`, every first cell stands on a line of its own, above its figures.
    """
    cells = [headers, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    stacked = sum(widths) + len(_GAP) * (len(widths) - 1) > width
    lines = []
    for row in cells:
        figures = _GAP.join(cell.rjust(size) for cell, size in zip(row[1:], widths[1:], strict=True))
        lines += [row[0], f"{_GAP}{figures}"] if stacked else [f"{row[0].ljust(widths[0])}{_GAP}{figures}"]
    return lines


def paragraph(text: str, *, first: str = "", indent: str = "", width: int = WIDTH) -> list[str]:
    """`text` after `first`, further lines after `indent`. Words longer than a line stay whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def pairs(items: Sequence[tuple[str, str]], *, width: int = WIDTH) -> list[str]:
    """`Name   value` lines, the values below one another."""
    label = max(len(name) for name, _ in items) + len(_GAP)
    lines: list[str] = []
    for name, value in items:
        lines += paragraph(value, first=name.ljust(label), indent=" " * label, width=width)
    return lines
