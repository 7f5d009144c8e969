"""The receipt as one HTML page that needs nothing else: no script, no network; light or dark as the reader is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from underway.engine.events import Event, Receipt
from underway.report.evidence import evidence_lines
from underway.report.history import Span, said, spans
from underway.report.html_style import STYLE
from underway.report.receipt import (
    NODE_HEADERS,
    PROBE_HEADERS,
    SIMULATED,
    WORKLOAD_HEADERS,
    facts,
    headline,
    node_row,
    probe_row,
    workload_row,
)
from underway.report.remains import remains
from underway.report.words import between, clock, seconds, visible

_GOOD = frozenset({"done"})


def _text(value: str) -> str:
    return escape(visible(value))


def receipt_html(receipt: Receipt, events: Iterable[Event]) -> str:
    events = list(events)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        # Even if something slipped through the escaping, the page could neither run nor load it.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{_text(receipt.playbook)}: {_text(receipt.outcome)}</title>",
        f"<style>{STYLE}</style></head><body><main>",
        *([f'<p class="simulated">{SIMULATED}</p>'] if receipt.simulated else []),
        f'<h1 class="{"good" if receipt.outcome in _GOOD else "bad"}">{_text(headline(receipt))}</h1>',
        _figures(receipt),
        *_blockers(receipt),
        *_left(receipt),
        *_nodes(receipt),
        *_phases(spans(events, receipt.at)),
        *_workloads(receipt),
        *_probes(receipt),
        *_evidence(receipt),
        "<h2>Run</h2><dl>",
        *(f"<dt>{label}</dt><dd>{_text(value)}</dd>" for label, value in facts(receipt)),
        "</dl>",
        *_history(events),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part)


def _figures(receipt: Receipt) -> str:
    figures = [(seconds(receipt.duration_seconds), "duration"), (f"{receipt.pods_moved:,}", "pods moved")]
    if receipt.probes:
        gap = max(probe.longest_gap_seconds for probe in receipt.probes)
        figures += [
            (f"{sum(probe.sent for probe in receipt.probes):,}", "requests sent"),
            (f"{sum(probe.lost for probe in receipt.probes):,}", "requests lost"),
            (seconds(gap), "longest gap"),
        ]
    cells = "".join(f"<div><strong>{value}</strong><span>{label}</span></div>" for value, label in figures)
    return f'<div class="figures">{cells}</div>'


def _blockers(receipt: Receipt) -> list[str]:
    if not receipt.blockers:
        return []
    rows = [(blocker.object, blocker.reason, blocker.remedy) for blocker in sorted(set(receipt.blockers))]
    return ["<h2>What stands in the way</h2>", _table(("OBJECT", "REASON", "REMEDY"), rows, words={0, 1, 2})]


def _left(receipt: Receipt) -> list[str]:
    parts = []
    for left in remains(receipt):
        items = "".join(f"<li>{_text(named)}</li>" for named in left.names)
        parts += [f"<h2>{left.title}</h2>", f"<ul>{items}</ul><p>{left.says}</p><pre>{_text(left.command)}</pre>"]
    return parts


def _nodes(receipt: Receipt) -> list[str]:
    if not receipt.node_details:
        return []
    rows = [(*node_row(node), node.reason) for node in receipt.node_details]
    return ["<h2>Nodes</h2>", _table((*NODE_HEADERS, "REASON"), rows, words={0, 1, 5})]


def _workloads(receipt: Receipt) -> list[str]:
    if not receipt.workloads:
        return []
    rows = [(*workload_row(one), one.reason) for one in receipt.workloads]
    return ["<h2>Workloads</h2>", _table((*WORKLOAD_HEADERS, "REASON"), rows, words={0, 1, 4})]


def _evidence(receipt: Receipt) -> list[str]:
    lines = [_text(line) for found in receipt.evidence for line in evidence_lines(found)]
    return ["<h2>What the pods said</h2>", f"<pre>{chr(10).join(lines)}</pre>"] if lines else []


def _probes(receipt: Receipt) -> list[str]:
    if not receipt.probes:
        return []
    rows = [(*probe_row(probe), probe.last_error) for probe in receipt.probes]
    return ["<h2>Probes</h2>", _table((*PROBE_HEADERS, "LAST ERROR"), rows, words={0, 4})]


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], words: set[int]) -> str:
    """Columns of `words` to the left, figures to the right; an empty last column is left out."""
    if not any(row[-1] for row in rows):
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    align = ["" if column in words else ' class="figure"' for column in range(len(headers))]
    head = "".join(f"<th{kind}>{header.capitalize()}</th>" for kind, header in zip(align, headers, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for kind, cell in zip(align, row, strict=True)) + "</tr>\n"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _phases(by_node: dict[str, list[Span]]) -> list[str]:
    """Each node's phases on one time axis."""
    every = [span for found in by_node.values() for span in found]
    if not every:
        return []
    start, end = min(span.start for span in every), max(span.end for span in every)
    rows = [
        f'<div class="lane"><span>{_text(node)}</span><div class="axis">'
        + "".join(_bar(span, start, end) for span in found)
        + "</div></div>"
        for node, found in by_node.items()
    ]
    phases = dict.fromkeys(span.phase for span in every)
    legend = "".join(f'<span class="{phase}">{phase}</span>' for phase in phases)
    return ["<h2>Timeline</h2>", *rows, f'<p class="legend">{legend}{clock(start)} to {clock(end)}</p>']


def _bar(span: Span, start: datetime, end: datetime) -> str:
    total = (end - start).total_seconds() or 1.0
    left = 100 * (span.start - start).total_seconds() / total
    width = 100 * (span.end - span.start).total_seconds() / total
    label = f"{span.phase} {between(span.start, span.end)}"
    return f'<i class="{span.phase}" style="left:{left:.2f}%;width:{width:.2f}%" title="{label}">{label}</i>'


def _history(events: Sequence[Event]) -> list[str]:
    lines = said(events)
    if not lines:
        return []
    rows = "".join(f'<li class="{line.mood}"><time>{clock(at)}</time> {_text(line.text)}</li>\n' for at, line in lines)
    return [f"<details><summary>What happened: {len(lines):,} lines</summary><ol>\n{rows}</ol></details>"]
