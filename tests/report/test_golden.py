"""Recorded runs in every form, compared with golden/. To write them anew: UPDATE_GOLDEN=1 pytest tests/report."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from recorded_runs import BLOCKERS, RUNS
from screens import painted

from underway.engine.events import Pulse, to_json
from underway.errors import RefusedError
from underway.report.errors import render_error
from underway.report.forms import Form, render
from underway.report.views import view_for

GOLDEN = Path(__file__).parent / "golden"


def compare(name: str, got: str) -> None:
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(got + "\n", encoding="utf-8")
    assert got + "\n" == file.read_text(encoding="utf-8")


def log_of(run: str, *, verbose: bool) -> str:
    both = io.StringIO()
    view = view_for(both, both, interactive=False, verbose=verbose)
    for event in RUNS[run]():
        view.show(event)
    view.close()
    return both.getvalue().rstrip("\n")


@pytest.mark.parametrize("run", RUNS)
def test_a_run_in_a_log_reads_as_recorded(run: str) -> None:
    compare(f"{run}.txt", log_of(run, verbose=False))


@pytest.mark.parametrize("run", ["three-nodes", "hostile"])
def test_a_run_in_a_verbose_log_reads_as_recorded(run: str) -> None:
    compare(f"{run}.verbose.txt", log_of(run, verbose=True))


@pytest.mark.parametrize("form", ["json", "md", "html", "junit"])
@pytest.mark.parametrize("run", ["simulated", "failed-and-restored", "person-needed", "refused", "hostile"])
def test_a_receipt_has_the_recorded_form(run: str, form: Form) -> None:
    events = RUNS[run]()
    compare(f"{run}.{form}", render(events[-1], events, form))


@pytest.mark.parametrize(
    ("run", "count", "width", "height"),
    [
        ("three-nodes", 50, 80, 24),
        ("three-nodes", 110, 120, 40),
        ("simulated", 80, 80, 24),
        ("failed-and-restored", 79, 80, 24),
        ("person-needed", 80, 80, 12),
        ("hundred-pods", 240, 80, 16),
        ("hundred-pods", 240, 120, 40),
        ("hostile", 8, 100, 24),
    ],
)
def test_the_live_picture_looks_as_recorded(run: str, count: int, width: int, height: int) -> None:
    compare(f"{run}.{count}.{width}x{height}.picture.txt", painted(RUNS[run]()[:count], width, height))


def test_the_lines_of_a_run_as_json_are_as_recorded() -> None:
    out = io.StringIO()
    view = view_for(out, io.StringIO(), output="json")
    events = RUNS["interrupted"]()
    for event in events:
        view.show(event)
    compare("interrupted.jsonl", out.getvalue().rstrip("\n"))
    assert out.getvalue().splitlines() == [to_json(event).decode() for event in events if not isinstance(event, Pulse)]


def test_a_refusal_names_every_blocker_and_its_remedy() -> None:
    error = RefusedError("the nodes cannot be emptied", BLOCKERS, hint="`underway plan` says the same, pod by pod")
    said = render_error(error)
    compare("refusal.txt", said)
    words = " ".join(said.split())
    for blocker in BLOCKERS:
        assert blocker.object in words
        assert blocker.reason in words
        assert blocker.remedy in words
