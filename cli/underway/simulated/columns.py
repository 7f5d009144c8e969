"""What the scheduler looks at of hundreds of nodes for every pod, column by column: a list with an entry for each node.

What follows from a node and what runs on it alone is the same for all pods of one shape, and is judged again only when
the node has changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from underway.cluster.eligibility import wish
from underway.cluster.model import Node, Pod
from underway.cluster.podspec import PodSpec
from underway.cluster.room import Search
from underway.cluster.state import ClusterState
from underway.simulated.capacity import Capacity

_UNKNOWN = -1


@dataclass
class Column:
    """For pods of one shape. `scores`: what there is to be said for a node as far as its resources go; -1 while that is
    not known; below that, the number of an obstacle. `disliked`: how many of its taints ask pods to stay away.
    `wished`: the weight of the preferred node affinity for it.
    """

    spec: PodSpec
    scores: list[int]
    disliked: list[int]
    wished: list[int]
    seen: int
    """So many of the changes that have been told are in it."""


class Columns:
    def __init__(self, state: ClusterState, capacity: Capacity) -> None:
        self._state = state
        self._capacity = capacity
        self.names: tuple[str, ...] = ()
        """The nodes, in the order of every column."""
        self._places: dict[str, int] = {}
        self._as_of = -1
        self._columns: dict[int, Column] = {}
        self._labels: dict[str, list[str | None]] = {}
        self._obstacles: list[str] = []
        self._numbers: dict[str, int] = {}

    def of(self, pod: Pod) -> Column:
        self._renew()
        shape = self._capacity.shape(pod.spec)
        changes = self._capacity.changes
        column = self._columns.get(shape)
        if column is None:
            count = len(self.names)
            column = Column(pod.spec, [_UNKNOWN] * count, [0] * count, [0] * count, len(changes))
            self._columns[shape] = column
        for name in changes[column.seen :]:
            if name in self._places:
                column.scores[self._places[name]] = _UNKNOWN
        column.seen = len(changes)
        return column

    def labels(self, key: str) -> Sequence[str | None]:
        """The values that the nodes have for a label."""
        found = self._labels.get(key)
        if found is None:
            nodes = self._state.nodes
            found = self._labels[key] = [nodes[name].labels.get(key) for name in self.names]
        return found

    def fitting(self, column: Column, search: Search, start: int, enough: int) -> tuple[list[int], int]:
        """The places of the first nodes from `start` on, round and round, that have no obstacle, at most `enough`; and
        how many were looked at.
        """
        found: list[int] = []
        looked_at, count = 0, len(self.names)
        while looked_at < count and len(found) < enough:
            begin = (start + looked_at) % count
            end = min(begin + enough - len(found), begin + count - looked_at, count)
            scores = self._judged(column, begin, end)
            looked_at += end - begin
            fits: Sequence[int] = range(begin, end)
            if min(scores) < 0:
                fits = [place for place, score in enumerate(scores, begin) if score >= 0]
            found += fits if search.alone else [at for at in fits if search.around(self._node(at)) is None]
        return found, looked_at

    def obstacles(self, column: Column, search: Search) -> Counter[str]:
        """Where no node fits: how many are ruled out by each obstacle."""
        found: Counter[str] = Counter()
        for place, score in enumerate(self._judged(column, 0, len(self.names))):
            said = self._obstacles[_UNKNOWN - 1 - score] if score < 0 else search.around(self._node(place))
            found[said or ""] += 1
        return found

    def _renew(self) -> None:
        if self._as_of != self._state.topology:
            self._as_of = self._state.topology
            self.names = tuple(self._state.nodes)
            self._places = {name: place for place, name in enumerate(self.names)}
            self._columns.clear()
            self._labels.clear()

    def _node(self, place: int) -> Node:
        return self._state.nodes[self.names[place]]

    def _judged(self, column: Column, begin: int, end: int) -> list[int]:
        """The scores of these places, of which none is unknown any more."""
        scores = column.scores[begin:end]
        if _UNKNOWN in scores:
            for place, score in enumerate(scores, begin):
                if score == _UNKNOWN:
                    self._judge(column, place)
            scores = column.scores[begin:end]
        return scores

    def _judge(self, column: Column, place: int) -> None:
        node = self._node(place)
        obstacle = self._capacity.rules_out(column.spec, node)
        if obstacle is None:
            column.scores[place] = self._capacity.score(column.spec, node)
            column.disliked[place] = self._capacity.disliked(column.spec, node)
            column.wished[place] = wish(column.spec, node)
            return
        number = self._numbers.setdefault(obstacle, len(self._obstacles))
        if number == len(self._obstacles):
            self._obstacles.append(obstacle)
        column.scores[place] = _UNKNOWN - 1 - number
