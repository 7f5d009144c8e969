"""The receipt in the form that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, assert_never

from underway.engine.events import Event, Receipt
from underway.report.html_page import receipt_html
from underway.report.junit_xml import receipt_junit
from underway.report.markdown import receipt_markdown
from underway.report.receipt import receipt_json, receipt_text

Form: TypeAlias = Literal["text", "json", "md", "html", "junit"]


def render(receipt: Receipt, events: Iterable[Event], form: Form) -> str:
    """Without a newline at the end. `events` are the run's journal: what happened when, and which gates failed."""
    match form:
        case "text":
            return receipt_text(receipt)
        case "json":
            return receipt_json(receipt)
        case "md":
            return receipt_markdown(receipt, events)
        case "html":
            return receipt_html(receipt, events)
        case "junit":
            return receipt_junit(receipt, events)
        case never:
            assert_never(never)
