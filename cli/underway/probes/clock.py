"""Wall time that only goes forward: a step of the system's clock in mid-run is neither a gap nor a failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def steady_clock() -> Callable[[], datetime]:
    """UTC as it was when the clock was made, and from there on the monotonic clock."""
    began, origin = datetime.now(UTC), time.monotonic()
    return lambda: began + timedelta(seconds=time.monotonic() - origin)
