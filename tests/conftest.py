"""How hypothesis looks for examples, everywhere: as long as it takes, for a busy machine is no fault of the code."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "underway",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    # CI tells whether a change is good, so it looks at the same examples every time; elsewhere they are new ones
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("underway")
