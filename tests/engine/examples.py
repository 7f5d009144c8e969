"""How many random examples came to be played."""

from __future__ import annotations

from collections import Counter

PLAYED: Counter[str] = Counter()
"""By what was looked at."""
