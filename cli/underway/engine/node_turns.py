"""The turns of nodes. A node that several steps work on has one in each of them, and what becomes of it belongs to its
latest; plan and receipt tell every one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from underway.engine.events import NodeChanged, PodMoved


@dataclass
class NodeTurn:
    """`wave`: one above the latest of those that had ended when it began; 0 if it has not begun. `began`: when it was
    first heard of, if that was not its beginning.
    """

    node: str
    step: int
    began: datetime
    wave: int = 0
    emptied: datetime | None = None
    ended: datetime | None = None
    outcome: Literal["done", "failed", "restored", "untouched"] = "untouched"
    moves: int = 0
    reason: str = ""


@dataclass
class NodeTurns:
    """`every`: in the order in which they were heard of; `latest`: by node."""

    every: list[NodeTurn] = field(default_factory=list)
    latest: dict[str, NodeTurn] = field(default_factory=dict)
    _step: int = -1
    _ended_waves: int = 0

    def enter_step(self, index: int) -> None:
        self._step = index

    def change(self, event: NodeChanged) -> None:
        turn = self._turn_of(event)
        match event.phase:
            case "draining":
                turn.began, turn.wave = event.at, self._ended_waves + 1
            case "maintaining" | "verifying":
                turn.emptied = turn.emptied or event.at
            case "done" | "failed" | "restored":
                turn.outcome, turn.ended, turn.reason = event.phase, event.at, event.reason
                self._ended_waves = max(self._ended_waves, turn.wave)
            case "pending":
                pass

    def _turn_of(self, event: NodeChanged) -> NodeTurn:
        found = self.latest.get(event.node)
        if found is None or found.step != self._step or (event.phase == "draining" and (found.wave or found.ended)):
            found = self.latest[event.node] = NodeTurn(event.node, self._step, event.at)
            self.every.append(found)
        return found

    def move(self, event: PodMoved) -> None:
        """What leaves a node after it has been given back is not moved by its turn."""
        turn = self.latest.get(event.node)
        if event.how != "gone" and turn is not None and turn.outcome != "done":
            turn.moves += 1
