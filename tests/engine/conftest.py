"""Says at the end how many of the random runs were played; the others were refused beforehand, as they should be."""

from __future__ import annotations

import pytest
from examples import PLAYED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if PLAYED:
        said = ", ".join(f"{number:,} {what}" for what, number in PLAYED.items())
        terminalreporter.write_line(f"random runs played: {PLAYED.total():,} ({said})")
