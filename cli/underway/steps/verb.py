"""A verb: what the engine needs to know of it to plan it, to check it beforehand, and to carry it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from underway.cluster.actions import Need
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.steps.progress import StepEnd, Turn

B = TypeVar("B")
W = TypeVar("W")


@dataclass(frozen=True)
class Beginning:
    """`index` and `name`: of the step in the playbook. `namespace`: where Jobs run if the playbook does not say."""

    index: int
    namespace: str
    now: datetime
    timeout: timedelta | None = None
    name: str = ""


@dataclass(frozen=True)
class Scene:
    """What blockers are looked for in, before the first change. `name`: of the step, as blockers name it."""

    name: str
    index: int
    state: ClusterState
    run: str
    now: datetime


@dataclass(frozen=True)
class Verb(Generic[B, W]):
    """`B` is the step's body as the playbook has it, `W` what the verb remembers between its turns. All that undo needs
    has to be in the cluster's marks instead.
    """

    begin: Callable[[B, Beginning, ClusterState], W]
    proceed: Callable[[B, W, Turn], StepEnd | None]
    """Take the step as far as it goes now; None while there is something to wait for (`Turn.wait`)."""
    blockers: Callable[[B, Scene], Iterable[Blocker]]
    needs: Callable[[B, str], Iterable[Need]]
    """The permissions to write, given the namespace of the command line."""
