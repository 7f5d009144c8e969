"""Whoever maintains a node that is held for them: done after a while that is assumed."""

from __future__ import annotations

from functools import partial

import msgspec

from underway.cluster.model import Node
from underway.cluster.state import HOLD
from underway.simulated.world import World
from underway.units import format_duration


class Holds:
    def __init__(self, world: World) -> None:
        self._world = world
        world.watch(Node, self._node_changed)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is not None and _held(new) and (old is None or not _held(old)):
            lasts = self._world.settings.hold_duration
            self._world.assume(f"{new.ref}: whoever it is held for is done after {format_duration(lasts)}")
            self._world.after(lasts, partial(self._end, new.name))

    def _end(self, name: str) -> None:
        node = self._world.state.nodes.get(name)
        if node is not None and node.ready and _held(node):
            self._world.put(msgspec.structs.replace(node, annotations={**node.annotations, HOLD: "done"}))


def _held(node: Node) -> bool:
    return node.annotations.get(HOLD) == "waiting"
