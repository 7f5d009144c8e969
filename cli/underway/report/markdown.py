"""The receipt as GitHub-flavoured Markdown, for a ticket or a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from underway.engine.events import Event, Receipt
from underway.report.evidence import evidence_lines
from underway.report.history import said
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
from underway.report.words import clock, visible

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
"""`@` too: a name in a ticket must not notify the person who has it on GitHub."""
_SPECIAL = re.compile(r"[\\`*_\[\]|~#$]|^[-+=]|(?<=^\d)[.)](?= )")


def escaped(text: str) -> str:
    """`text` so that Markdown shows it as it stands, in one line."""
    marked = _SPECIAL.sub(lambda found: "\\" + found[0], visible(text))
    return re.sub("[&<>@]", lambda found: _ENTITIES[found[0]], marked)


def receipt_markdown(receipt: Receipt, events: Iterable[Event]) -> str:
    blocks = [f"# {escaped(headline(receipt))}"]
    if receipt.simulated:
        blocks.append(f"**{SIMULATED}**")
    blocks.append("\n".join(f"- {label}: {escaped(value)}" for label, value in facts(receipt)))
    if receipt.blockers:
        reasons = [
            f"- **{escaped(blocker.object)}**: {escaped(blocker.reason)}"
            + (f"  \n  Remedy: {escaped(blocker.remedy)}" if blocker.remedy else "")
            for blocker in sorted(set(receipt.blockers))
        ]
        blocks += ["## What stands in the way", "\n".join(reasons)]
    for left in remains(receipt):
        names = "\n".join(f"- {escaped(named)}" for named in left.names)
        blocks += [f"## {left.title}", names, left.says, _code(left.command)]
    if receipt.node_details:
        rows = [(*node_row(node), node.reason) for node in receipt.node_details]
        blocks += ["## Nodes", _table((*NODE_HEADERS, "REASON"), rows, words={0, 1, 5})]
    if receipt.workloads:
        rows = [(*workload_row(one), one.reason) for one in receipt.workloads]
        blocks += ["## Workloads", _table((*WORKLOAD_HEADERS, "REASON"), rows, words={0, 1, 4})]
    if receipt.probes:
        rows = [(*probe_row(probe), probe.last_error) for probe in receipt.probes]
        blocks += ["## Probes", _table((*PROBE_HEADERS, "LAST ERROR"), rows, words={0, 4})]
    if receipt.evidence:
        told = [f"- {escaped(line)}" for found in receipt.evidence for line in evidence_lines(found)]
        blocks += ["## What the pods said", "\n".join(told)]
    lines = [f"- {clock(at)} {escaped(line.text)}" for at, line in said(events)]
    if lines:
        blocks += ["## What happened", "\n".join(lines)]
    return "\n\n".join(blocks)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], words: set[int]) -> str:
    """Figures to the right; `words` are the other columns."""
    titles = "| " + " | ".join(header.capitalize() for header in headers) + " |"
    rule = "|" + "|".join("---" if column in words else "---:" for column in range(len(headers))) + "|"
    body = ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join([titles, rule, *body])


def _code(command: str) -> str:
    """Indented: no fence that the command could close."""
    return f"    {visible(command)}"
