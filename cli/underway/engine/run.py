"""A run: what is remembered from one decision to the next. Only `decide` changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from underway.cluster.model import Ref
from underway.cluster.notes import lease_of
from underway.engine.events import Ailing, PodEvidence, ProbeCount, RunOutcome
from underway.engine.watched import Watched
from underway.errors import Blocker
from underway.playbook.models import Playbook
from underway.steps.node_work import NodesWork
from underway.steps.progress import LeftTraffic, PodLeft, WorkloadPhase

Phase = Literal["claiming", "checking", "proceeding", "leaving it", "putting back", "releasing", "ended"]
"""`leaving it`: nothing is put back (onFailure: stop), only what is being written just now is waited for."""
Stage = Literal["before", "work", "after"]


@dataclass(frozen=True)
class Disturbed:
    """A controller whose pods are moved: at the end it has to have as many Ready as it had before, or all of them."""

    ref: Ref
    ready: int
    """How many were Ready before the first of them was moved."""


@dataclass
class StepPlace:
    """Where in the playbook the run is. `verified`: the nodes whose `verify` gates have held."""

    index: int
    began: datetime
    stage: Stage = "before"
    stage_began: datetime | None = None
    obstructed: datetime | None = None
    """Since when something has been in the way of a step whose turn has come."""
    nodes: NodesWork | None = None
    work: object = None
    """What any other verb remembers between its turns."""
    verified: set[str] = field(default_factory=set)
    remark: str = ""
    """What the verb has said of its good end."""


@dataclass
class Run:
    """`holder` names this process for the Lease. `stop` is set from outside when a signal comes."""

    id: str
    playbook: Playbook
    holder: str
    namespace: str
    """Where Jobs run if the playbook names no namespace."""
    started: datetime
    operator: str = ""
    keep_cordons: bool = False
    only_restore: bool = False
    """Begin with putting back what an earlier process of this run has left (`underway restore`)."""
    phase: Phase = "claiming"
    place: StepPlace | None = None
    watched: dict[str, Watched] = field(default_factory=dict)
    measured: list[ProbeCount] = field(default_factory=list)
    """What HTTP gates have measured that guarded a step which is over."""
    restarts: Mapping[str, int] = field(default_factory=dict)
    left_traffic: dict[str, LeftTraffic] = field(default_factory=dict)
    leaving: dict[str, PodLeft] = field(default_factory=dict)
    """See `Turn`, as of `left_traffic`."""
    phases: dict[Ref, WorkloadPhase] = field(default_factory=dict)
    kept: dict[Ref, str] = field(default_factory=dict)
    """See `Turn`, as of `left_traffic`."""
    disturbed: dict[str, Disturbed] = field(default_factory=dict)
    """By the controller's UID."""
    examine: Ref | None = None
    """The pod whose fault it is that the run turns back, of whom there may be more to tell."""
    evidence: tuple[PodEvidence, ...] = ()
    paused_since: datetime | None = None
    lease_renewed: datetime | None = None
    foreign_renewal: tuple[datetime, datetime | None] | None = None
    """When another process's Lease of this run was first seen, and as of when it was renewed."""
    stop: Literal["", "interrupted", "terminated"] = ""
    outcome: RunOutcome = "done"
    reason: str = ""
    blockers: tuple[Blocker, ...] = ()
    putting_back_since: datetime | None = None
    claiming_since: datetime | None = None
    releasing_since: datetime | None = None
    left_changed: tuple[str, ...] = ()
    ailing: tuple[Ailing, ...] = ()
    told_waits: tuple[tuple[str, str], ...] = ()

    @property
    def lease(self) -> Ref:
        return lease_of(self.id)

    def end(self, outcome: RunOutcome, reason: str) -> None:
        """Nothing has to be put back: what is left is to give the Lease back."""
        self.outcome, self.reason, self.phase = outcome, reason, "releasing"
