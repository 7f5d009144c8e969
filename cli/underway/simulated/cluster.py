"""A cluster that exists only in thought, behind the same port as the real one, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import msgspec

from underway.cluster.actions import Action, Need, Outcome
from underway.cluster.evidence import Evidence
from underway.cluster.model import Budget, Pod, Ref
from underway.cluster.objects import Object
from underway.cluster.room import Usage
from underway.cluster.state import ClusterState
from underway.simulated.admission import Admission
from underway.simulated.api import Api
from underway.simulated.approvals import Approvals
from underway.simulated.autoscaler import Autoscalers
from underway.simulated.clock import BRISK, VirtualClock
from underway.simulated.daemonset import DaemonSets
from underway.simulated.deployment import Deployments
from underway.simulated.disruption import Disruptions
from underway.simulated.endpoints import EndpointSlices
from underway.simulated.faults import (
    AnswersLost,
    BudgetTightened,
    Fault,
    Killed,
    KilledError,
    NeverReady,
    NodeLost,
    NoRoom,
    Refusals,
)
from underway.simulated.holds import Holds
from underway.simulated.job import Jobs
from underway.simulated.kubelet import Kubelets
from underway.simulated.nodes import Nodes
from underway.simulated.operators import Operators
from underway.simulated.proxies import Proxies
from underway.simulated.replicaset import ReplicaSets
from underway.simulated.rest import run_to_rest, unready
from underway.simulated.scheduler import Scheduler
from underway.simulated.settings import Settings
from underway.simulated.statefulset import StatefulSets
from underway.simulated.traffic import Traffic
from underway.simulated.world import World

_O = TypeVar("_O", bound=Object)
_DEFAULTS = Settings()


class SimulatedCluster:
    """`underway.cluster.port.Cluster` in virtual time. The same input gives the same course, byte for byte.

    `assumptions` says what the given cluster did not tell. Nothing happens unless somebody awaits `changed`,
    `perform` or `sleep_until`.
    """

    def __init__(
        self,
        state: ClusterState,
        *,
        settings: Settings = _DEFAULTS,
        faults: Sequence[Fault] = (),
        at_rest: bool = False,
    ) -> None:
        """`at_rest`: the state was seen in a cluster whose controllers had done their work."""
        self._world = world = World(state, settings, at_rest=at_rest)
        world.admit = Admission(world).admit
        self._clock = VirtualClock(world)
        self.kubelets = Kubelets(world)
        self.proxies = Proxies(world)
        self.traffic = Traffic(world, self.kubelets, self.proxies)
        self._nodes = Nodes(world)
        Holds(world)
        Approvals(world)
        Autoscalers(world)
        jobs = Jobs(world, self.kubelets)
        disruptions = Disruptions(world)
        EndpointSlices(world)
        Deployments(world)
        ReplicaSets(world)
        StatefulSets(world)
        DaemonSets(world)
        Operators(world)
        self._capacity = Scheduler(world).capacity
        self._api = Api(world, disruptions, jobs)
        self._seen = self._reports_seen = 0
        self._writes = 0
        self._spoilt: tuple[Refusals | AnswersLost, ...] = ()
        self._killed = False
        world.start()
        self.bring(faults)

    @property
    def assumptions(self) -> Sequence[str]:
        return self._world.assumptions

    def now(self) -> datetime:
        return self._world.now

    def state(self) -> ClusterState:
        return self._world.state

    async def changed(self, until: datetime, *, statuses: bool = True) -> None:
        """A change is told together with what follows from it within `look_delay`, be that after `until`. Raises
        KilledError where that fault has been brought.
        """
        world = self._world
        seen = self._seen if statuses else self._seen - self._reports_seen
        delay = world.settings.look_delay

        def wanted() -> timedelta | None:
            if world.version - (0 if statuses else world.reports) == seen:
                return None
            return timedelta(0) if self._killed else delay

        await self._clock.wait(until, wanted, rounds=BRISK)
        self._see()
        if self._killed:
            self._killed = False
            raise KilledError

    def _see(self) -> None:
        """Whoever waits for changes from now on waits for later ones."""
        self._seen, self._reports_seen = self._world.version, self._world.reports

    def stir(self) -> None:
        self._world.stir()
        self._clock.hurry()

    async def sleep_until(self, moment: datetime) -> None:
        """Wait in virtual time, whatever changes."""
        await self._clock.wait(moment)

    def silence(self) -> timedelta:
        return timedelta(0)

    async def perform(self, action: Action) -> Outcome:
        await self._clock.wait(self.now() + self._world.settings.api_latency, rounds=BRISK)
        self._writes += 1
        for fault in self._spoilt:
            if isinstance(fault, Refusals) and self._writes % fault.every == 0:
                return fault.answer
        outcome = self._api.carry_out(action)
        for fault in self._spoilt:
            if isinstance(fault, AnswersLost) and self._writes % fault.every == 0:
                return Outcome("unknown", f"simulated fault: the answer to write number {self._writes} was lost")
        return outcome

    async def evidence(self, pod: Ref) -> Evidence:
        found = self._world.get(Pod, pod)
        return Evidence(events=(found.waiting,) if found and found.waiting else ())

    async def denied(self, needs: Iterable[Need]) -> tuple[Need, ...]:  # noqa: ARG002 - nothing is denied here
        await self.sleep_until(self.now() + self._world.settings.api_latency)
        return ()

    # -- for whoever sets the scene ----------------------------------------------------------------------------

    def settle(self, limit: timedelta = timedelta(minutes=10)) -> bool:
        """Run until every controller has its pods Ready and nothing is on its way; False if `limit` passes before."""
        rests = run_to_rest(self._world, limit)
        self._see()
        return rests

    def unready(self) -> list[Pod]:
        """The pods that should be Ready and are not."""
        return unready(self._world)

    def usage(self, node: str) -> Usage:
        """What the pods on a node request, those that have not finished."""
        return self._capacity.usage(node)

    def watch(self, kind: type[_O], observer: Callable[[_O | None, _O | None], None]) -> None:
        """Call `observer(old, new)` at every change of such an object, in the same instant."""
        self._world.watch(kind, observer)

    def assume(self, what: str) -> None:
        """Note, once, what is taken to be so."""
        self._world.assume(what)

    def begin(self, assumptions: Iterable[str]) -> None:
        """The scene is set: forget what was assumed while setting it, but for these."""
        self._world.assumptions[:] = assumptions

    def bring(self, faults: Sequence[Fault]) -> None:
        """Let things go wrong from now on."""
        for fault in faults:
            match fault:
                case NodeLost():
                    self._world.after(fault.after, partial(self._lose, fault.node))
                case NoRoom():
                    self._world.after(fault.after, self._fill_nodes)
                case BudgetTightened():
                    self._world.after(fault.after, partial(self._tighten, fault))
                case NeverReady():
                    self._keep_unready(fault)
                case Killed():
                    self._world.after(fault.after, self._kill)
                case Refusals() | AnswersLost():
                    self._world.after(fault.after, partial(self._spoil, fault))

    def _kill(self) -> None:
        self._killed = True
        self._world.stir()

    def _spoil(self, fault: Refusals | AnswersLost) -> None:
        self._spoilt = (*self._spoilt, fault)

    def _lose(self, node: str) -> None:
        self.kubelets.silence(node)
        self._nodes.lose(node)

    def _fill_nodes(self) -> None:
        for node in list(self._world.state.nodes.values()):
            used = sum(pod.spec.requests.get("cpu", 0) for pod in self._world.state.pods_on(node.name))
            self._world.put(msgspec.structs.replace(node, allocatable={**node.allocatable, "cpu": used}))

    def _tighten(self, fault: BudgetTightened) -> None:
        budget = self._world.get(Budget, fault.budget)
        if budget is not None:
            self._world.put(
                msgspec.structs.replace(
                    budget,
                    min_available=fault.min_available,
                    max_unavailable=None,
                    generation=budget.generation + 1,
                )
            )

    def _keep_unready(self, fault: NeverReady) -> None:
        since, before = self._world.now + fault.after, self.kubelets.never_ready

        def never_ready(pod: Pod) -> bool:
            hit = pod.created is not None and pod.created >= since
            named = fault.namespace in ("", pod.namespace) and pod.name.startswith(fault.prefix)
            return (hit and named) or before(pod)

        self.kubelets.never_ready = never_ready
