"""The lower part of the live display: the probes' pulse, the gates, and what else is waited for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from underway.report.progress import ProbeProgress, Progress
from underway.report.words import between, count, seconds, visible


@dataclass(frozen=True)
class Symbols:
    done: str
    failed: str
    restored: str
    pending: str
    active: str
    moving: str
    beat: str
    cut: str
    filled: str
    empty: str
    lost: str
    bars: str
    """Lowest to highest; the first is a second without a request."""


UNICODE = Symbols("✓", "✗", "↩", "·", "▸", "◌", "♥", "…", "━", "─", "✗", "_▁▂▃▄▅")
ASCII = Symbols("+", "x", "<", ".", ">", "o", "*", "...", "#", "-", "x", "_....:")


def one_line(*parts: str | tuple[str, str]) -> Text:
    """Parts, with a style or without, in a line that is never wrapped."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def fitted(text: str, width: int, symbols: Symbols) -> str:
    """`text` in `width` columns, cut between words where that leaves half of it, so that no name ends mid-way."""
    if cell_len(text) <= width:
        return text
    width = max(width - len(symbols.cut), 0)
    text = set_cell_size(text, width).rstrip()
    at_word = text.rfind(" ")
    return (text[:at_word] if at_word * 2 > width else text).rstrip() + symbols.cut


def watched(progress: Progress, width: int, symbols: Symbols, most: int) -> list[Text]:
    """At most `most` lines, the most urgent first."""
    lines = [*_troubles(progress, width, symbols), *_pulses(progress.probes.values(), width, symbols)]
    lines += _other_waits(progress, width, symbols)
    holding = sum(gate.guard and gate.status == "pass" for gate in progress.gates.values())
    if holding:
        holds = f" {count(holding, 'guard')} {'holds' if holding == 1 else 'hold'}"
        lines.append(one_line((symbols.done, "green"), holds))
    if len(lines) <= most:
        return lines
    more = Text(f"{symbols.pending} {count(len(lines) - most + 1, 'more line')}", style="bright_black")
    return [*lines[: most - 1], more]


def _troubles(progress: Progress, width: int, symbols: Symbols) -> list[Text]:
    said = {"fail": "fails", "inconclusive": "is inconclusive", "error": "cannot be measured"}
    return [
        _line(symbols.failed, "bold red", f"gate {name} {said[gate.status]}: {gate.reason}", width, symbols)
        for name, gate in progress.gates.items()
        if gate.status != "pass" and not gate.awaited
    ]


def _pulses(probes: Iterable[ProbeProgress], width: int, symbols: Symbols) -> list[Text]:
    counts = [
        (visible(probe.count.name), f"{probe.count.sent:,} sent", f"{probe.count.lost:,} lost") for probe in probes
    ]
    names, sents, losts = (max((len(row[column]) for row in counts), default=0) for column in range(3))
    lines = []
    for probe, (name, sent, lost) in zip(probes, counts, strict=True):
        trouble = probe.count.lost > 0
        line = one_line(
            (f"{symbols.failed} ", "bold red") if trouble else (f"{symbols.beat} ", "green"),
            f"{name.ljust(names)}  {sent.rjust(sents)}  ",
            (lost.rjust(losts), "bold red" if trouble else ""),
            f"  longest gap {seconds(probe.count.longest_gap_seconds)}  ",
        )
        lines.append(line.append_text(_spark(probe, width - line.cell_len, symbols)))
    return lines


def _spark(probe: ProbeProgress, width: int, symbols: Symbols) -> Text:
    """One character for each of the last seconds: how many requests, or that one was lost."""
    beats = list(probe.beats)[-max(width, 1) :]
    highest = max((sent for sent, _ in beats), default=0) or 1
    spark = Text()
    for sent, lost in beats:
        if lost:
            spark.append(symbols.lost, style="bold red")
        else:
            spark.append(symbols.bars[(len(symbols.bars) - 1) * sent // highest], style="green")
    return spark


def _other_waits(progress: Progress, width: int, symbols: Symbols) -> list[Text]:
    """What is waited for and has no place in the tree."""
    now, shown = progress.now, set()
    for step in progress.steps:
        for node in step.nodes.values():
            shown |= {f"node/{node.name}", *node.pods}
    return [
        _line(symbols.moving, "cyan", f"waiting {between(since, now)} for {named}: {reason}", width, symbols)
        for (named, reason), since in progress.waits.items()
        if now and named not in shown
    ]


def _line(symbol: str, style: str, said: str, width: int, symbols: Symbols) -> Text:
    return one_line((f"{symbol} ", style), fitted(visible(said), width - cell_len(symbol) - 1, symbols))
