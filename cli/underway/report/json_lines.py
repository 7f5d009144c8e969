"""The view for programs: one event a line, the receipt last."""

from __future__ import annotations

from underway.engine.events import Event, Pulse, Receipt, to_json
from underway.report.outlet import Outlet


class JsonLines:
    """A program that watches wants what changed, not each second's pulse: the receipt has the sums."""

    def __init__(self, out: Outlet, *, quiet: bool) -> None:
        self._out = out
        self._quiet = quiet

    def show(self, event: Event) -> None:
        wanted = isinstance(event, Receipt) if self._quiet else not isinstance(event, Pulse)
        if wanted:
            self._out.line(to_json(event).decode())

    def close(self) -> None:
        self._out.flush()

    @property
    def lost(self) -> OSError | None:
        return self._out.lost
