"""Counting requests as they end, into an `HttpCount`.

A lost request is laid to the time when it was sent: if it hung until its time-out, good answers may have come back
meanwhile, and yet there was a gap. So the ends of the recent good answers are kept for as long as a request can hang.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from datetime import datetime, timedelta

from underway.gates.http import Gap, HttpCount, with_gap


class Tally:
    """Moments must come from one clock; `longest_request` is how long after its sending a request may end."""

    def __init__(self, began: datetime, longest_request: timedelta) -> None:
        self._began = began
        self._longest_request = longest_request
        self._sent = self._answered = self._lost = self._late = self._in_flight = 0
        self._good_ends: deque[datetime] = deque((began,))
        self._answered_at: datetime | None = None
        self._measured_at: datetime | None = None
        self._good_since: datetime | None = None
        self._failing = False
        self._gaps: tuple[Gap, ...] = ()
        self._last_error = ""
        self._errors: Counter[str] = Counter()

    @property
    def good(self) -> bool:
        """Whether the last thing heard is a good answer."""
        return self._answered_at is not None and not self._failing

    def send(self) -> None:
        self._sent += 1
        self._in_flight += 1

    def answer(self, at: datetime) -> None:
        """One in flight has come to its good end."""
        self._in_flight -= 1
        self._answered += 1
        if self._failing:
            self._gaps = with_gap(self._gaps, Gap(at, at - self._good_ends[-1]))
        self._failing = False
        self._good_since = self._good_since or at
        self._answered_at = self._measured_at = at
        self._good_ends.append(at)
        while len(self._good_ends) > 1 and self._good_ends[1] < at - self._longest_request:
            self._good_ends.popleft()

    def lose(self, sent_at: datetime, at: datetime, error: str) -> None:
        """One in flight is lost."""
        self._in_flight -= 1
        self._lost += 1
        self._good_since = None
        self._measured_at = at
        self._last_error = error
        self._errors[error] += 1
        after = bisect_right(self._good_ends, sent_at)
        if after == len(self._good_ends):
            self._failing = True
        elif after > 0:
            ended = self._good_ends[after]
            self._gaps = with_gap(self._gaps, Gap(ended, ended - self._good_ends[after - 1]))

    def forgo(self, *, in_flight: bool = False) -> None:
        """Our own process was held up or is stopping: a request that was not sent, or of which nothing is known."""
        self._late += 1
        if in_flight:
            self.withdraw()

    def withdraw(self) -> None:
        """Take one in flight out of the count: it was given up by us."""
        self._sent -= 1
        self._in_flight -= 1

    def count(self, now: datetime) -> HttpCount:
        return HttpCount(
            began=self._began,
            at=max(now, self._began),
            sent=self._sent,
            answered=self._answered,
            lost=self._lost,
            in_flight=self._in_flight,
            late=self._late,
            measured_at=self._measured_at,
            answered_at=self._answered_at,
            good_since=self._good_since,
            failing=self._failing,
            gaps=self._gaps,
            last_error=self._last_error,
            errors=dict(self._errors),
        )
