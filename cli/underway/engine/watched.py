"""The gates that a run keeps an eye on: their histories, and their verdicts from state and measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from underway.cluster.state import ClusterState
from underway.gates.history import History, awaited, due, guarded, opened, record
from underway.gates.http import HttpCount, baseline, http_awaited, http_guarded
from underway.gates.measurements import Measurements
from underway.gates.sample import sample
from underway.gates.verdict import Verdict
from underway.playbook.models import Gate, HttpGate

FROM_STATE = frozenset({"service", "workload", "node", "nodes", "restarts", "job"})
"""What happens in the cluster answers them."""
Kept = Literal["guarded", "awaited"]


@dataclass
class Watched:
    """One gate from when it is opened until it is closed. `base`: the HTTP count at which judging begins. `seen`: the
    UID of the Job whose end was looked at last.
    """

    name: str
    gate: Gate
    kept: Kept
    history: History
    node: str | None = None
    base: HttpCount | None = None
    verdict: Verdict | None = None
    told: str = ""
    seen: str = ""


def open_gate(name: str, gate: Gate, kept: Kept, now: datetime, node: str | None = None) -> Watched:
    return Watched(name, gate, kept, opened(gate, now), node)


def label(gate: Gate, position: str) -> str:
    """What a gate is called: its name, or its kind and where it stands."""
    return gate.name or f"{gate.kind} {position}"


def look(
    watched: Watched, state: ClusterState, measurements: Measurements, restarts: Mapping[str, int], now: datetime
) -> Verdict:
    """Judge the gate by what is known now, and remember the look."""
    watched.verdict = _judge(watched, state, measurements, restarts, now)
    return watched.verdict


def _judge(
    watched: Watched, state: ClusterState, measurements: Measurements, restarts: Mapping[str, int], now: datetime
) -> Verdict:
    gate = watched.gate
    if isinstance(gate.body, HttpGate):
        count = http_count(watched, measurements)
        if count is None:
            return Verdict("error" if watched.kept == "guarded" else "inconclusive", "not measured yet")
        judge = http_guarded if watched.kept == "guarded" else http_awaited
        return judge(gate, gate.body, count, now)
    if gate.kind in FROM_STATE and gate.job is None:
        seen = sample(gate, state, now, node=watched.node, baseline=restarts)
        watched.history = record(watched.history, seen)
    elif gate.job is None:
        watched.history = measurements.history(watched.name) or watched.history
    return (guarded if watched.kept == "guarded" else awaited)(gate, watched.history, now)


def http_count(watched: Watched, measurements: Measurements) -> HttpCount | None:
    """What was measured since judging began, None before the first measurement."""
    count = measurements.http(watched.name)
    if count is None or watched.base is None:
        return count
    return baseline(watched.base, count)


def next_look(watched: Watched) -> datetime | None:
    """When the verdict may change though nothing else does; None if a measurement will come by itself."""
    by_itself = watched.gate.kind not in FROM_STATE or watched.gate.job is not None
    return None if by_itself else due(watched.gate, watched.history)
