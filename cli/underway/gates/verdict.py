"""What a gate says, and the single look it says it from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["pass", "fail", "inconclusive", "error"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status and why.

    An awaited gate: pass goes on, inconclusive waits, fail and error end the wait. A guard: pass goes on, fail stops
    and puts back, error holds the work until it is measured again, inconclusive stops because that took too long.
    """

    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. `holds` None: it could not be measured, or is unknown. Unknown is not healthy."""

    at: datetime
    holds: bool | None
    reason: str
