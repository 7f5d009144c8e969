"""What a run did, or would do: from what Underway printed, and where two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from underway_cli import Ended


@dataclass(frozen=True)
class Course:
    """`verdicts` by the UID of each pod that was there beforehand. `seconds`: from the first event to the last."""

    verdicts: dict[str, str]
    nodes: tuple[str, ...]
    moves: int
    handed_off: int
    evicted: int
    outcome: str
    status: int
    blockers: tuple[tuple[str, str], ...]
    seconds: float


def of_plan(plan: Any) -> Course | None:
    """What a plan says; None if it says that the run would not end well, but not how: a rehearsal does."""
    refused = bool(plan["blockers"]) and not plan["waves"]
    if plan["blockers"] and not refused:
        return None
    return Course(
        verdicts={pod["uid"]: pod["verdict"] for pod in plan["pods"]},
        nodes=tuple(node for wave in plan["waves"] for node in wave["nodes"]),
        moves=plan["moves"],
        handed_off=plan["handedOff"],
        evicted=plan["evicted"],
        outcome="refused" if refused else "done",
        status=4 if refused else 0,
        blockers=_blockers(plan),
        seconds=plan["durationSeconds"],
    )


def of_run(ended: Ended, present: frozenset[str]) -> Course:
    """What a run or a rehearsal with `-o json` did. `present`: the UIDs of the pods that were there beforehand."""
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    end = events[-1]
    judged: dict[str, str] = {}
    for event in events:
        if event["type"] == "podPlanned" and event["uid"] in present:
            judged[event["uid"]] = event["verdict"]
    return Course(
        verdicts=judged,
        nodes=tuple(end["nodes"]),
        moves=end["podsMoved"],
        handed_off=end["handedOff"],
        evicted=end["evicted"],
        outcome=end["outcome"],
        status=ended.status,
        blockers=_blockers(end),
        seconds=end["durationSeconds"],
    )


def _blockers(found: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each["object"], each["reason"]) for each in found["blockers"]))


def differences(predicted: Course, measured: Course) -> Iterator[str]:
    """What is not the same, in words; how long it took is not looked at."""
    for uid in sorted(predicted.verdicts.keys() | measured.verdicts.keys()):
        said, was = predicted.verdicts.get(uid, "none"), measured.verdicts.get(uid, "none")
        # a run that refuses judges its pods and says only what is in the way
        if said != was and measured.outcome != "refused":
            yield f"pod {uid}: {said} predicted, {was} in fact"
    for name in ("nodes", "moves", "handed_off", "evicted", "outcome", "status", "blockers"):
        said, was = getattr(predicted, name), getattr(measured, name)
        if said != was:
            yield f"{name.replace('_', ' ')}: {said} predicted, {was} in fact"
