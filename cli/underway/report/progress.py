"""Where a run stands, folded from its events: what a view needs to draw or to say more than one event holds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from underway.engine.events import (
    Change,
    ChangeRefused,
    Event,
    GateChanged,
    GateStatus,
    NodeChanged,
    NodePhase,
    PodMoved,
    PodPlanned,
    PodVerdict,
    ProbeCount,
    Pulse,
    Receipt,
    Restoring,
    RunStarted,
    StepEnded,
    StepOutcome,
    StepStarted,
    Waiting,
    WorkloadChanged,
    WorkloadPhase,
)

BEATS = 60
"""How many pulses (one a second) are remembered for each probe."""
FINISHED: frozenset[NodePhase | WorkloadPhase] = frozenset({"done", "failed", "restored"})


@dataclass
class PodProgress:
    object: str
    verdict: PodVerdict
    reason: str
    says: str = ""
    """The last change made to it; empty: its turn has not come."""
    moved: bool = False


@dataclass
class NodeProgress:
    """A node, or a workload that is rolled to another version."""

    name: str
    phase: NodePhase | WorkloadPhase = "pending"
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    to_move: int = 0
    moved: int = 0
    pods: dict[str, PodProgress] = field(default_factory=dict)
    """By object, such as `pod/shop/web-1`."""


@dataclass
class StepProgress:
    name: str
    verb: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    outcome: StepOutcome | None = None
    reason: str = ""
    nodes: dict[str, NodeProgress] = field(default_factory=dict)


@dataclass
class ProbeProgress:
    count: ProbeCount
    beats: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=BEATS))
    """Requests sent and lost between one pulse and the next, the latest last."""


@dataclass(frozen=True)
class GateProgress:
    status: GateStatus
    reason: str
    guard: bool
    """Looked at since before the first step, and until the last."""
    awaited: bool
    """It does not hold, but there is time: a guard's first measurement, or what a step waits for, is still to come."""


@dataclass
class Progress:
    run: str = ""
    playbook: str = ""
    cluster: str = ""
    simulated: bool = False
    started: datetime | None = None
    now: datetime | None = None
    steps: list[StepProgress] = field(default_factory=list)
    probes: dict[str, ProbeProgress] = field(default_factory=dict)
    gates: dict[str, GateProgress] = field(default_factory=dict)
    waits: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """What is waited for, as (object, reason), and since when that object is; reasons may count seconds themselves."""
    restoring: str = ""
    """Why everything is being put back; empty while the run goes forward."""
    receipt: Receipt | None = None
    _pods: dict[str, PodProgress] = field(default_factory=dict)
    """Each pod of the nodes, by object: where it was planned last."""
    _workload: str = ""
    """That which is rolled out now."""

    @property
    def begun(self) -> bool:
        return any(step.started for step in self.steps)

    def current(self) -> StepProgress:
        """The latest step that has begun. A restore without a playbook has none: its nodes get one."""
        begun = [step for step in self.steps if step.started]
        if begun:
            return begun[-1]
        self.steps.insert(0, StepProgress(self.playbook, started=self.now))
        return self.steps[0]

    def node(self, name: str) -> NodeProgress:
        for step in reversed(self.steps):
            if step.started and name in step.nodes:
                return step.nodes[name]
        return self.current().nodes.setdefault(name, NodeProgress(name))

    def take(self, event: Event) -> None:  # noqa: C901, PLR0912 - one case for each kind of event
        self.now, self.run = event.at, event.run
        match event:
            case RunStarted():
                self.playbook, self.cluster, self.simulated = event.playbook, event.cluster, event.simulated
                self.started = event.at
                self.steps = [StepProgress(name) for name in event.steps]
            case StepStarted():
                self._start(event)
            case PodPlanned():
                named = f"pod/{event.namespace}/{event.pod}"
                pod = PodProgress(named, event.verdict, event.reason)
                node = self._place(event.node)
                self._pods[named] = node.pods[named] = pod
                node.to_move += node.name == self._workload
            case NodeChanged():
                self._node_changed(event)
            case WorkloadChanged():
                self._workload_changed(event)
            case Change():
                if changed := self._pods.get(event.object):
                    changed.says = event.says
            case PodMoved():
                node = self._place(event.node)
                node.moved += 1
                if gone := node.pods.get(f"pod/{event.namespace}/{event.pod}"):
                    gone.moved = True
            case Waiting():
                since = {named: moment for (named, _), moment in self.waits.items()}
                self.waits = {(named, reason): since.get(named, event.at) for named, reason in event.waits}
            case GateChanged():
                self._gate_changed(event)
            case Pulse():
                for probe in event.probes:
                    self._beat(probe)
            case StepEnded():
                step = self.current()
                step.ended, step.outcome, step.reason = event.at, event.outcome, event.reason
                self.gates = {name: gate for name, gate in self.gates.items() if gate.guard}
            case Restoring():
                self.restoring = event.reason
            case Receipt():
                self.receipt = event
            case ChangeRefused():
                pass

    def _start(self, event: StepStarted) -> None:
        waiting = (step for step in self.steps if step.name == event.name and not step.started)
        step = next(waiting, None)
        if not step:
            step = StepProgress(event.name)
            self.steps.append(step)
        step.verb, step.started = event.verb, event.at
        step.nodes = {name: NodeProgress(name) for name in event.nodes}

    def _place(self, node: str) -> NodeProgress:
        """Where a pod of a node is shown: with the workload that is rolled out, or else with the node."""
        return self.node(self._workload if self._workload and self.current().verb == "rollout" else node)

    def _workload_changed(self, event: WorkloadChanged) -> None:
        self._workload = event.workload
        found = self.node(event.workload)
        if event.phase == "rolling":
            found.started, found.ended, found.to_move, found.moved = event.at, None, 0, 0
        if event.phase in FINISHED:
            found.ended = event.at
        found.phase, found.reason = event.phase, event.reason

    def _node_changed(self, event: NodeChanged) -> None:
        node = self.node(event.node)
        if event.phase == "draining":
            node.started, node.ended, node.to_move, node.moved = event.at, None, event.pods, 0
        if event.phase in FINISHED:
            node.ended = event.at
        node.phase, node.reason = event.phase, event.reason

    def _gate_changed(self, event: GateChanged) -> None:
        known = self.gates.get(event.gate)
        guard = known.guard if known else not self.begun
        not_yet = "inconclusive" if self.begun else "error"
        awaited = event.status == not_yet and guard != self.begun
        self.gates[event.gate] = GateProgress(event.status, event.reason, guard, awaited)

    def _beat(self, probe: ProbeCount) -> None:
        known = self.probes.get(probe.name)
        if not known:
            known = self.probes[probe.name] = ProbeProgress(probe)
            known.beats.append((probe.sent, probe.lost))
            return
        known.beats.append((max(probe.sent - known.count.sent, 0), max(probe.lost - known.count.lost, 0)))
        known.count = probe
