"""The view for logs and pipes: one line per change, and every 30 seconds what is being waited for."""

from __future__ import annotations

from datetime import datetime, timedelta

from underway.engine.events import Event, Receipt
from underway.report.lines import Announcer
from underway.report.outlet import Outlet
from underway.report.progress import Progress
from underway.report.receipt import receipt_text
from underway.report.words import between, count, timestamp, visible

REMIND_EVERY = timedelta(seconds=30)
REMIND_OF = 5
"""So many waits are named; a log needs no list of 100 pods twice a minute."""


class PlainView:
    """Changes go to `log`, the receipt to `out`. Time is the events' own, so a rehearsal reminds in virtual time."""

    def __init__(self, out: Outlet, log: Outlet, *, verbose: bool) -> None:
        self._out = out
        self._log = log
        self._announcer = Announcer(verbose=verbose)
        self._progress = Progress()
        self._reminded: datetime | None = None
        """When something was first waited for, or the last reminder; None while nothing is."""

    def show(self, event: Event) -> None:
        self._progress.take(event)
        for line in self._announcer.lines(event, self._progress):
            self._log.line(f"{timestamp(event.at)} {line.text}")
        self._remind(event.at)
        if isinstance(event, Receipt):
            self._log.line("")
            self._out.line(receipt_text(event))

    def close(self) -> None:
        self._log.flush()
        self._out.flush()

    @property
    def lost(self) -> OSError | None:
        return self._out.lost

    def _remind(self, now: datetime) -> None:
        waits = self._progress.waits
        if not waits:
            self._reminded = None
            return
        self._reminded = self._reminded or now
        if now - self._reminded < REMIND_EVERY:
            return
        self._reminded = now
        longest_first = sorted(waits.items(), key=lambda wait: wait[1])
        for (named, reason), since in longest_first[:REMIND_OF]:
            waited = f"still waiting for {named} ({between(since, now)}): {reason}"
            self._log.line(f"{timestamp(now)} {visible(waited)}")
        if len(waits) > REMIND_OF:
            self._log.line(f"{timestamp(now)} still waiting for {count(len(waits) - REMIND_OF, 'more thing')}")


class QuietView:
    """Only the receipt."""

    def __init__(self, out: Outlet) -> None:
        self._out = out

    def show(self, event: Event) -> None:
        if isinstance(event, Receipt):
            self._out.line(receipt_text(event))

    def close(self) -> None:
        self._out.flush()

    @property
    def lost(self) -> OSError | None:
        return self._out.lost
