"""The view for programs: one event a line, the receipt last."""

from __future__ import annotations

from underway.engine.events import Event, Receipt, to_json
from underway.report.outlet import Outlet


class JsonLines:
    """`journaled` events only: a program that watches wants what changed, not each second's pulse."""

    def __init__(self, out: Outlet, *, quiet: bool) -> None:
        self._out = out
        self._quiet = quiet

    def show(self, event: Event) -> None:
        if event.journaled and (isinstance(event, Receipt) or not self._quiet):
            self._out.line(to_json(event).decode())

    def close(self) -> None:
        self._out.flush()
