"""Where something stands in the text of a playbook."""

from __future__ import annotations

import re
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What yaml takes for the end of a line."""


@dataclass(frozen=True)
class Place:
    """0-based, as yaml counts."""

    line: int
    column: int
