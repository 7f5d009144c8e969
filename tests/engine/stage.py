"""Whole runs on the simulated cluster, and a witness that looks at every instant of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from underway.cluster import disruption
from underway.cluster.model import Budget, EndpointSlice, Node, Pod, Ref
from underway.cluster.state import ClusterState
from underway.cluster.traffic import ready_endpoints
from underway.commands.simulated_run import SimulatedMeasuring
from underway.engine import preflight
from underway.engine.events import Event, Receipt, RunStarted
from underway.engine.guarding import probe_counts
from underway.engine.loop import Loop
from underway.engine.receipt import Tally, receipt_of
from underway.engine.run import Run
from underway.playbook.load import load as load_playbook
from underway.playbook.models import Playbook
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.deployment import REVISION
from underway.simulated.load import load, simulate

HERE = Path(__file__).resolve().parents[2]
PLAYBOOKS = {
    "maintain": HERE / "playbooks" / "maintain-workers.yaml",
    # nothing is to be maintained, so the next node's pods get a head start
    "drain": HERE / "tests" / "kind" / "bench_playbook.yaml",
}
LONGEST = timedelta(hours=2)
_IN_FLIGHT = timedelta(milliseconds=100)
"""So long a write may be on its way that was right when it was decided, and endpoints may follow their pods."""


class Witness:
    """What must never be, noted at the instant in which it is.

    What a lost node or somebody else's change of a budget breaks is not a run's doing: what is left from then on must
    not become less.
    """

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.violations: list[str] = []
        self._cluster = cluster
        state = cluster.state()
        self._desired = {
            found.ref: disruption.desired(found, disruption.expected(found, state)) for found in state.budgets()
        }
        self._needed = dict(self._desired)
        self._had = {found.ref: disruption.healthy(found, state) for found in state.budgets()}
        self._served = [found for found in state.services() if ready_endpoints(found, state)]
        self._whole = [
            found
            for found in state.workloads.values()
            if found.kind == "statefulset" and self._members(found.uid) == found.replicas
        ]
        self._excused = cluster.now()
        self._excuse()
        self.tight = any(map(_homeless, state.pods.values()))
        """Whether a pod has found no place at some moment."""
        cluster.watch(Pod, lambda _, new: self._pod_changed(new))
        cluster.watch(EndpointSlice, lambda _, __: self._look())
        cluster.watch(Node, self._node_changed)
        cluster.watch(Budget, self._budget_changed)

    def _pod_changed(self, new: Pod | None) -> None:
        self.tight = self.tight or (new is not None and _homeless(new))
        self._look()

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if old is not None and old.ready and (new is None or not new.ready):
            self._excused = self._cluster.now() + _IN_FLIGHT

    def _budget_changed(self, old: Budget | None, new: Budget | None) -> None:
        if old is not None and new is not None and old.min_available != new.min_available:
            self._excused = self._cluster.now() + _IN_FLIGHT
            desired = disruption.desired(new, disruption.expected(new, self._cluster.state()))
            self._desired[new.ref] = desired
            self._needed[new.ref] = min(desired, self._had[new.ref])
            self._excuse()

    def _excuse(self) -> None:
        """Expect no more than there is."""
        state = self._cluster.state()
        self._needed = {
            found.ref: min(self._needed[found.ref], disruption.healthy(found, state)) for found in state.budgets()
        }
        self._served = [found for found in self._served if ready_endpoints(found, state)]
        self._whole = [found for found in self._whole if self._members(found.uid) >= found.replicas - 1]

    def _members(self, uid: str) -> int:
        return sum(pod.ready and pod.deleting is None for pod in self._cluster.state().pods_of(uid))

    def _look(self) -> None:
        if self._cluster.now() <= self._excused:
            self._excuse()
            return
        state, now = self._cluster.state(), self._cluster.now()
        for budget in state.budgets():
            healthy = disruption.healthy(budget, state)
            if healthy < self._needed[budget.ref]:
                self.violations.append(f"{now}: {budget.ref} has {healthy} healthy of {self._needed[budget.ref]}")
            # what is there again has to stay; replacements beside the pods that they replace were never there to stay
            there = min(self._desired[budget.ref], self._had[budget.ref], healthy)
            self._needed[budget.ref] = max(self._needed[budget.ref], there)
        for service in self._served:
            if not ready_endpoints(service, state):
                self.violations.append(f"{now}: {service.ref} has no endpoint")
        for found in self._whole:
            members = self._members(found.uid)
            if members < found.replicas - 1:
                self.violations.append(f"{now}: {found.ref} has {members} of {found.replicas} members")


def _homeless(pod: Pod) -> bool:
    return "nodes are available" in pod.waiting


def left(state: ClusterState) -> dict[str, Any]:
    """What has to be as before when a run is over: nothing of it may be left."""
    return {
        "nodes": {
            node.name: (node.unschedulable, node.taints, dict(node.labels), dict(node.annotations))
            for node in state.nodes.values()
        },
        "workloads": {
            str(found.ref): (found.replicas, dict(found.annotations), sum(map(_whole, state.pods_of(found.uid))))
            for found in state.workloads.values()
            if found.kind != "job"
        },
        "budgets": {str(found.ref): (dict(found.annotations), *_counted(found, state)) for found in state.budgets()},
        "autoscalers": {
            str(found.ref): (found.min_replicas, found.max_replicas, dict(found.annotations))
            for found in state.autoscalers.values()
        },
        "marked": [str(pod.ref) for pod in state.marked_pods()],
        "jobs": sorted(str(found.ref) for found in state.workloads.values() if found.kind == "job"),
        "leases": [str(ref) for ref in state.leases],
    }


def but_revisions(found: dict[str, Any]) -> dict[str, Any]:
    """A rollout, also one that was undone, leaves Deployments with other ReplicaSets, and other numbers for them."""
    kept = {}
    for name, (replicas, notes, *more) in found["workloads"].items():
        if not name.startswith("replicaset/"):
            kept[name] = (replicas, {key: notes[key] for key in notes if key != REVISION}, *more)
    return found | {"workloads": kept}


def _counted(budget: Budget, state: ClusterState) -> tuple[int, ...]:
    """Of two budgets that select one pod only the first is recounted when that changes (disruption.go, getPdbForPod):
    what the other one says is from whenever somebody touched it.
    """
    alike = [one for one in state.budgets() if (one.namespace, one.selector) == (budget.namespace, budget.selector)]
    return (budget.current_healthy, budget.desired_healthy) if len(alike) == 1 else ()


def _whole(pod: Pod) -> bool:
    return pod.ready and pod.deleting is None


@dataclass
class Stage:
    """A cluster, the Services behind its ports, and what happens on it."""

    cluster: SimulatedCluster
    services: dict[int, Ref] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    """Those too that no journal keeps."""
    sync: Callable[[], None] = lambda: None
    """The run's; see `Loop`."""

    def __post_init__(self) -> None:
        self.before = left(self.cluster.state())
        self.witness = Witness(self.cluster)

    def blockers(self, playbook: Playbook) -> tuple[Any, ...]:
        return preflight.blockers(playbook, self.cluster.state(), "r", self.cluster.now())

    def run(self, playbook: Playbook, **fields: Any) -> Run:
        self.starts = getattr(self, "starts", 0) + 1
        return Run(
            **{
                "id": "r",
                "playbook": playbook,
                "holder": f"process-{self.starts}",
                "namespace": "default",
                "started": self.cluster.now(),
            }
            | fields
        )

    def play(self, run: Run, at_event: Callable[[int, asyncio.Task[None]], None] = lambda _, __: None) -> Receipt:
        """Drive the run to its end; `at_event(number, driving)` is told of every event and may stop or cancel."""
        return asyncio.run(self._play(run, at_event))

    def cut_short(self, run: Run, number: int, how: str) -> Receipt:
        """Play it, `stopped` or `killed` at an event; what has been killed is restored, and that is told."""
        receipt = self.play(run, ending(run, number, how))
        return self.play(self.run(run.playbook, only_restore=True)) if how == "killed" else receipt

    async def _play(self, run: Run, at_event: Callable[[int, asyncio.Task[None]], None]) -> Receipt:
        tally = Tally()
        tally.add(_started(run))
        measuring = SimulatedMeasuring(self.cluster, self.services)
        end = self.cluster.now() + LONGEST

        def take(event: Event) -> None:
            assert event.at < end, f"the run does not end: {event}"
            tally.add(event)
            self.told.append(event)
            if event.journaled:
                self.events.append(event)
                at_event(len(self.events), driving)

        driving = asyncio.ensure_future(Loop(run, self.cluster, measuring, take, self.sync).drive())
        await asyncio.gather(driving, return_exceptions=True)
        if not driving.cancelled() and driving.exception() is not None:
            raise AssertionError(str(driving.exception())) from driving.exception()
        return receipt_of(run, tally, self.cluster.now(), probe_counts(run, measuring))

    def rest(self) -> None:
        """Let everything that is on its way come to its end."""
        self.cluster.settle()


def ending(run: Run, number: int, how: str) -> Callable[[int, asyncio.Task[None]], None]:
    """For `play`: end the run at an event, by a signal or, `killed`, at once."""

    def interrupt(count: int, driving: asyncio.Task[None]) -> None:
        if count == number and how == "killed":
            driving.cancel()
        elif count == number:
            run.stop = "interrupted"

    return interrupt


def _started(run: Run) -> RunStarted:
    return RunStarted(
        at=run.started,
        run=run.id,
        playbook=run.playbook.metadata.name,
        source="",
        cluster="",
        operator="",
        version="",
        steps=(),
        simulated=True,
    )


def shop() -> Stage:
    """The shipped cluster with the shipped shop in it."""
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    return Stage(simulate(loaded), dict(loaded.services()))


def shipped(name: str) -> Playbook:
    return load_playbook(PLAYBOOKS[name])
