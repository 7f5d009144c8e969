"""The API server's store and the clock of a simulation: objects, watches, and an event queue in virtual time.

Observers are called with (old, new) inside `put` and `remove` and only take note; the work is done later, by events. So
no write happens inside another, and the order of everything follows from the order of the events alone.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.simulated.settings import Settings

_O = TypeVar("_O", bound=Object)
_K = TypeVar("_K")

_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' alphabet for generated names: no vowels, nothing that reads like another."""


class World:
    def __init__(self, state: ClusterState, settings: Settings, *, at_rest: bool = False) -> None:
        """`state` is copied: a simulation changes nothing but itself. `at_rest`: it was seen in a cluster whose
        controllers had done their work, so that what they report is so.
        """
        self.settings = settings
        self.state = state.copy()
        self.now = max(settings.start, _last_moment(state) or settings.start)
        self.at_rest = at_rest
        self.starting = False
        """What is told is there already, nothing has changed."""
        self.version = 0
        """Grows with every change of the state."""
        self.assumptions: list[str] = []
        self.admit: Callable[[Workload, PodSpec], PodSpec] = lambda _, asked: asked
        """What admission makes of a new pod of a workload that asks for this much."""
        self._observers: dict[type, list[Callable[[Any, Any], None]]] = {}
        self._only_changes: set[Callable[[Any, Any], None]] = set()
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._sequence = 0
        self._named = 0
        versions = {found.resource_version for found in state.objects()}
        self._revision = max(map(int, filter(str.isdigit, versions)), default=0)

    @property
    def reports(self) -> int:
        """How many of the changes were but reports of progress."""
        return self.state.derived.reports

    def start(self) -> None:
        """Show every watch what is there already, as a list does; but for the pods of which nothing is to be done."""
        self.starting = True
        told = {
            kind: [observer for observer in observers if observer not in self._only_changes]
            for kind, observers in self._observers.items()
        }
        for found in list(self.state.objects()):
            if isinstance(found, Pod) and _goes_on(found):
                continue
            for observer in told.get(type(found), ()):
                observer(None, found)
        self.starting = False

    def is_settled(self, found: Workload) -> bool:
        """Whether nothing is left to do for its controller when the simulation starts."""
        return (
            self.starting
            and self.at_rest
            and found.observed_generation >= found.generation
            and found.current == found.ready == found.replicas
            and (not found.min_ready_seconds or found.available >= found.ready)
        )

    def assume(self, what: str) -> None:
        """Note something that the given cluster did not tell, once. Nothing to note: an empty text."""
        if what and what not in self.assumptions:
            self.assumptions.append(what)

    # -- objects -----------------------------------------------------------------------------------------------

    def get(self, kind: type[_O], ref: Ref) -> _O | None:
        found = self.state.get(ref)
        return found if isinstance(found, kind) else None

    def put(self, new: _O) -> _O:
        """Store an object under a new resourceVersion; what changes nothing is not a write."""
        ref = new.ref
        old = self.state.get(ref)
        if old is not None:
            same_version = new.resource_version == old.resource_version
            if old == (new if same_version else msgspec.structs.replace(new, resource_version=old.resource_version)):
                return new
        self._revision += 1
        new = msgspec.structs.replace(new, resource_version=str(self._revision))
        self.state.put(new)
        self.version += 1
        self._notify(old, new)
        return new

    def remove(self, ref: Ref) -> None:
        old = self.state.get(ref)
        if old is None:
            return
        self.state.drop(ref)
        self._revision += 1
        self.version += 1
        self._notify(old, None)

    def watch(
        self, kind: type[_O], observer: Callable[[_O | None, _O | None], None], *, only_changes: bool = False
    ) -> None:
        """Call `observer(old, new)` at every change; it must not write. `only_changes`: what is there when the
        simulation starts is not told.
        """
        self._observers.setdefault(kind, []).append(observer)
        if only_changes:
            self._only_changes.add(observer)

    def _notify(self, old: Object | None, new: Object | None) -> None:
        for observer in self._observers.get(type(new if new is not None else old), ()):
            observer(old, new)

    def stir(self) -> None:
        """Wake who waits for a change: there is something to look at, though no object is another one."""
        self.version += 1

    # -- names -------------------------------------------------------------------------------------------------

    def new_uid(self) -> str:
        """One that no pod or workload has: the given state may be that of another simulation."""
        while True:
            uid = str(uuid.UUID(bytes=self._digest()[:16]))
            if self.state.pod(uid) is None and self.state.workload(uid) is None:
                return uid

    def new_name(self, kind: str, namespace: str, base: str) -> str:
        """`base` with a suffix. The API server refuses a name that is taken, and then another one is tried."""
        while True:
            name = f"{base}-{self._suffix()}"
            if self.state.get(Ref(kind, namespace, name)) is None:
                return name

    def _suffix(self) -> str:
        return "".join(_NAME_LETTERS[byte % len(_NAME_LETTERS)] for byte in self._digest()[:5])

    def _digest(self) -> bytes:
        self._named += 1
        return hashlib.sha256(f"{self.settings.seed}/{self._named}".encode()).digest()

    # -- time --------------------------------------------------------------------------------------------------

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (max(moment, self.now), self._sequence, act))

    def after(self, delay: timedelta, act: Callable[[], None]) -> None:
        self.at(self.now + delay, act)

    @property
    def next_event(self) -> datetime | None:
        return self._events[0][0] if self._events else None

    def run_instant(self) -> None:
        """Move the clock to the next event and run everything that is due then."""
        self.now = self._events[0][0]
        while self._events and self._events[0][0] == self.now:
            heapq.heappop(self._events)[2]()

    def run_until(self, moment: datetime) -> None:
        while self._events and self._events[0][0] <= moment:
            self.run_instant()
        self.now = max(self.now, moment)


def _last_moment(state: ClusterState) -> datetime | None:
    """When the state was last seen to change: time goes on from there."""
    pods = state.pods.values()
    moments = itertools.chain(
        [pod.created for pod in pods],
        [pod.scheduled for pod in pods],
        [pod.started for pod in pods],
        [pod.ready_since for pod in pods],
        [node.ready_since for node in state.nodes.values()],
        [lease.renewed for lease in state.leases.values()],
    )
    return max(filter(None, moments), default=None)


def _goes_on(pod: Pod) -> bool:
    """Whether it runs and serves for good: its kubelet, its controller and the scheduler have done with it."""
    return (
        pod.ready
        and pod.phase == "Running"
        and bool(pod.node)
        and pod.deleting is None
        and pod.owner is not None
        and pod.owner.kind != "Job"
        and pod.spec.restart_policy == "Always"
    )


def merged(old: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    """A merge patch of labels or annotations: what is None is taken away."""
    new = {**old, **{key: value for key, value in patch.items() if value is not None}}
    return {key: value for key, value in new.items() if patch.get(key, "") is not None}


class WorkQueue(Generic[_K]):
    """A controller's queue: a key that waits already is not added again, unless it shall run earlier."""

    def __init__(self, world: World, work: Callable[[_K], None], delay: timedelta) -> None:
        self._world = world
        self._work = work
        self._delay = delay
        self._due: dict[_K, datetime] = {}

    def add(self, key: _K, delay: timedelta | None = None) -> None:
        due = self._world.now + (self._delay if delay is None else delay)
        waiting = self._due.get(key)
        if waiting is not None and waiting <= due:
            return
        self._due[key] = due
        self._world.at(due, partial(self._run, key, due))

    def _run(self, key: _K, due: datetime) -> None:
        if self._due.get(key) == due:
            del self._due[key]
            self._work(key)
