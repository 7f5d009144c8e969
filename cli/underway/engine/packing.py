"""Whether there is room for what a step moves: the step played in thought, without time.

As in a run, a pod that is handed off stands until its replacement has a place and holds up its own node alone; one that
is evicted within its budgets holds up none, and may come back to its own node. A node that is empty is given back and
takes what waits. So nothing is in the way as long as one of the nodes at work can go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from msgspec.structs import replace

from underway.cluster.eligibility import expendable
from underway.cluster.model import Pod
from underway.cluster.room import Room, larger_first, unschedulable_message
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import Drain, NodesStep
from underway.steps import node_order
from underway.steps.crowding import origin, place_now, successor
from underway.steps.treatment import Treatment, without_place

_LATEST = 50
"""So many of the nodes that were done last are looked at first: they have just been emptied."""
_ACCEPT = "; or accept that there is one fewer until its node is given back, with drain.strategy evict"
_Place = Callable[[Pod, Room, Collection[str], dict[str, None], Sequence[str]], str | Mapping[str, int]]


def room_blockers(
    step: NodesStep,
    state: ClusterState,
    treatments: Mapping[str, Sequence[tuple[Pod, Treatment]]],
    *,
    keep_cordons: bool,
) -> Iterator[Blocker]:
    """The pods that find no room, replacements being put on the nodes that are not at work. `keep_cordons`: nodes that
    are done take none.

    Where one way of placing them finds room for all, there is room: first a quick one is asked, then careful ones.
    """
    for place in (_quickly, _evenly):
        if not any(_without_room(step, _Thought(step.drain, state, place, keep_cordons), treatments)):
            return
    yield from _without_room(step, _Thought(step.drain, state, _tightly, keep_cordons), treatments)


def _tightly(
    pod: Pod, room: Room, closed: Collection[str], done: dict[str, None], _: Sequence[str]
) -> str | Mapping[str, int]:
    return room.place(pod, closed=closed, preferred=done)


def _evenly(
    pod: Pod, room: Room, closed: Collection[str], done: dict[str, None], _: Sequence[str]
) -> str | Mapping[str, int]:
    return room.place(pod, closed=closed, preferred=done, emptiest=True)


def _quickly(
    pod: Pod, room: Room, closed: Collection[str], done: dict[str, None], others: Sequence[str]
) -> str | Mapping[str, int]:
    latest = islice(reversed(done), _LATEST)
    return room.first_fit(pod, latest, closed=closed) or room.first_fit(pod, others, closed=closed) or {}


def _without_room(
    step: NodesStep, thought: _Thought, treatments: Mapping[str, Sequence[tuple[Pod, Treatment]]]
) -> Iterator[Blocker]:
    waiting = deque(name for name in node_order.ordered(step, thought.state) if name in treatments)
    size = node_order.at_once(step, len(waiting))
    while waiting or thought.at_work:
        while waiting and len(thought.at_work) < size:
            name = waiting.popleft()
            thought.begin(name, treatments[name])
        if not thought.go_on():
            yield from thought.give_up()
    yield from thought.homeless_for_good()


@dataclass
class _Leaving:
    """A pod that has to find another place. `stands`: it stays where it is until its replacement has one. `gone`: it
    has been evicted. `obstacles`: why there was no place for it the last time one was looked for.
    """

    pod: Pod
    stands: bool
    treated: Treatment
    gone: bool = False
    blockers: tuple[Blocker, ...] = ()
    obstacles: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Thought:
    """The nodes at work with the pods that hold them up, those that are done, and what has come to others. `homeless`:
    what has been evicted and has no place. `told`: the UIDs of what has been named as without room.
    """

    drain: Drain
    state: ClusterState
    place: _Place
    keep_cordons: bool
    at_work: dict[str, list[_Leaving]] = field(default_factory=dict)
    done: dict[str, None] = field(default_factory=dict)
    moved: dict[str, list[tuple[Pod, Treatment]]] = field(default_factory=dict)
    homeless: list[_Leaving] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.room = Room(self.state).without_placeholders()
        self.going_round = deque(self.state.nodes)
        self.closed: dict[str, None] = {}
        self.total: dict[str, int] = {}
        for node in self.state.nodes.values():
            for resource, amount in node.allocatable.items():
                self.total[resource] = max(amount, self.total.get(resource, 0))

    def begin(self, name: str, treatments: Sequence[tuple[Pod, Treatment]]) -> None:
        self.closed[name] = None
        self.at_work[name] = [
            _Leaving(pod, treated.verdict == "handoff", treated)
            for pod, treated in (*treatments, *self.moved.pop(name, ()))
            if treated.verdict in ("handoff", "evict") and not expendable(pod)
        ]

    def go_on(self) -> bool:
        """Let go what can go now, and give back the nodes that are empty; False if there is nothing of either."""
        waited = len(self.homeless)
        self.homeless = [each for each in self.homeless if not self._find_place(each)]
        pending = {each.pod.uid: each for leaving in self.at_work.values() for each in leaving}
        order = larger_first([each.pod for each in pending.values()], self.total)
        # a replacement beside is made at once, one for a pod that is evicted only when that has ended, node by node
        turn = {name: place for place, name in enumerate(self.at_work)}
        order.sort(key=lambda pod: -1 if pending[pod.uid].stands else turn[pod.node])
        left = {pod.uid for pod in order if not self._let_go(pending[pod.uid])}
        for name, leaving in self.at_work.items():
            self.at_work[name] = [each for each in leaving if each.pod.uid in left]
        empty = [name for name, leaving in self.at_work.items() if not leaving]
        for name in empty:
            self._give_back(name)
        return bool(empty) or len(left) < len(pending) or len(self.homeless) < waited

    def give_up(self) -> Iterator[Blocker]:
        """What is in the way of every node at work. It stays where it is, and the nodes are given back: there may be
        more to tell.
        """
        for leaving in self.at_work.values():
            for each in leaving:
                yield from each.blockers or self._no_room(self._waited_for(each) or [each])
        for name in tuple(self.at_work):
            self._give_back(name)

    def homeless_for_good(self) -> Iterator[Blocker]:
        yield from self._no_room(each for each in self.homeless if not self._find_place(each))

    def _give_back(self, name: str) -> None:
        del self.at_work[name]
        if not self.keep_cordons:
            del self.closed[name]
        self.done[name] = None
        self.going_round.rotate(-1)

    def _let_go(self, leaving: _Leaving) -> bool:
        """Whether the pod holds up its node no more."""
        if leaving.stands:
            return self._find_place(leaving) or self._evict_instead(leaving)
        if self._waited_for(leaving):
            return False
        self._take_away(leaving)
        if leaving.pod.owner and not self._find_place(leaving):
            self.homeless.append(leaving)
        return True

    def _waited_for(self, leaving: _Leaving) -> list[_Leaving]:
        """The pods that have to be back before this one may be evicted."""
        owner = leaving.pod.owner
        if leaving.stands or owner is None or not self.homeless:
            return []
        one_by_one = owner.kind == "StatefulSet" or self.state.budgets_of(leaving.pod)
        return [each for each in self.homeless if one_by_one and each.pod.owner == owner]

    def _find_place(self, leaving: _Leaving) -> bool:
        new = successor(leaving.pod) if leaving.stands else leaving.pod
        placed = self.place(new, self.room, self.closed, self.done, self.going_round)
        if not isinstance(placed, str):
            leaving.obstacles = placed
            return False
        self._take_away(leaving)
        self.moved.setdefault(placed, []).append((replace(new, node=placed), leaving.treated))
        return True

    def _take_away(self, leaving: _Leaving) -> None:
        if not leaving.gone:
            leaving.gone = True
            self.room.remove(leaving.pod)

    def _evict_instead(self, leaving: _Leaving) -> bool:
        """As the run does with a pod that is in the way of its own replacement."""
        way = leaving.treated.handoff
        key = way.detach if way is not None else ""
        if place_now(leaving.pod, key, self.state, self.room, closed=self.closed) != "alone":
            return False
        instead = without_place(leaving.pod, self.drain, self.state)
        leaving.blockers = tuple(Blocker(origin(leaving.pod), found.reason, found.remedy) for found in instead.blockers)
        leaving.stands = instead.verdict != "evict"
        return not leaving.stands and self._let_go(leaving)

    def _no_room(self, without: Iterable[_Leaving]) -> Iterator[Blocker]:
        """A blocker for each of them that has not been told of."""
        remedy = "add a node or free room; or loosen its requests, selectors, affinity or tolerations"
        for leaving in without:
            if leaving.pod.uid in self.told:
                continue
            self.told.add(leaving.pod.uid)
            reason = f"no room for its replacement: {unschedulable_message(leaving.obstacles)}"
            accept = _ACCEPT if leaving.stands and not self.keep_cordons else ""
            yield Blocker(origin(leaving.pod), reason, remedy + accept)
