"""What only a real system, or its people, can answer, and is taken to go well where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from underway.gates.history import History, opened, record
from underway.gates.verdict import Sample
from underway.playbook.models import Gate, NodesStep, Playbook
from underway.simulated.settings import Settings


def hold_duration(playbook: Playbook) -> timedelta:
    """How long maintenance by somebody else is taken to last: never longer than the playbook gives it."""
    bodies = (step.body for step in playbook.spec.steps)
    holds = (body.maintain.hold for body in bodies if isinstance(body, NodesStep) and body.maintain)
    return min([Settings().hold_duration, *(hold.timeout / 2 for hold in holds if hold)])


@dataclass
class AssumedGates:
    """By their names, from when they are opened until they are closed."""

    now: Callable[[], datetime]
    _began: dict[str, tuple[Gate, datetime]] = field(default_factory=dict)

    def open(self, name: str, gate: Gate) -> None:
        self._began[name] = gate, self.now()

    def close(self, name: str) -> None:
        """Of one that is not open, nothing."""
        self._began.pop(name, None)

    def began(self, name: str) -> datetime | None:
        return self._began[name][1] if name in self._began else None

    def history(self, name: str) -> History | None:
        """It has held in every look."""
        if name not in self._began:
            return None
        gate, began = self._began[name]
        looked = opened(gate, began)
        for moment in (began, self.now()):
            looked = record(looked, Sample(moment, holds=True, reason="assumed"))
        return looked
