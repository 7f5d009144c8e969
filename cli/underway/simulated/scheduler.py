"""The scheduler: binds pending pods, or says why it cannot and tries again when the cluster has changed.

The predicates are `cluster.room`'s, which the search for blockers uses too. Like the original it stops looking when it
has found enough nodes that fit, and starts the next search where it stopped.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import msgspec

from underway.cluster.model import Claim, Node, Pod, Ref, Volume
from underway.cluster.room import unschedulable_message
from underway.simulated.capacity import Capacity
from underway.simulated.columns import Columns
from underway.simulated.pods import delete_pod
from underway.simulated.preemption import preemption
from underway.simulated.scoring import best_node
from underway.simulated.world import WorkQueue, World

_ALL_NODES_BELOW = 100
_LONGEST_BACKOFF = 10
_HELD = "node(s) are about to get a pod of higher priority"
_GATED = "Scheduling is blocked due to non-empty scheduling gates"


class Scheduler:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._schedule, world.settings.scheduling_delay)
        self._wakes = WorkQueue[str](world, self._retry, world.settings.controller_delay)
        self._waiting: dict[Ref, datetime] = {}
        """Unschedulable pods, and when each may be tried again."""
        self._attempts: Counter[Ref] = Counter()
        self._nominated: dict[Ref, Pod] = {}
        """The pods that others had to make room for, each with its node to be."""
        self._in_vain: dict[tuple[int, int], datetime] = {}
        """By shape and priority of a pod, when no other could make room for it."""
        self._lowest: int | None = None
        """No pod has a priority below it."""
        self.capacity = Capacity(world)
        self._columns = Columns(world.state, self.capacity)
        self._next_start = 0
        world.watch(Pod, self._pod_changed)
        world.watch(Node, self._node_changed)
        world.watch(Claim, self._volume_changed)
        world.watch(Volume, self._volume_changed)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        if pod is None:
            return
        if new is None or new.node or new.deleting is not None:
            ref = pod.ref
            self._waiting.pop(ref, None)
            self._attempts.pop(ref, None)
            self._nominated.pop(ref, None)
        elif old is None:
            if self._lowest is not None:
                self._lowest = min(self._lowest, new.spec.priority)
            self._queue.add(new.ref)
            return
        was_placed, is_placed = bool(old and old.node), bool(new and new.node)
        if was_placed != is_placed or (old and new and (old.finished != new.finished or old.labels != new.labels)):
            self._wakes.add("all")

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new and (
            old is None
            or old.labels != new.labels
            or old.taints != new.taints
            or old.allocatable != new.allocatable
            or old.unschedulable != new.unschedulable
            or old.ready != new.ready
        ):
            self._wakes.add("all")

    def _volume_changed(self, _old: Claim | Volume | None, _new: Claim | Volume | None) -> None:
        self._wakes.add("all")

    def _retry(self, _: str) -> None:
        for ref, not_before in sorted(self._waiting.items(), key=self._rank):
            self._queue.add(ref, max(not_before - self._world.now, timedelta(0)))

    def _rank(self, waiting: tuple[Ref, datetime]) -> int:
        """The most important come first."""
        pod = self._world.get(Pod, waiting[0])
        return -pod.spec.priority if pod is not None else 0

    def _schedule(self, ref: Ref) -> None:
        pod = self._world.get(Pod, ref)
        if pod is None or pod.node or pod.deleting is not None or pod.finished:
            return
        if pod.spec.gated:
            self._world.put(msgspec.structs.replace(pod, waiting=_GATED))
            return
        found = self._find(pod)
        if isinstance(found, str):
            self._world.put(msgspec.structs.replace(pod, node=found, scheduled=self._world.now, waiting=""))
            return
        self._attempts[ref] += 1
        backoff = min(2 ** (self._attempts[ref] - 1), _LONGEST_BACKOFF) * self._world.settings.scheduler_backoff
        self._waiting[ref] = self._world.now + backoff
        self._world.put(msgspec.structs.replace(pod, waiting=unschedulable_message(found)))
        if pod.spec.preempts and pod.spec.priority > self._lowest_priority():
            self._make_room(pod)

    def _lowest_priority(self) -> int:
        if self._lowest is None:
            self._lowest = min((pod.spec.priority for pod in self._world.state.pods.values()), default=0)
        return self._lowest

    def _make_room(self, pod: Pod) -> None:
        """Delete pods of lower priority; one for which that is under way has to wait for their end."""
        world, key = self._world, (self.capacity.shape(pod.spec), pod.spec.priority)
        nominated = self._nominated.get(pod.ref)
        on_their_way = world.state.pods_on(nominated.node) if nominated is not None else ()
        leaving = (one for one in on_their_way if one.deleting is not None and one.spec.priority < pod.spec.priority)
        if self._in_vain.get(key) == world.now or any(leaving):
            return
        found = preemption(pod, world.state)
        if found is None:
            self._in_vain[key] = world.now
            return
        self._nominated[pod.ref] = msgspec.structs.replace(pod, node=found.node)
        for victim in found.victims:
            if victim.deleting is None:
                world.assume(f"{victim.ref}: the scheduler deletes it to make room for {pod.ref}, of higher priority")
                delete_pod(world, victim)

    def _find(self, pod: Pod) -> str | Counter[str]:
        """The node to bind to, or how many nodes stand in the way for each reason."""
        column, search = self._columns.of(pod), self.capacity.search(pod)
        count = len(self._columns.names)
        if not count:
            return Counter()
        start = self._next_start % count
        places, looked_at = self._columns.fitting(column, search, start, _enough(count))
        self._next_start = (start + looked_at) % count
        if not places:
            return self._columns.obstacles(column, search)
        held = {one.node for one in self._nominated.values() if one.spec.priority >= pod.spec.priority}
        if held and pod.ref not in self._nominated:
            places = [place for place in places if self._columns.names[place] not in held]
            if not places:
                return Counter({_HELD: len(held)})
        return best_node(pod, places, column, self._columns, self.capacity, self._world.state)


def _enough(nodes: int) -> int:
    """How many nodes that fit are enough to choose from (percentageOfNodesToScore, adaptive)."""
    if nodes < _ALL_NODES_BELOW:
        return nodes
    return max(nodes * max(50 - nodes // 125, 5) // 100, _ALL_NODES_BELOW)
