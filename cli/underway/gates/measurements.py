"""What the engine reads of the gates that the cluster's state does not answer, measured or simulated."""

from __future__ import annotations

from typing import Protocol

from underway.gates.history import History
from underway.gates.http import HttpCount


class Measurements(Protocol):
    """Gates are known by the names they were started with. None: nothing of that name was ever measured."""

    def http(self, name: str) -> HttpCount | None: ...

    def history(self, name: str) -> History | None: ...
