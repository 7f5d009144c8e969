"""What the engine reads of the gates that the cluster's state does not answer, measured or simulated."""

from __future__ import annotations

from typing import Protocol

from underway.gates.history import History
from underway.gates.http import HttpCount


class Measurements(Protocol):
    """Gates are known by their names. None: that gate is not being measured."""

    def http(self, gate: str) -> HttpCount | None: ...

    def history(self, gate: str) -> History | None: ...
