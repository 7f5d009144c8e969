"""What a step's turn yields: what to do now, what is waited for, what came to pass, and when to look again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from underway.cluster.actions import Action
from underway.cluster.model import Pod, Ref
from underway.cluster.state import ClusterState
from underway.steps.handoff import Ledger
from underway.steps.treatment import Verdict

Phase = Literal["pending", "draining", "maintaining", "verifying", "done", "failed", "restored"]
WorkloadPhase = Literal["rolling", "serving", "alone", "done", "restoring", "back", "restored"]
_WORKLOAD_PHASES: tuple[WorkloadPhase, ...] = ("rolling", "serving", "alone", "done", "restoring", "back", "restored")
Way = Literal["handedOff", "evicted", "gone"]


class Wait(msgspec.Struct, frozen=True):
    """Why nothing more can be done about an object, named as kubectl prints it, just now; `until`: it ends then."""

    object: str
    reason: str
    until: datetime | None = None


NOTHING = Wait("", "")
"""Neither to do nor to wait for."""


@dataclass(frozen=True)
class NodeEntered:
    node: str
    phase: Phase
    reason: str = ""
    pods: int = 0


@dataclass(frozen=True)
class PodJudged:
    pod: Pod
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class PodLeft:
    pod: Pod
    way: Way


@dataclass(frozen=True)
class WorkloadEntered:
    workload: Ref
    phase: WorkloadPhase
    reason: str = ""


Fact: TypeAlias = NodeEntered | PodJudged | PodLeft | WorkloadEntered


@dataclass(frozen=True)
class StepEnd:
    """`pod`: the one whose fault it is, of whom there may be more to tell."""

    outcome: Literal["done", "failed", "timedOut"]
    reason: str = ""
    pod: Ref | None = None


class LeftTraffic(NamedTuple):
    """When a pod was first seen outside every EndpointSlice, after it had left them so often."""

    at: datetime
    times: int


@dataclass
class Turn:
    """One look at the cluster: what is known when it begins, and what is collected while it goes on."""

    run: str
    state: ClusterState
    now: datetime
    left_traffic: dict[str, LeftTraffic]
    """By the UID of a withdrawn pod. Kept from turn to turn."""
    note: Callable[[Fact], None]
    """Tell what has come to pass."""
    leaving: dict[str, PodLeft] = field(default_factory=dict)
    """By UID: the pods that are to leave, and the way they go as far as is known. Kept from turn to turn."""
    in_flight: frozenset[Ref] = frozenset()
    """What is being written just now: the state may be about to be another one."""
    phases: dict[Ref, WorkloadPhase] = field(default_factory=dict)
    """The phase of each workload that was told last. Kept from turn to turn."""
    kept: dict[Ref, str] = field(default_factory=dict)
    """How what is not put back stays, since the playbook asks for it. Kept from turn to turn."""
    paused: bool = False
    """Somebody wants the run to pause: finish what cannot stay as it is, begin nothing new."""
    ledger: Ledger = field(default_factory=Ledger)
    actions: list[Action] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    wake: datetime | None = None

    def tell_left(self, *, leaving: bool = False) -> None:
        """Tell of the pods that are gone; with `leaving`, of those too that are being deleted."""
        pods = self.state.pods_by_uid
        for uid in [uid for uid in self.leaving if uid not in pods or (leaving and pods[uid].deleting is not None)]:
            self.note(self.leaving.pop(uid))

    def enter(self, workload: Ref, phase: WorkloadPhase, reason: str = "") -> None:
        """Tell of a workload's phase, once and in order; with `rolling` it begins anew."""
        told = self.phases.get(workload)
        anew = phase == "rolling" and told != "rolling"
        if told is None or anew or _WORKLOAD_PHASES.index(phase) > _WORKLOAD_PHASES.index(told):
            self.phases[workload] = phase
            self.note(WorkloadEntered(workload, phase, reason))

    def keep(self, found: Ref, how: str) -> None:
        """Note how it stays when its marks are taken away; empty if it is as it was."""
        self.kept.pop(found, None)
        if how:
            self.kept[found] = how

    def act(self, action: Action) -> None:
        self.actions.append(action)

    def wait(self, found: Ref, reason: str) -> Wait:
        return self.await_(Wait(str(found), reason))

    def await_(self, wait: Wait) -> Wait:
        self.waits.append(wait)
        if wait.until is not None:
            self.look_again(wait.until)
        return wait

    def go_over(self, question: object, pods: Iterable[Pod], ask: Callable[[Pod], bool]) -> None:
        """Ask about pods, but for those of which the answer still holds. `ask` does what can be done about one, says
        what is waited for, once at most, and returns whether that is all: nothing to do but to wait, until something
        changes in the pod's ties or the wait ends.
        """
        derived = self.state.derived
        known, stale = derived.noted(question)
        for pod in tuple(pods):
            wait: Wait | None = known.get(pod.uid)
            if wait is not None and pod.uid not in stale:
                if wait is NOTHING:
                    continue
                if wait.until is None or self.now < wait.until:
                    self.await_(wait)
                    continue
            before = len(self.waits)
            if ask(pod):
                derived.ties.of(pod)
                known[pod.uid] = self.waits[-1] if len(self.waits) > before else NOTHING
            elif wait is not None:
                del known[pod.uid]

    def look_again(self, moment: datetime) -> None:
        self.wake = moment if self.wake is None else min(self.wake, moment)
