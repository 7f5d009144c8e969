"""What can go wrong in a simulation, as values. `after` counts from the moment the cluster is handed over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from underway.cluster.actions import Outcome
from underway.cluster.model import Ref
from underway.units import Share


@dataclass(frozen=True)
class NodeLost:
    """The node falls silent: its pods stop answering at once, the API learns of it 50 s later."""

    node: str
    after: timedelta = timedelta(0)


@dataclass(frozen=True)
class NeverReady:
    """Pods made after `after` never become Ready; `namespace` empty: everywhere, `prefix` empty: all of them."""

    namespace: str = ""
    prefix: str = ""
    after: timedelta = timedelta(0)


@dataclass(frozen=True)
class NoRoom:
    """From then on no node has cpu left for another pod that requests any."""

    after: timedelta = timedelta(0)


@dataclass(frozen=True)
class BudgetTightened:
    """Somebody changes a budget meanwhile."""

    budget: Ref
    min_available: Share
    after: timedelta = timedelta(0)


@dataclass(frozen=True)
class Refusals:
    """Every `every`-th write is answered with this instead, and not done."""

    every: int
    status: Literal["conflict", "blocked", "failed", "denied"] = "failed"
    retry_after: float | None = None
    after: timedelta = timedelta(0)

    @property
    def answer(self) -> Outcome:
        return Outcome(self.status, f"simulated fault: every write number {self.every} is refused", self.retry_after)


@dataclass(frozen=True)
class AnswersLost:
    """Every `every`-th write is done, but its answer never arrives."""

    every: int
    after: timedelta = timedelta(0)


@dataclass(frozen=True)
class Killed:
    """The process that works on the cluster dies: `KilledError` is raised where it waits. Others may come after it."""

    after: timedelta = timedelta(0)


class KilledError(Exception):
    """The fault `Killed`, as it ends whoever waits for a change of the cluster."""


Fault: TypeAlias = NodeLost | NeverReady | NoRoom | BudgetTightened | Refusals | AnswersLost | Killed
