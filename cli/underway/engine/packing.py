"""Whether there is room for what a step moves: the step played in thought, without time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from msgspec.structs import replace

from underway.cluster.eligibility import expendable
from underway.cluster.model import Pod
from underway.cluster.room import Room, larger_first, unschedulable_message
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import NodesStep
from underway.steps import node_order
from underway.steps.treatment import Treatment

_LATEST = 50
"""So many of the nodes that were done last are looked at first: they have just been emptied."""
_Place = Callable[[Pod, Room, Sequence[str], dict[str, None], Sequence[str]], str | Mapping[str, int]]


def room_blockers(
    step: NodesStep, state: ClusterState, treatments: Mapping[str, Sequence[tuple[Pod, Treatment]]]
) -> Iterator[Blocker]:
    """The pods that find no room: as many nodes at a time as are taken together, replacements on those that are left.

    Where a quick way of placing them finds room for all, there is room; only else the careful one is asked.
    """
    if any(_without_room(step, state, treatments, _quickly)):
        yield from _without_room(step, state, treatments, _carefully)


def _carefully(
    pod: Pod, room: Room, wave: Sequence[str], done: dict[str, None], _: Sequence[str]
) -> str | Mapping[str, int]:
    return room.place(pod, closed=wave, preferred=done)


def _quickly(
    pod: Pod, room: Room, wave: Sequence[str], done: dict[str, None], others: Sequence[str]
) -> str | Mapping[str, int]:
    latest = islice(reversed(done), _LATEST)
    return room.first_fit(pod, latest, closed=wave) or room.first_fit(pod, others, closed=wave) or {}


def _without_room(
    step: NodesStep,
    state: ClusterState,
    treatments: Mapping[str, Sequence[tuple[Pod, Treatment]]],
    place: _Place,
) -> Iterator[Blocker]:
    room, going_round = Room(state).without_placeholders(), deque(state.nodes)
    order = [name for name in node_order.ordered(step, state) if name in treatments]
    size = node_order.at_once(step, len(order))
    done: dict[str, None] = {}
    moved: dict[str, list[Pod]] = {}
    total = _largest(state)
    for start in range(0, len(order), size):
        wave = order[start : start + size]
        leaving = [
            pod
            for name in wave
            for pod, way in treatments[name]
            if way.verdict in ("handoff", "evict") and pod.owner and not expendable(pod)
        ]
        leaving += [pod for name in wave for pod in moved.pop(name, [])]
        for pod in leaving:
            room.remove(pod)
        for pod in larger_first(leaving, total):
            placed = place(pod, room, wave, done, going_round)
            if isinstance(placed, str):
                moved.setdefault(placed, []).append(replace(pod, node=placed))
            else:
                remedy = "add a node or free room; or loosen its requests, selectors, affinity or tolerations"
                yield Blocker(str(pod.ref), f"no room for its replacement: {unschedulable_message(placed)}", remedy)
        done |= dict.fromkeys(wave)
        going_round.rotate(-len(wave))


def _largest(state: ClusterState) -> dict[str, int]:
    largest: dict[str, int] = {}
    for node in state.nodes.values():
        for resource, amount in node.allocatable.items():
            largest[resource] = max(amount, largest.get(resource, 0))
    return largest
