"""How many random examples are looked at, and how many of them came to be played."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

PLAYED: Counter[str] = Counter()
"""By what was looked at."""


def random_examples(number: int) -> Callable[[Any], Any]:
    unhurried = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    # CI tells whether a change is good, so it looks at the same examples every time; elsewhere they are new ones
    same = bool(os.environ.get("CI"))
    return settings(max_examples=number, deadline=None, suppress_health_check=unhurried, derandomize=same)
