"""The receipt as text: what was done, what it cost, what is left, and how to put that back."""

from __future__ import annotations

import msgspec

from underway.engine.events import Kept, Killed, NodeReceipt, ProbeCount, Receipt, WorkloadReceipt, to_json
from underway.errors import ExitStatus
from underway.report.blockers import render_blockers
from underway.report.evidence import evidence_lines
from underway.report.remains import not_whole, remains, still_changed
from underway.report.tables import pairs, paragraph, table
from underway.report.words import count, seconds, timestamp, visible

NODE_HEADERS = ("NODE", "OUTCOME", "EMPTIED IN", "TOTAL", "PODS MOVED")
WORKLOAD_HEADERS = ("WORKLOAD", "OUTCOME", "TOTAL", "BACK IN")
PROBE_HEADERS = ("PROBE", "SENT", "LOST", "LONGEST GAP")
SIMULATED = "SIMULATED: this was played on a simulated cluster, no real one was touched."

_HEADLINES = {
    "done": "Done",
    "refused": "Refused: nothing has been changed",
    "failed": "Failed",
    "timedOut": "Timed out",
    "inconclusive": "Inconclusive: health could not be measured",
    "interrupted": "Interrupted",
}
_EXITS: dict[int, str] = {
    ExitStatus.DONE: "done",
    ExitStatus.REFUSED: "refused, nothing changed",
    ExitStatus.PUT_BACK: "failed, everything put back",
    ExitStatus.PERSON_NEEDED: "failed, a person is needed",
    ExitStatus.PAUSED: "timed out or inconclusive, paused",
    ExitStatus.INTERRUPTED: "interrupted",
    ExitStatus.TERMINATED: "terminated",
}


def receipt_json(receipt: Receipt) -> str:
    return msgspec.json.format(to_json(receipt), indent=2).decode()


def headline(receipt: Receipt) -> str:
    """The outcome in a sentence; not yet escaped, like everything below that returns words of the cluster."""
    said = _HEADLINES[receipt.outcome]
    if receipt.outcome == "done" and receipt.killed:
        killed, back = seconds(receipt.killed.after_seconds), seconds(receipt.killed.put_back_seconds)
        if not receipt.killed.left_changed:
            return f"Killed after {killed}, before its first change: nothing had to be put back."
        told = ": ".join(filter(None, (f"Killed after {killed}, and put back in {back}", _told(receipt)))) + "."
        return " ".join((told, *(f"{stays}." for stays in stays_as_asked(receipt))))
    if receipt.outcome == "done":
        return f"{said} in {seconds(receipt.duration_seconds)}: {_told(receipt) or 'every step was carried out'}."
    reason = f": {receipt.reason.rstrip('.')}" if receipt.reason else ""
    if receipt.outcome == "refused":
        return f"{said}{reason}."
    return f"{said} after {seconds(receipt.duration_seconds)}{reason}. {aftermath(receipt)}."


def _told(receipt: Receipt) -> str:
    parts = []
    if receipt.nodes:
        parts.append(f"{count(len(receipt.nodes), 'node')} maintained")
    rolled = sum(workload.outcome == "done" for workload in receipt.workloads)
    if rolled:
        parts.append(f"{count(rolled, 'workload')} rolled out")
    if receipt.pods_moved:
        parts.append(f"{count(receipt.pods_moved, 'pod')} moved")
    if receipt.probes:
        lost = sum(probe.lost for probe in receipt.probes)
        sent = count(sum(probe.sent for probe in receipt.probes), "request")
        parts.append(f"{lost:,} of {sent} lost" if lost else f"none of {sent} lost")
    return ", ".join(parts)


def aftermath(receipt: Receipt) -> str:
    if number := len(still_changed(receipt)):
        said = f"{count(number, 'object')} {'is' if number == 1 else 'are'} still changed"
    elif receipt.kept:
        said = "; ".join((*stays_as_asked(receipt), "everything else was put back"))
    elif receipt.restored or receipt.ailing:
        said = "Everything was put back"
    else:
        said = "Not everything could be put back"
    return ", but ".join(filter(None, (said, not_whole(receipt))))


def stays_as_asked(receipt: Receipt) -> list[str]:
    return [f"{kept.object} stays {_as_asked(kept)}" for kept in receipt.kept or ()]


def _as_asked(kept: Kept) -> str:
    return f"{kept.how}, as the playbook asks"


def _put_back(receipt: Receipt) -> str:
    if changed := still_changed(receipt):
        return f"all but {count(len(changed), 'object')}"
    if receipt.outcome == "refused":
        return "nothing had been changed"
    everything = "everything but what stays" if receipt.kept else "everything"
    return everything if receipt.restored or receipt.ailing else "not everything"


def _killed(killed: Killed, receipt: Receipt) -> str:
    kept = {one.object for one in receipt.kept or ()}
    changed = ", ".join(name for name in killed.left_changed if name not in kept)
    done = f"put back {changed or 'nothing'}" if changed or not kept else "take its marks away"
    back = seconds(killed.put_back_seconds)
    return f"after {seconds(killed.after_seconds)}; underway restore took {back} to {done}"


def moves(receipt: Receipt) -> str:
    if not receipt.pods_moved:
        return "0"
    return f"{receipt.pods_moved:,} ({receipt.handed_off:,} handed off + {receipt.evicted:,} evicted)"


def node_row(node: NodeReceipt) -> tuple[str, ...]:
    emptied = "-" if node.emptied_seconds is None else seconds(node.emptied_seconds)
    return (node.name, node.outcome, emptied, seconds(node.duration_seconds), f"{node.pods_moved:,}")


def workload_row(workload: WorkloadReceipt) -> tuple[str, ...]:
    back = "-" if workload.back_seconds is None else seconds(workload.back_seconds)
    return (workload.name, workload.outcome, seconds(workload.duration_seconds), back)


def probe_row(probe: ProbeCount) -> tuple[str, ...]:
    return (probe.name, f"{probe.sent:,}", f"{probe.lost:,}", seconds(probe.longest_gap_seconds))


def exit_status(receipt: Receipt) -> str:
    """`5 (failed, everything put back)`."""
    meaning = _EXITS.get(receipt.exit_status)
    if receipt.exit_status == ExitStatus.PUT_BACK and receipt.kept:
        meaning = f"{meaning} but what stays"
    return f"{receipt.exit_status} ({meaning})" if meaning else str(receipt.exit_status)


def facts(receipt: Receipt) -> list[tuple[str, str]]:
    """Label and value of everything that stands in no table."""
    return [
        ("Pods moved", moves(receipt)),
        ("Put back", _put_back(receipt)),
        *(("Stays", f"{kept.object} {_as_asked(kept)}") for kept in receipt.kept or ()),
        *(("Remark", remark) for remark in receipt.remarks or ()),
        *([("Killed", _killed(receipt.killed, receipt))] if receipt.killed else []),
        ("Playbook", receipt.playbook),
        ("Run", receipt.run),
        ("Started", timestamp(receipt.started)),
        ("Duration", seconds(receipt.duration_seconds)),
        ("Exit status", exit_status(receipt)),
        *([("Simulated", "yes")] if receipt.simulated else []),
    ]


def receipt_text(receipt: Receipt) -> str:
    blocks = [[SIMULATED]] if receipt.simulated else []
    blocks.append(paragraph(visible(headline(receipt))))
    if receipt.blockers:
        blocks.append(render_blockers(receipt.blockers).splitlines())
    if receipt.node_details:
        blocks.append(_nodes(receipt.node_details))
    if receipt.workloads:
        blocks.append(_workloads(receipt.workloads))
    if receipt.probes:
        blocks.append(_probes(receipt.probes))
    if receipt.evidence:
        blocks.append([visible(line) for found in receipt.evidence for line in evidence_lines(found)])
    blocks.append(pairs([(label, visible(value)) for label, value in facts(receipt)]))
    for left in remains(receipt):
        blocks.append([f"{left.title}:", *(f"  {visible(named)}" for named in left.names)])
        blocks.append([f"{left.says} {visible(left.command)}"])
    return "\n\n".join("\n".join(block) for block in blocks)


def _nodes(nodes: tuple[NodeReceipt, ...]) -> list[str]:
    lines = table(NODE_HEADERS, [tuple(visible(cell) for cell in node_row(node)) for node in nodes], words={1})
    for node in nodes:
        if node.reason:
            lines += paragraph(visible(f"{node.name}: {node.reason}"), first="  ", indent="    ")
    return lines


def _workloads(workloads: tuple[WorkloadReceipt, ...]) -> list[str]:
    lines = table(
        WORKLOAD_HEADERS, [tuple(visible(cell) for cell in workload_row(one)) for one in workloads], words={1}
    )
    for one in workloads:
        if one.reason:
            lines += paragraph(visible(f"{one.name}: {one.reason}"), first="  ", indent="    ")
    return lines


def _probes(probes: tuple[ProbeCount, ...]) -> list[str]:
    lines = table(PROBE_HEADERS, [tuple(visible(cell) for cell in probe_row(probe)) for probe in probes])
    for probe in probes:
        if probe.lost and probe.last_error:
            lines += paragraph(visible(f"{probe.name}, last error: {probe.last_error}"), first="  ", indent="    ")
    return lines
