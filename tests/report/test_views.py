"""Which view is chosen, where it writes, and what happens when nobody reads it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from recorded_runs import RUNS
from recorder import START, Recorder
from screens import Terminal

from underway.engine.events import Event, NodeChanged, Pulse, Receipt, Waiting, from_json
from underway.report.display import Display
from underway.report.forms import render
from underway.report.json_lines import JsonLines
from underway.report.plain import PlainView, QuietView
from underway.report.receipt import receipt_text
from underway.report.views import View, view_for


class Flushed(io.StringIO):
    """Remembers what a reader at the other end has got by now."""

    received = ""

    def flush(self) -> None:
        self.received = self.getvalue()


def play(view: View, events: list[Event]) -> None:
    for event in events:
        view.show(event)
    view.close()


def test_a_terminal_gets_the_live_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(view_for(io.StringIO(), Terminal()), Display)
    assert isinstance(view_for(io.StringIO(), Terminal(), color=False), Display)


def test_what_is_no_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(view_for(io.StringIO(), io.StringIO()), PlainView)
    assert isinstance(view_for(io.StringIO(), Terminal(), interactive=False), PlainView)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(view_for(io.StringIO(), Terminal()), PlainView)
    assert isinstance(view_for(io.StringIO(), Terminal(), quiet=True), QuietView)
    assert isinstance(view_for(io.StringIO(), Terminal(), output="json"), JsonLines)


def test_each_json_line_is_there_at_once_and_reads_back() -> None:
    out, events = Flushed(), RUNS["three-nodes"]()
    view = view_for(out, io.StringIO(), output="json")
    for event in events:
        view.show(event)
        if not isinstance(event, Pulse):
            assert from_json(out.received.splitlines()[-1].encode()) == event
    assert isinstance(from_json(out.received.splitlines()[-1].encode()), Receipt)


def test_quiet_gives_only_the_receipt() -> None:
    events = RUNS["failed-and-restored"]()
    text, lines, log = io.StringIO(), io.StringIO(), io.StringIO()
    play(view_for(text, log, quiet=True), events)
    play(view_for(lines, log, quiet=True, output="json"), events)
    assert text.getvalue() == receipt_text(events[-1]) + "\n"
    assert from_json(lines.getvalue().encode()) == events[-1]
    assert log.getvalue() == ""


def test_data_goes_to_stdout_and_everything_else_to_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    events = RUNS["three-nodes"]()
    for terminal in (Terminal(), io.StringIO()):
        out = io.StringIO()
        play(view_for(out, terminal), events)
        assert out.getvalue() == receipt_text(events[-1]) + "\n"
        assert "node/kind-worker: cordon" in terminal.getvalue()


def test_the_receipt_as_json_is_the_receipt() -> None:
    for run in RUNS.values():
        receipt = run()[-1]
        assert from_json(render(receipt, [], "json").encode()) == receipt


def test_what_is_waited_for_is_said_every_30_seconds() -> None:
    log = io.StringIO()
    recorder = Recorder()
    recorder.waits(("pod/shop/web-1", "not Ready"))
    recorder.passes(95)
    recorder.waits()
    recorder.passes(40)
    play(view_for(io.StringIO(), log, interactive=False), recorder.events)
    assert log.getvalue().splitlines() == [
        "2026-11-23T04:13:00Z still waiting for pod/shop/web-1 (30s): not Ready",
        "2026-11-23T04:13:30Z still waiting for pod/shop/web-1 (1m00s): not Ready",
        "2026-11-23T04:14:00Z still waiting for pod/shop/web-1 (1m30s): not Ready",
    ]


def test_a_reminder_of_many_names_those_waited_for_longest() -> None:
    log = io.StringIO()
    view = view_for(io.StringIO(), log, interactive=False)
    waits = tuple((f"pod/shop/web-{number}", "not Ready") for number in range(100))
    view.show(Waiting(at=START, run="r", waits=waits[99:]))
    view.show(Waiting(at=START + timedelta(seconds=20), run="r", waits=waits))
    view.show(Pulse(at=START + timedelta(seconds=30), run="r", probes=()))
    lines = log.getvalue().splitlines()
    assert lines[0] == "2026-11-23T04:13:00Z still waiting for pod/shop/web-99 (30s): not Ready"
    assert lines[-1] == "2026-11-23T04:13:00Z still waiting for 95 more things"
    assert len(lines) == 6


def test_a_probe_that_keeps_losing_says_so_every_10_seconds() -> None:
    log = io.StringIO()
    recorder = Recorder(probes={"storefront": [0, 0]})
    recorder.passes(25, lost=3)
    play(view_for(io.StringIO(), log, interactive=False), recorder.events)
    assert [line.split("has lost ")[1] for line in log.getvalue().splitlines()] == [
        "3 of 200 requests",
        "33 of 2,200 requests",
        "63 of 4,200 requests",
    ]


def test_a_refusal_that_repeats_is_said_once() -> None:
    log = io.StringIO()
    recorder = Recorder()
    for _ in range(5):
        recorder.change("evict", "pod/shop/db-0", "evict")
        recorder.refused("evict", "pod/shop/db-0", "evict", "blocked", "budget/shop/db allows none")
        recorder.refused("patchNode", "node/a", "cordon", "conflict", "it has changed")
    play(view_for(io.StringIO(), log, interactive=False), recorder.events)
    assert [line.split(" ", 1)[1] for line in log.getvalue().splitlines()] == [
        "pod/shop/db-0: evict",
        "pod/shop/db-0: not accepted (blocked): evict: budget/shop/db allows none",
    ]


def said(recorder: Recorder, *, verbose: bool = False) -> list[str]:
    log = io.StringIO()
    play(view_for(io.StringIO(), log, interactive=False, verbose=verbose), recorder.events)
    return [line.split(" ", 1)[1] for line in log.getvalue().splitlines()]


def test_a_gate_that_does_not_hold_yet_is_no_alarm() -> None:
    recorder = Recorder()
    recorder.gate("storefront", "http", "error", "not measured yet")
    recorder.gate("storefront", "http", "pass", "none lost")
    recorder.step(0, "look", "check")
    recorder.gate("ready", "node", "inconclusive", "Ready, for 1s of 10s")
    recorder.gate("ready", "node", "pass", "Ready")
    assert said(recorder) == ["step 1 of 1, look"]
    assert "gate ready does not hold yet: Ready, for 1s of 10s" in said(recorder, verbose=True)


def test_a_guard_that_cannot_be_measured_any_more_is_an_alarm() -> None:
    recorder = Recorder()
    recorder.gate("storefront", "http", "pass", "none lost")
    recorder.step(0, "look", "check")
    recorder.gate("storefront", "http", "error", "no answer for 3s")
    recorder.gate("storefront", "http", "pass", "none lost")
    assert said(recorder)[1:] == [
        "gate storefront cannot be measured: no answer for 3s",
        "gate storefront holds again: none lost",
    ]


def test_a_wait_whose_figures_change_is_told_once_and_keeps_its_age() -> None:
    log = io.StringIO()
    recorder = Recorder()
    for second in range(31):
        recorder.waits(("node/a", f"Ready, for {second}s of 1m00s"))
        recorder.passes(1)
    play(view_for(io.StringIO(), log, interactive=False, verbose=True), recorder.events)
    assert [line.split(" ", 1)[1] for line in log.getvalue().splitlines()] == [
        "waiting for node/a: Ready, for 0s of 1m00s",
        "still waiting for node/a (30s): Ready, for 29s of 1m00s",
    ]


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_reader_who_leaves_does_not_stop_the_run(output: str) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from recorded_runs import RUNS
from underway.report.views import view_for
view = view_for(sys.stdout, sys.stdout, output={output!r})
for event in RUNS["hundred-pods"]():
    view.show(event)
view.close()
sys.stderr.write("the run has ended")
"""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "the run has ended")


def test_a_stream_without_unicode_gets_escapes() -> None:
    raw = io.BytesIO()
    recorder = Recorder(playbook="größer 宇")
    recorder.starts("a")
    stdout = io.TextIOWrapper(raw, "ascii")
    play(view_for(stdout, io.StringIO(), interactive=False), recorder.receipt("done", 0))
    assert b"gr\\xf6\\xdfer \\u5b87" in raw.getvalue()


def test_the_display_leaves_a_clean_terminal_wherever_the_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    events = RUNS["interrupted"]()
    for count in range(len(events) + 1):
        terminal = Terminal()
        view = view_for(io.StringIO(), terminal)
        play(view, events[:count])
        view.close()
        written = terminal.getvalue()
        assert written.rfind("\x1b[?25h") >= written.rfind("\x1b[?25l")
        assert sys.stderr is not terminal


def test_a_picture_is_as_new_as_the_line_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("underway.report.display.PAINT_EVERY", 0)
    terminal = Terminal()
    view = view_for(io.StringIO(), terminal, color=False)
    for event in RUNS["three-nodes"]():
        before = len(terminal.getvalue())
        view.show(event)
        if isinstance(event, NodeChanged):
            line, picture = terminal.getvalue()[before:].rsplit("  on kind-shop  ", 1)
            assert f"node/{event.node}: {event.phase}" in line
            assert re.search(rf"{event.node} +{event.phase}", picture)


def test_no_color_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    colored, bare = Terminal(), Terminal()
    play(view_for(io.StringIO(), colored, color=True), RUNS["three-nodes"]())
    play(view_for(io.StringIO(), bare, color=False), RUNS["three-nodes"]())
    assert "\x1b[32m" in colored.getvalue()
    assert "\x1b[32m" not in bare.getvalue()
    assert "✓ kind-worker" in bare.getvalue()


def test_without_a_terminal_rich_is_not_imported() -> None:
    script = (
        "import io, sys; from underway.report.views import view_for; import underway.report.errors, "
        "underway.report.forms, underway.report.status; view_for(io.StringIO(), io.StringIO()); "
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_every_event_of_a_run_can_be_read_back() -> None:
    for run in RUNS.values():
        for event in run():
            assert from_json(msgspec.json.encode(event)) == event
