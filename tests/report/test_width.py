"""What is shown fits the terminal it is shown on, and names survive that."""

from __future__ import annotations

import time

import pytest
from recorded_runs import BLOCKERS, RUNS
from recorder import START, WORKERS, Recorder
from rich.cells import cell_len
from screens import drawn, painted

from underway.errors import RefusedError
from underway.report.errors import render_error
from underway.report.progress import Progress
from underway.report.pulse import ASCII, UNICODE, fitted
from underway.report.receipt import receipt_text
from underway.report.tables import paragraph, table


@pytest.mark.parametrize("run", [run for run in RUNS if run != "hostile"])
def test_a_receipt_fits_80_columns(run: str) -> None:
    assert max(map(len, receipt_text(RUNS[run]()[-1]).splitlines())) <= 80


def test_blockers_fit_80_columns() -> None:
    assert max(map(len, render_error(RefusedError("it cannot be", BLOCKERS)).splitlines())) <= 80


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("width", "height"), [(40, 8), (79, 16), (119, 26)])
def test_the_picture_is_never_larger_than_its_place(run: str, width: int, height: int) -> None:
    progress = Progress()
    for event in RUNS[run]():
        progress.take(event)
        lines = drawn(progress, width, height).split("\n")
        assert len(lines) <= height
        assert max(map(cell_len, lines)) <= width


def test_pod_names_are_whole_at_80_columns() -> None:
    events = RUNS["hundred-pods"]()
    for count in range(110, len(events), 40):
        for line in painted(events[:count], 79, 16).split("\n"):
            if "◌ shop/web" in line:
                assert "  handoff" in line


def test_a_table_too_wide_for_the_terminal_puts_names_on_lines_of_their_own() -> None:
    name = "gke-" + "very-" * 14 + "long-node"
    lines = table(("NODE", "OUTCOME", "PODS"), [(name, "done", "12"), ("short", "done", "3")], words={1})
    assert lines == ["NODE", "  OUTCOME  PODS", name, "  done       12", "short", "  done        3"]


def test_an_object_name_longer_than_a_line_stays_whole() -> None:
    name = "pod/" + "x" * 100
    assert name in paragraph(f"waiting for {name}", width=80)


def test_text_is_cut_between_words() -> None:
    assert fitted("budget shop/db allows none", 20, UNICODE) == "budget shop/db…"
    assert fitted("budget shop/db allows none", 20, ASCII) == "budget shop/db..."
    assert fitted("fits", 4, UNICODE) == "fits"
    assert fitted("宇宙宇宙宇宙", 5, UNICODE) == "宇宙…"


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """The guides are Rich's, which knows the encoding; all else is ours."""
    shown = painted(RUNS["three-nodes"]()[:60], 80, 24, ASCII)
    assert shown.translate(dict.fromkeys(map(ord, "├─│└"), "")).isascii()


def test_everything_waited_for_is_shown_with_its_reason_and_its_age() -> None:
    recorder = Recorder()
    recorder.starts("drain")
    recorder.step(0, "drain", "nodes", WORKERS[:1])
    recorder.planned("web-1", WORKERS[0], "handoff", "")
    recorder.node(WORKERS[0], "draining", pods=1)
    recorder.waits(
        ("pod/shop/web-1", "its replacement is not Ready"),
        (f"node/{WORKERS[0]}", "2 pods are left"),
        ("budget/shop/db", "allows none"),
    )
    recorder.passes(7)
    shown = painted(recorder.events, 80, 24)
    assert "shop/web-1  handoff 7s: its replacement is not Ready" in shown
    assert "waiting 7s: 2 pods are left" in shown
    assert "waiting 7s for budget/shop/db: allows none" in shown


def test_of_5000_nodes_those_in_motion_and_those_that_failed_are_named() -> None:
    names = tuple(f"node-{number:04}" for number in range(5000))
    recorder = Recorder()
    recorder.starts("drain")
    recorder.step(0, "drain", "nodes", names)
    for name in names[:3000]:
        recorder.node(name, "draining", pods=1)
        recorder.node(name, "failed" if name == "node-0007" else "done", "no room" if name == "node-0007" else "")
    for name in names[3000:3003]:
        recorder.node(name, "draining", pods=30)
    progress = Progress()
    for event in recorder.events:
        progress.take(event)
    shown = drawn(progress, 80, 16)
    for fact in ("node-0007  failed  no room", "node-3000", "node-3001", "node-3002"):
        assert fact in shown
    assert "2,999 nodes done, 1,997 nodes pending" in shown
    begun = time.perf_counter()
    drawn(progress, 80, 16)
    assert time.perf_counter() - begun < 0.5


def test_a_run_that_only_restores_has_a_picture_too() -> None:
    recorder = Recorder(now=START)
    recorder.starts()
    recorder.restoring("interrupted", "asked by `underway restore`")
    recorder.node(WORKERS[0], "draining")
    recorder.node(WORKERS[0], "restored")
    shown = painted(recorder.events, 80, 24)
    assert "putting back what was changed: asked by" in shown
    assert "kind-worker  restored" in shown
