"""Writes down the events of a run that was never run, second by second."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from underway.engine.events import (
    Change,
    ChangeRefused,
    Event,
    GateChanged,
    NodeChanged,
    NodeReceipt,
    PodMoved,
    PodPlanned,
    ProbeCount,
    Pulse,
    Receipt,
    Restoring,
    RunStarted,
    StepEnded,
    StepStarted,
    Waiting,
)
from underway.errors import Blocker

START = datetime(2026, 11, 23, 4, 12, 30, tzinfo=UTC)
WORKERS = ("kind-worker", "kind-worker2", "kind-worker3")
GOOD_POD = "a replacement serves before it stops"
DETACH = "hand off: detach from ReplicaSet (label pod-template-hash), still serving"
WITHDRAW = "hand off: withdraw from traffic (label app), replacement serves"
EVICT = "hand off: evict, its replacement serves"


@dataclass
class Recorder:
    """Builds a run event by event; `passes` moves its clock and sends the pulses in between."""

    run: str = "maintain-workers-20261123-041230"
    playbook: str = "maintain-workers"
    simulated: bool = False
    rate: int = 200
    now: datetime = START
    events: list[Event] = field(default_factory=list)
    probes: dict[str, list[int]] = field(default_factory=lambda: {"storefront": [0, 0], "cart": [0, 0]})
    gap: float = 0.0
    last_error: str = ""
    emptied: dict[str, float] = field(default_factory=dict)
    begun: dict[str, datetime] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    how: list[str] = field(default_factory=list)
    details: list[NodeReceipt] = field(default_factory=list)

    def starts(self, *steps: str, cluster: str = "kind-shop", operator: str = "ada") -> None:
        self.events.append(
            RunStarted(
                at=self.now,
                run=self.run,
                playbook=self.playbook,
                source=f"playbooks/{self.playbook}.yaml",
                cluster=cluster,
                operator=operator,
                version="0.1.0",
                steps=steps,
                simulated=self.simulated,
            )
        )

    def passes(self, seconds: int, *, lost: int = 0) -> None:
        for _ in range(seconds):
            self.now += timedelta(seconds=1)
            for counts in self.probes.values():
                counts[0] += self.rate
                counts[1] += lost
            self.events.append(Pulse(at=self.now, run=self.run, probes=self.counts()))

    def counts(self) -> tuple[ProbeCount, ...]:
        return tuple(
            ProbeCount(
                name=name,
                sent=sent,
                lost=lost,
                longest_gap_seconds=self.gap if lost else 0.0,
                last_error=self.last_error if lost else "",
            )
            for name, (sent, lost) in self.probes.items()
        )

    def step(self, number: int, name: str, verb: str, nodes: tuple[str, ...] = ()) -> None:
        self.events.append(StepStarted(at=self.now, run=self.run, step=number, name=name, verb=verb, nodes=nodes))

    def ended(self, number: int, outcome: str = "done", reason: str = "") -> None:
        self.events.append(StepEnded(at=self.now, run=self.run, step=number, outcome=outcome, reason=reason))

    def planned(self, pod: str, node: str, verdict: str, reason: str, namespace: str = "shop") -> None:
        self.events.append(
            PodPlanned(
                at=self.now,
                run=self.run,
                pod=pod,
                namespace=namespace,
                uid=f"uid-{pod}",
                node=node,
                verdict=verdict,
                reason=reason,
            )
        )

    def node(self, node: str, phase: str, reason: str = "", pods: int = 0) -> None:
        if phase == "draining":
            self.begun[node] = self.now
            self.moved[node] = 0
        if phase == "maintaining":
            self.emptied[node] = (self.now - self.begun[node]).total_seconds()
        self.events.append(NodeChanged(at=self.now, run=self.run, node=node, phase=phase, reason=reason, pods=pods))
        if phase in {"done", "failed", "restored"}:
            self.details.append(
                NodeReceipt(
                    name=node,
                    outcome=phase,
                    duration_seconds=(self.now - self.begun[node]).total_seconds(),
                    emptied_seconds=self.emptied.get(node),
                    pods_moved=self.moved[node],
                    reason=reason,
                )
            )

    def change(self, action: str, named: str, says: str) -> None:
        self.events.append(Change(at=self.now, run=self.run, action=action, object=named, says=says))

    def refused(self, action: str, named: str, says: str, status: str, message: str) -> None:
        self.events.append(
            ChangeRefused(
                at=self.now, run=self.run, action=action, object=named, says=says, status=status, message=message
            )
        )

    def waits(self, *waits: tuple[str, str]) -> None:
        self.events.append(Waiting(at=self.now, run=self.run, waits=waits))

    def gate(self, gate: str, kind: str, status: str, reason: str) -> None:
        self.events.append(GateChanged(at=self.now, run=self.run, gate=gate, kind=kind, status=status, reason=reason))

    def leaves(self, pod: str, node: str, how: str, namespace: str = "shop") -> None:
        self.moved[node] += 1
        self.how.append(how)
        self.events.append(
            PodMoved(at=self.now, run=self.run, pod=pod, namespace=namespace, uid=f"uid-{pod}", node=node, how=how)
        )

    def handoff(self, pod: str, node: str) -> None:
        named = f"pod/shop/{pod}"
        self.change("patchPod", named, DETACH)
        self.waits((named, "its replacement on another node is not Ready"))
        self.passes(5)
        self.change("patchPod", named, WITHDRAW)
        self.waits((named, "settling: the nodes take it out of their routes"))
        self.passes(3)
        self.change("evict", named, EVICT)
        self.waits((named, "not gone yet"))
        self.passes(1)
        self.leaves(pod, node, "handedOff")
        self.waits()

    def restoring(self, cause: str, reason: str) -> None:
        self.events.append(Restoring(at=self.now, run=self.run, cause=cause, reason=reason))

    def receipt(
        self,
        outcome: str,
        exit_status: int,
        reason: str = "",
        *,
        left: tuple[str, ...] = (),
        blockers: tuple[Blocker, ...] = (),
    ) -> list[Event]:
        self.events.append(
            Receipt(
                at=self.now,
                run=self.run,
                playbook=self.playbook,
                outcome=outcome,
                reason=reason,
                exit_status=exit_status,
                started=START,
                duration_seconds=(self.now - START).total_seconds(),
                pods_moved=len(self.how),
                evicted=self.how.count("evicted"),
                handed_off=self.how.count("handedOff"),
                nodes=tuple(node.name for node in self.details if node.outcome == "done"),
                node_details=tuple(self.details),
                probes=() if blockers else self.counts(),
                restored=not left,
                left_changed=left,
                blockers=blockers,
                simulated=self.simulated,
            )
        )
        return self.events
