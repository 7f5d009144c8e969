"""The plan: what a run would do, told from the events of a run that was played on a copy of the cluster.

As JSON or YAML it is one document with camelCase keys. It holds no moment, only times since the beginning, so that
planning the same twice gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from underway.cluster.ignored import Ignored
from underway.cluster.model import Ref
from underway.engine.events import (
    SCHEMA,
    Change,
    Event,
    NodeChanged,
    PodMoved,
    PodPlanned,
    PodVerdict,
    Receipt,
    StepEnded,
    StepStarted,
)
from underway.engine.node_turns import NodeTurn, NodeTurns
from underway.errors import Blocker
from underway.playbook.models import NodesStep, Playbook, RolloutStep


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    pass


class PlannedPod(_Part, frozen=True, kw_only=True):
    """What will be done with a pod that is there now. `strategy`: what the step asks for that does it."""

    name: str
    namespace: str
    uid: str
    node: str
    verdict: PodVerdict
    reason: str
    strategy: str


class PlannedNode(_Part, frozen=True, kw_only=True):
    """One turn of a node, which has one in each step that works on it: when it comes, and how long it takes, in seconds
    since the beginning; None for what is not reached.
    """

    name: str
    wave: int
    begins_seconds: float
    emptied_seconds: float | None
    ended_seconds: float | None
    moves: int


class Wave(_Part, frozen=True, kw_only=True):
    """Numbered from 1 on, through all steps: a node's turn is in the wave above the latest of those that had ended when
    it began.
    """

    nodes: tuple[str, ...]


class PlannedStep(_Part, frozen=True, kw_only=True):
    """`result`: how it comes out, in its verb's words."""

    name: str
    verb: str
    begins_seconds: float
    duration_seconds: float | None
    nodes: tuple[str, ...] = ()
    result: str = ""


class Tightest(_Part, frozen=True, kw_only=True):
    """The moment at which the nodes that take pods, those that are schedulable and Ready, had the least left, as shares
    (0 to 1) of what they can give. `nodes_away`: the other nodes.
    """

    at_seconds: float
    cpu_free: float
    memory_free: float
    pods_free: float
    nodes_away: tuple[str, ...]


class Plan(_Part, frozen=True, kw_only=True):
    """`changes`: whether anything would be changed. `moves`: how often a pod leaves a node, replacements that have to
    move once more included; `least_moves`: how many pods have to leave, each once. `assumptions`: what the cluster
    does not tell. `tightest` is None if nothing was played. `ignored`: what the files of a simulated cluster
    have, and it was made without.
    """

    schema: str = SCHEMA
    type: str = "plan"
    playbook: str
    changes: bool
    duration_seconds: float
    waves: tuple[Wave, ...]
    nodes: tuple[PlannedNode, ...]
    pods: tuple[PlannedPod, ...]
    moves: int
    least_moves: int
    handed_off: int
    evicted: int
    blockers: tuple[Blocker, ...]
    steps: tuple[PlannedStep, ...]
    assumptions: tuple[str, ...]
    tightest: Tightest | None = None
    ignored: tuple[Ignored, ...] = ()


@dataclass
class _Fold:
    began: datetime
    turns: NodeTurns = field(default_factory=NodeTurns)
    pods: dict[str, tuple[PodPlanned, int]] = field(default_factory=dict)
    """By UID, each with the step that told of it."""
    steps: dict[int, tuple[StepStarted, StepEnded | None]] = field(default_factory=dict)
    changes: bool = False

    def add(self, event: Event) -> None:
        match event:
            case Change():
                # the run's own sign of life is no change of anybody's
                self.changes = self.changes or not event.object.startswith("lease/")
            case NodeChanged():
                self.turns.change(event)
            case PodPlanned():
                self.pods[event.uid] = event, max(self.steps)  # what was told last is what is done
            case PodMoved():
                self.turns.move(event)
            case StepStarted():
                self.turns.enter_step(event.step)
                self.steps[event.step] = event, None
            case StepEnded():
                self.steps[event.step] = self.steps[event.step][0], event
            case _:
                pass

    def since(self, moment: datetime | None) -> float | None:
        return None if moment is None else _seconds(moment - self.began)


def refused(playbook: Playbook, pods: Sequence[PlannedPod], blockers: Sequence[Blocker]) -> Plan:
    """The plan of a run that would refuse: what is in the way, and what was judged all the same. A pod that is in the
    way is blocked, also where that has come out only after it was judged.
    """
    reasons: dict[str, dict[str, None]] = {}
    for blocker in blockers:
        reasons.setdefault(blocker.object, {})[blocker.reason] = None
    pods = tuple(_blocked(pod, reasons.get(str(Ref("pod", pod.namespace, pod.name)), ())) for pod in pods)
    return Plan(
        playbook=playbook.metadata.name,
        changes=False,
        duration_seconds=0,
        waves=(),
        nodes=(),
        pods=pods,
        moves=0,
        least_moves=_leaving(pods),
        handed_off=0,
        evicted=0,
        blockers=tuple(blockers),
        steps=(),
        assumptions=(),
    )


def _blocked(pod: PlannedPod, reasons: Collection[str]) -> PlannedPod:
    return replace(pod, verdict="blocked", reason="; ".join(reasons)) if reasons else pod


def planned(
    playbook: Playbook, events: Sequence[Event], present: frozenset[str], assumptions: Sequence[str], tightest: Tightest
) -> Plan:
    """Fold the events of the run that was played. `present`: the UIDs of the pods that are there now. The last event
    is the receipt; if it is not a good one, what went wrong stands among the blockers.
    """
    end = events[-1]
    if not isinstance(end, Receipt):
        raise TypeError("a run ends with its receipt")
    fold = _Fold(end.started)
    for event in events:
        fold.add(event)
    pods = tuple(_pod(found, _strategy(playbook, step)) for found, step in fold.pods.values() if found.uid in present)
    waves: dict[int, list[str]] = {}
    turns = [turn for turn in fold.turns.every if turn.wave]
    for turn in turns:
        waves.setdefault(turn.wave, []).append(turn.node)
    return Plan(
        playbook=playbook.metadata.name,
        changes=fold.changes,
        duration_seconds=end.duration_seconds,
        waves=tuple(Wave(nodes=tuple(names)) for names in waves.values()),
        nodes=tuple(_node(turn, fold) for turn in turns),
        pods=pods,
        moves=end.pods_moved,
        least_moves=_leaving(pods),
        handed_off=end.handed_off,
        evicted=end.evicted,
        blockers=_blockers(end),
        steps=tuple(_step(started, ended, fold) for started, ended in fold.steps.values()),
        assumptions=tuple(assumptions),
        tightest=tightest,
    )


def _blockers(end: Receipt) -> tuple[Blocker, ...]:
    if end.outcome == "done" or end.blockers:
        return end.blockers
    remedy = "see the course of it with underway rehearse, on a snapshot of this cluster"
    return (Blocker(f"playbook/{end.playbook}", f"played on a copy of the cluster it ended: {end.reason}", remedy),)


def _pod(event: PodPlanned, strategy: str) -> PlannedPod:
    return PlannedPod(
        name=event.pod,
        namespace=event.namespace,
        uid=event.uid,
        node=event.node,
        verdict=event.verdict,
        reason=event.reason,
        strategy=strategy,
    )


def _strategy(playbook: Playbook, step: int) -> str:
    match playbook.spec.steps[step].body:
        case NodesStep(drain=drain):
            return drain.strategy
        case RolloutStep(strategy=strategy):
            return strategy
        case _:
            return ""


def _node(turn: NodeTurn, fold: _Fold) -> PlannedNode:
    return PlannedNode(
        name=turn.node,
        wave=turn.wave,
        begins_seconds=_seconds(turn.began - fold.began),
        emptied_seconds=fold.since(turn.emptied),
        ended_seconds=fold.since(turn.ended),
        moves=turn.moves,
    )


def _step(started: StepStarted, ended: StepEnded | None, fold: _Fold) -> PlannedStep:
    return PlannedStep(
        name=started.name,
        verb=started.verb,
        begins_seconds=_seconds(started.at - fold.began),
        duration_seconds=None if ended is None else _seconds(ended.at - started.at),
        nodes=started.nodes,
        result=ended.reason if ended is not None and ended.outcome == "done" else "",
    )


def _leaving(pods: Sequence[PlannedPod]) -> int:
    return sum(pod.verdict in ("handoff", "evict") for pod in pods)


def _seconds(length: timedelta) -> float:
    return round(length.total_seconds(), 3)
