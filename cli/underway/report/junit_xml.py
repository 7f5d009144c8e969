"""The receipt as JUnit XML, for a CI server: the run, each node and each probe are a test case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from underway.engine.events import Event, GateChanged, NodeReceipt, ProbeCount, Receipt, WorkloadReceipt
from underway.report.blockers import render_blockers
from underway.report.receipt import headline
from underway.report.remains import remains
from underway.report.words import count, in_words, seconds, timestamp, visible


def receipt_junit(receipt: Receipt, events: Iterable[Event]) -> str:
    """A node that was given back as it was, or not begun, counts as skipped: what went wrong is told by the run's case.

    XML 1.0 has no way to write control characters, not even as an entity; all text goes through `visible`.
    """
    gates = {event.gate: event for event in events if isinstance(event, GateChanged)}
    suite = Element("testsuite", name=visible(f"underway {receipt.playbook}"))
    _run(suite, receipt)
    turns: Counter[str] = Counter()
    for node in receipt.node_details:
        turns[node.name] += 1
        _node(suite, node, turns[node.name])
    for workload in receipt.workloads:
        _workload(suite, workload)
    for probe in receipt.probes:
        _probe(suite, probe, gates.get(probe.name), receipt.duration_seconds)
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{receipt.duration_seconds:.3f}")
    suite.set("timestamp", timestamp(receipt.started))
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode")


def _case(suite: Element, kind: str, name: str, duration: float) -> Element:
    return SubElement(suite, "testcase", classname=f"underway.{kind}", name=visible(name), time=f"{duration:.3f}")


def _say(case: Element, tag: str, kind: str, message: str, details: str = "") -> None:
    SubElement(case, tag, type=kind, message=visible(message)).text = details or None


def _workload(suite: Element, workload: WorkloadReceipt) -> None:
    """One that was rolled back counts as skipped, as a node does that was given back."""
    case = _case(suite, "workload", workload.name, workload.duration_seconds)
    if workload.outcome != "done":
        tag = "failure" if workload.outcome == "failed" else "skipped"
        _say(case, tag, workload.outcome, f"{workload.outcome}: {workload.reason}")


def _run(suite: Element, receipt: Receipt) -> None:
    simulated = " (simulated)" if receipt.simulated else ""
    case = _case(suite, "run", f"{receipt.playbook} {receipt.run}{simulated}", receipt.duration_seconds)
    if receipt.outcome == "done":
        return
    details = [render_blockers(receipt.blockers)] if receipt.blockers else []
    for left in remains(receipt):
        names = "\n".join(f"  {visible(named)}" for named in left.names)
        details.append(f"{left.title}:\n{names}\n\n{left.says} {visible(left.command)}")
    tag = "error" if receipt.outcome in {"inconclusive", "interrupted"} else "failure"
    _say(case, tag, in_words(receipt.outcome), headline(receipt), "\n\n".join(details))


def _node(suite: Element, node: NodeReceipt, turn: int) -> None:
    """A server may take two cases of one name for the same one."""
    name = node.name if turn == 1 else f"{node.name}, turn {turn}"
    case = _case(suite, "node", name, node.duration_seconds)
    if node.outcome == "failed":
        _say(case, "failure", "failed", node.reason or "failed")
    elif node.outcome != "done":
        SubElement(case, "skipped", message=visible(f"{node.outcome}: {node.reason}" if node.reason else node.outcome))


def _probe(suite: Element, probe: ProbeCount, gate: GateChanged | None, duration: float) -> None:
    """Its gate knows how much may be lost; without one, nothing may."""
    case = _case(suite, "probe", probe.name, duration)
    lost = f"{probe.lost:,} of {count(probe.sent, 'request')} lost"
    gap = f"longest gap {seconds(probe.longest_gap_seconds)}"
    said = f"{lost}, {gap}"
    if gate and gate.status in {"error", "inconclusive"}:
        _say(case, "error", gate.status, f"{gate.reason or gate.status}; {said}", visible(probe.last_error))
    elif gate.status == "fail" if gate else probe.lost:
        _say(case, "failure", "lost", said, visible(probe.last_error))
    SubElement(case, "system-out").text = said
