"""Names and messages come from clusters and servers; no form of a report obeys them."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_runs import RUNS
from screens import CONTROL, Terminal, drawn, painted

from underway.engine.events import Receipt
from underway.errors import Blocker, RefusedError, UnderwayError
from underway.report.errors import render_error
from underway.report.forms import Form, render
from underway.report.markdown import escaped
from underway.report.progress import Progress
from underway.report.views import view_for
from underway.report.words import visible

EVENTS = RUNS["hostile"]()


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("form", ["text", "md", "html", "junit"])
@pytest.mark.parametrize("run", RUNS)
def test_no_form_lets_a_control_character_through(run: str, form: Form) -> None:
    events = RUNS[run]()
    rendered = render(events[-1], events, form)
    assert not CONTROL.search(rendered)


def test_a_log_line_cannot_be_forged() -> None:
    log = io.StringIO()
    view = view_for(io.StringIO(), log, interactive=False, verbose=True)
    for event in EVENTS:
        view.show(event)
    assert not CONTROL.search(log.getvalue())
    assert all(line.startswith("2026-11-23T04:12:3") for line in log.getvalue().splitlines() if line)


@pytest.mark.parametrize("count", range(1, len(EVENTS) + 1))
def test_markup_in_data_is_never_interpreted(count: int) -> None:
    progress = Progress()
    for event in EVENTS[:count]:
        progress.take(event)
    shown = drawn(progress, 200, 40, color=True)
    assert "\x1b]8" not in shown
    assert "[red]boo[/red] <script>" in shown
    assert not CONTROL.search(painted(EVENTS[:count], 200, 40))


def test_the_terminal_shows_markup_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    view = view_for(io.StringIO(), terminal)
    for event in EVENTS:
        view.show(event)
    view.close()
    assert "evict [red]pod[/red]\\x1b[1A\\x9b2K" in terminal.getvalue()
    assert "\x1b]" not in terminal.getvalue()
    assert "\x9b" not in terminal.getvalue()


def test_the_page_holds_no_element_of_the_data() -> None:
    page = render(EVENTS[-1], EVENTS, "html")
    tags = Tags()
    tags.feed(page)
    assert not tags.seen & {"script", "img", "b", "blink", "link", "a"}
    assert not {name for name in tags.attributes if name.startswith("on") or name in {"href", "src"}}
    assert "<script>alert(1)</script>" in tags.text
    assert "http" not in page.split("</style>")[0].replace("http-equiv", "")


def test_junit_reads_back_what_was_written() -> None:
    suite = fromstring(render(EVENTS[-1], EVENTS, "junit"))[0]
    node = next(case for case in suite if case.get("classname") == "underway.node")
    assert node.get("name") == r"node[/]\x1b[31m`x`"
    assert node[0].get("message") == r"</pre>\x07 | a\b ]]>"


def test_markdown_holds_no_markup_of_the_data() -> None:
    report = render(EVENTS[-1], EVENTS, "md")
    assert "<" not in report.replace("\n    underway restore", "")
    assert escaped("@ada a|b *x* `y` [z](u) # 1.5s") == r"&#64;ada a\|b \*x\* \`y\` \[z\](u) \# 1.5s"
    assert escaped("- x") == r"\- x"


@given(st.text())
def test_visible_text_is_one_printable_line(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_reason_gives_well_formed_junit(reason: str) -> None:
    receipt = EVENTS[-1]
    assert isinstance(receipt, Receipt)
    changed = Receipt(**{name: getattr(receipt, name) for name in receipt.__struct_fields__} | {"reason": reason})
    fromstring(render(changed, [], "junit"))


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    error = UnderwayError("cannot read `\x1b[31mplaybook.yaml`.", hint="give a file")
    assert render_error(error) == "error: cannot read `\\x1b[31mplaybook.yaml`\n\nhint: give a file"


def test_a_blocker_found_twice_is_said_once() -> None:
    same = Blocker("pod/a/b", "it is bare", "")
    said = render_error(RefusedError("", (same, same)))
    assert said == "refused: nothing has been changed\n\n1 thing stands in the way:\n\npod/a/b\n  - it is bare"
