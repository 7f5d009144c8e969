"""Holding a node: a person or another tool maintains it, and says so when it is done."""

from __future__ import annotations

from datetime import datetime

from underway.cluster.model import Node
from underway.cluster.state import HOLD
from underway.playbook.models import Hold
from underway.steps import marks
from underway.steps.progress import StepEnd, Turn
from underway.units import format_duration


def proceed(node: Node, asked: Hold, since: datetime, turn: Turn) -> StepEnd | None:
    """None while whoever maintains the node has not said that it is done; `since`: when the node was empty."""
    held = node.annotations.get(marks.PHASE) == "maintaining"
    if held and node.annotations.get(HOLD) == "done":
        return StepEnd("done")
    end = since + asked.timeout
    if turn.now >= end:
        silent = "" if node.ready else ", and the node is not Ready"
        return StepEnd("timedOut", f"nobody has said within {format_duration(asked.timeout)} that it is done{silent}")
    if not held or HOLD not in node.annotations:
        turn.act(marks.hold(node))
    turn.wait(node.ref, f"is held; when it is done: kubectl annotate --overwrite {node.ref} {HOLD}=done")
    turn.look_again(end)
    return None
