"""What only looks: plans (the run itself, played on a copy of the cluster in virtual time), snapshots, the doctor."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from underway.cluster.ignored import Ignored
from underway.cluster.port import Cluster
from underway.cluster.snapshot import write
from underway.cluster.state import ClusterState
from underway.commands.assumed import AssumedGates, hold_duration
from underway.commands.options import Target
from underway.commands.tightest import FreeRoom
from underway.commands.writing import write_whole
from underway.engine import judging, preflight
from underway.engine.doctor import Finding, examine
from underway.engine.events import Event, RunStarted
from underway.engine.locating import located
from underway.engine.loop import Loop
from underway.engine.plan import Plan, PlannedPod, planned, refused
from underway.engine.receipt import Tally, receipt_of
from underway.engine.run import Run
from underway.engine.stepping import step_name
from underway.engine.targets import Target as PlanTarget
from underway.engine.targets import targets as targets_of
from underway.gates.history import History
from underway.gates.http import HttpCount
from underway.playbook.models import Gate, NodesStep, Playbook
from underway.simulated import unplugged
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.load import load, simulate
from underway.simulated.settings import Settings
from underway.steps import node_order

_RUN = "plan"
_HOLDER = "plan"


@dataclass
class AssumedMeasuring:
    """Gates that only a real system can answer hold: what a plan is about is the cluster."""

    cluster: SimulatedCluster
    assumptions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._assumed = AssumedGates(self.cluster.now)

    def start(self, name: str, gate: Gate) -> None:
        self._assumed.open(name, gate)
        self.cluster.stir()
        said = f"gate {name}: is taken to hold, since a plan does not measure it"
        if said not in self.assumptions:
            self.assumptions.append(said)

    async def stop(self, name: str) -> None:
        self._assumed.close(name)

    def http(self, name: str) -> HttpCount | None:
        began, now = self._assumed.began(name), self.cluster.now()
        if began is None:
            return None
        return HttpCount(began, now, sent=1, answered=1, measured_at=now, answered_at=now, good_since=began)

    def history(self, name: str) -> History | None:
        return self._assumed.history(name)


@dataclass(frozen=True)
class Planned:
    """A plan and what it was made on. `targets` is empty if they were not asked for. `context` is empty for a simulated
    cluster. `namespace`: where Jobs run if the playbook does not say.
    """

    plan: Plan
    targets: tuple[PlanTarget, ...]
    context: str
    namespace: str


def plan_on_files(
    playbook: Playbook, source: str, files: Sequence[Path], namespace: str | None, *, with_targets: bool = False
) -> Planned:
    loaded, where = load(files), namespace or "default"
    cluster = simulate(loaded, settings=Settings(hold_duration=hold_duration(playbook)))
    playbook = located(playbook, where)
    targets = targets_of(playbook, cluster.state()) if with_targets else ()
    found = replace(plan(playbook, source, cluster, where), ignored=tuple(loaded.ignored))
    return Planned(found, targets, "", where)


def plan_on_live(playbook: Playbook, source: str, target: Target, *, with_targets: bool = False) -> Planned:
    """Read the cluster once and plan on a copy of it. Sends no write, and needs no permission to."""
    return asyncio.run(_plan_on_live(playbook, source, target, with_targets=with_targets))


def examine_files(files: Sequence[Path]) -> tuple[list[Finding], list[Ignored]]:
    """What was found, and what of the files was not looked at."""
    loaded = load(files)
    cluster = simulate(loaded)
    return examine(cluster.state(), cluster.now()), loaded.ignored


def examine_live(target: Target) -> list[Finding]:
    return asyncio.run(_examine_live(target))


async def _examine_live(target: Target) -> list[Finding]:
    from underway.commands.reach import opened, reading

    async with opened(target) as connection, reading(connection, ()) as cluster:
        return examine(cluster.state(), cluster.now())


def snapshot_of_live(output: Path, target: Target) -> int:
    """Returns how many objects were written. The file is whole or, where that fails, as it was."""
    return asyncio.run(_snapshot_of_live(output, target))


async def _snapshot_of_live(output: Path, target: Target) -> int:
    from underway.commands.reach import opened, reading

    async with opened(target) as connection, reading(connection, ()) as cluster:
        objects, now = list(cluster.state().objects()), cluster.now()
    lines = write(sorted(objects, key=lambda found: found.ref), now, connection.context)
    if str(output) == "-":
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        return len(objects)
    write_whole(output, (line + b"\n" for line in lines))
    return len(objects)


async def _plan_on_live(playbook: Playbook, source: str, target: Target, *, with_targets: bool) -> Planned:
    from underway.commands.reach import opened, reading, with_places

    async with opened(target) as connection, reading(connection, ()) as cluster:
        copy = _copied(cluster, playbook)
        namespace = target.namespace or connection.namespace
        playbook = await with_places(playbook, connection, namespace)
    targets = targets_of(playbook, copy.state()) if with_targets else ()
    return Planned(await _plan(playbook, source, copy, namespace), targets, connection.context, namespace)


async def plan_on_copy(playbook: Playbook, source: str, cluster: Cluster, namespace: str) -> Plan:
    """What a run on this cluster would do, as it is now."""
    return await _plan(playbook, source, _copied(cluster, playbook), namespace)


def _copied(cluster: Cluster, playbook: Playbook) -> SimulatedCluster:
    objects = sorted(cluster.state().objects(), key=lambda found: found.ref)
    settings = Settings(start=cluster.now(), hold_duration=hold_duration(playbook))
    return SimulatedCluster(ClusterState(objects), settings=settings, at_rest=True)


def plan(playbook: Playbook, source: str, cluster: SimulatedCluster, namespace: str) -> Plan:
    """Plan a playbook by playing it on this cluster, which is changed by it."""
    return unplugged.run(_plan(playbook, source, cluster, namespace))


async def _plan(playbook: Playbook, source: str, cluster: SimulatedCluster, namespace: str) -> Plan:
    state = cluster.state()
    found = preflight.blockers(playbook, state, _RUN, cluster.now(), allow_commands=True)
    if found:
        return refused(playbook, list(_judged(playbook, state)), found)
    measuring = AssumedMeasuring(cluster)
    room = FreeRoom(cluster)
    present = frozenset(state.pods_by_uid)
    events = await _played(playbook, source, namespace, cluster, measuring)
    return planned(playbook, events, present, [*cluster.assumptions, *measuring.assumptions], room.tightest())


async def _played(
    playbook: Playbook, source: str, namespace: str, cluster: SimulatedCluster, measuring: AssumedMeasuring
) -> Sequence[Event]:
    run = Run(id=_RUN, playbook=playbook, holder=_HOLDER, namespace=namespace, started=cluster.now())
    tally, events = Tally(), list[Event]()

    def take(event: Event) -> None:
        tally.add(event)
        if event.journaled:
            events.append(event)

    steps = tuple(step_name(step, index) for index, step in enumerate(playbook.spec.steps))
    take(
        RunStarted(
            at=cluster.now(),
            run=run.id,
            playbook=playbook.metadata.name,
            source=source,
            cluster="a copy",
            operator="",
            version="",
            steps=steps,
            simulated=True,
        )
    )
    await Loop(run, cluster, measuring, take, pulses=False).drive()
    take(receipt_of(run, tally, cluster.now(), ()))
    return events


def _judged(playbook: Playbook, state: ClusterState) -> Iterable[PlannedPod]:
    """What would be done with the pods of every node that the playbook names, were nothing in the way."""
    for step in playbook.spec.steps:
        if not isinstance(step.body, NodesStep):
            continue
        for name in node_order.ordered(step.body, state):
            for pod, treated in judging.judged(state.nodes[name], step.body, state):
                yield PlannedPod(
                    name=pod.name,
                    namespace=pod.namespace,
                    uid=pod.uid,
                    node=name,
                    verdict=treated.verdict,
                    reason=treated.reason,
                    strategy=step.body.drain.strategy,
                )
