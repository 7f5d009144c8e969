"""`underway status`: the runs that a cluster knows of, and one of them in detail."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from underway.report.tables import pairs, paragraph, table
from underway.report.words import between, timestamp, visible

RunPhase: TypeAlias = Literal["running", "paused", "restoring", "abandoned", "done", "failed"]
"""abandoned: its Lease has run out, and it has left marks behind."""

_COMMANDS: dict[RunPhase, tuple[tuple[str, str], ...]] = {
    "paused": (("let it go on", "resume"),),
    "abandoned": (("put everything back", "restore"),),
    "failed": (("put everything back", "restore"),),
}


class RunStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    run: str
    playbook: str
    started: datetime
    phase: RunPhase
    where: str = ""
    """Where it stands, in a few words: `2 of 3 nodes done, draining node/worker-2`."""


class WaitStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    object: str
    reason: str
    since: datetime | None = None


class RunDetail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: RunStatus
    operator: str = ""
    cluster: str = ""
    changed: tuple[tuple[str, str], ...] = ()
    """Objects that carry the run's marks, and what was changed on each."""
    waits: tuple[WaitStatus, ...] = ()


def render_runs(runs: Sequence[RunStatus], now: datetime) -> str:
    """The latest first."""
    if not runs:
        return "No run has left marks in this cluster."
    rows = [
        (visible(run.run), visible(run.playbook), between(run.started, now), run.phase, visible(run.where))
        for run in sorted(runs, key=lambda run: (run.started, run.run), reverse=True)
    ]
    return "\n".join(table(("RUN", "PLAYBOOK", "AGE", "PHASE", "WHERE"), rows, words={1, 3, 4}))


def render_run(detail: RunDetail, now: datetime) -> str:
    run = detail.status
    items = [
        ("Run", run.run),
        ("Playbook", run.playbook),
        ("Phase", run.phase),
        ("Where", run.where),
        ("Started", f"{timestamp(run.started)}, {between(run.started, now)} ago"),
        ("Operator", detail.operator),
        ("Cluster", detail.cluster),
    ]
    blocks = [pairs([(label, visible(value)) for label, value in items if value])]
    if detail.waits:
        blocks.append(["Waiting for:", *(line for wait in detail.waits for line in _wait(wait, now))])
    if detail.changed:
        changed = (paragraph(visible(f"{named}: {what}"), first="  ", indent="    ") for named, what in detail.changed)
        blocks.append(["Changed by this run:", *(line for lines in changed for line in lines)])
    commands = _COMMANDS.get(run.phase, ())
    if commands:
        named = shlex.quote(visible(run.run))
        blocks.append([f"To {purpose}: underway {command} {named}" for purpose, command in commands])
    return "\n\n".join("\n".join(block) for block in blocks)


def _wait(wait: WaitStatus, now: datetime) -> list[str]:
    waited = f" ({between(wait.since, now)})" if wait.since else ""
    return paragraph(visible(f"{wait.object}{waited}: {wait.reason}"), first="  ", indent="    ")


def status_json(status: RunDetail | Sequence[RunStatus]) -> str:
    return msgspec.json.format(msgspec.json.encode(status), indent=2).decode()
