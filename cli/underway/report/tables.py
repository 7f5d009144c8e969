"""Plain text in columns and paragraphs, 80 wide. Names are never cut: what does not fit gets a line of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

WIDTH = 80
_GAP = "  "


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, words: AbstractSet[int] = frozenset(), width: int = WIDTH
) -> list[str]:
    """The first column and those of `words` to the left, figures to the right.

    Where a row is wider than `width`, every first cell stands on a line of its own, above the others.
    """
    cells = [headers, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    stacked = sum(widths) + len(_GAP) * (len(widths) - 1) > width
    lines = []
    for row in cells:
        aligned = [
            cell.ljust(size) if column in words or not column else cell.rjust(size)
            for column, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        rest = _GAP.join(aligned[1:]).rstrip()
        lines += [row[0], f"{_GAP}{rest}"] if stacked else [f"{aligned[0]}{_GAP}{rest}"]
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
