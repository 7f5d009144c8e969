"""The wiring of a rehearsal: a simulated cluster, and simulated requests for the HTTP gates."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import typer

from underway.cluster.model import Ref
from underway.commands.assumed import AssumedGates, hold_duration
from underway.commands.conduct import Order
from underway.commands.killed_run import rehearse_run
from underway.commands.options import Showing
from underway.engine.locating import located
from underway.engine.preflight import gates
from underway.engine.saved_plan import SavedPlan
from underway.errors import Blocker, RefusedError
from underway.gates.history import History
from underway.gates.http import Gap, HttpCount, with_gap
from underway.playbook.models import Gate, HttpGate, Playbook
from underway.report.ignored import ignored_words
from underway.report.words import gathered
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import Killed
from underway.simulated.load import load, simulate
from underway.simulated.named_faults import named_faults
from underway.simulated.settings import Settings
from underway.simulated.traffic import Requests

_LATENCY = timedelta(milliseconds=20)
_PORTS = {"http": 80, "https": 443}


class SimulatedMeasuring:
    """HTTP gates, measured by simulated requests to the Service behind each URL's port. What only a real system can
    answer, Prometheus, Alertmanager and commands, is taken to hold, and said.
    """

    def __init__(self, cluster: SimulatedCluster, services: Mapping[int, Ref]) -> None:
        self._cluster = cluster
        self._services = services
        self._running: dict[str, Requests] = {}
        self._assumed = AssumedGates(cluster.now)

    def start(self, name: str, gate: Gate) -> None:
        """RefusedError for a URL that nothing in the simulated cluster answers; `unanswered` finds it beforehand."""
        if not isinstance(gate.body, HttpGate):
            self._assumed.open(name, gate)
            self._cluster.assume(f"gate {name}: is taken to hold, since no simulation can measure `{gate.kind}`")
            return
        service = self._service(gate.body)
        if service is None:
            raise RefusedError("", (self._unanswered(name, gate.body),))
        per_second = 1 / gate.body.every.total_seconds()
        self._running[name] = self._cluster.traffic.start(service, per_second, _LATENCY)

    def unanswered(self, playbook: Playbook) -> Iterator[Blocker]:
        for gate in gates(playbook):
            if isinstance(gate.body, HttpGate) and self._service(gate.body) is None:
                yield self._unanswered(gate.name or gate.kind, gate.body)

    def _service(self, body: HttpGate) -> Ref | None:
        parts = urlsplit(body.url)
        return self._services.get(parts.port or _PORTS[parts.scheme])

    def _unanswered(self, name: str, body: HttpGate) -> Blocker:
        remedy = f"known ports: {', '.join(map(str, self._services)) or 'none'}"
        return Blocker(f"gate/{name}", f"no Service of the simulated cluster answers {body.url}", remedy)

    async def stop(self, name: str) -> None:
        if name in self._running:
            self._cluster.traffic.stop(self._running.pop(name))
        self._assumed.close(name)

    def http(self, gate: str) -> HttpCount | None:
        requests = self._running.get(gate)
        if requests is None:
            return None
        self._cluster.traffic.look()
        gaps: tuple[Gap, ...] = ()
        for ended, length in requests.gaps:
            gaps = with_gap(gaps, Gap(ended, length))
        return HttpCount(
            began=requests.started,
            at=self._cluster.now(),
            sent=requests.sent,
            answered=requests.sent - requests.lost,
            lost=requests.lost,
            measured_at=requests.looked_at,
            answered_at=requests.answered_at,
            good_since=requests.good_since,
            failing=requests.failing,
            gaps=gaps,
            last_error=requests.last_reason,
            errors=dict(requests.reasons),
        )

    def history(self, gate: str) -> History | None:
        return self._assumed.history(gate)


@dataclass(frozen=True)
class Rehearsal:
    """`files`: what the cluster is made of. `speed` None: as fast as it can. `faults`: as `--fault` takes them.
    `saved`: the plan that the playbook comes from. `namespace`: where Jobs run if the playbook does not say.
    """

    playbook: Playbook
    source: str
    files: Sequence[Path]
    speed: float | None
    faults: Sequence[str]
    showing: Showing
    saved: SavedPlan | None = None
    namespace: str | None = None


def rehearse_on_simulation(asked: Rehearsal) -> int:
    """Play the playbook; returns the exit status that a run would have. Then say what the files left open."""
    loaded = load(asked.files)
    cluster = simulate(loaded, settings=Settings(speed=asked.speed, hold_duration=hold_duration(asked.playbook)))
    faults = [fault for text in asked.faults for fault in named_faults(text, cluster.state())]
    cluster.bring(faults)
    name = ", ".join(map(str, asked.files))
    namespace = asked.saved.namespace if asked.saved else asked.namespace or "default"
    playbook = located(asked.playbook, namespace)
    measuring = SimulatedMeasuring(cluster, loaded.services())
    order = Order(
        playbook,
        asked.source,
        namespace,
        asked.showing,
        name,
        simulated=True,
        allow_commands=True,  # none is run
        saved=asked.saved,
        blockers=tuple(measuring.unanswered(playbook)),
    )
    to_be_killed = any(isinstance(fault, Killed) for fault in faults)
    status = asyncio.run(rehearse_run(order, cluster, measuring, to_be_killed=to_be_killed))
    if not asked.showing.quiet:
        for assumption in gathered(cluster.assumptions):
            typer.echo(f"assumed: {assumption}", err=True)
        for words in ignored_words(loaded.ignored):
            typer.echo(f"not looked at: {words}", err=True)
    return status
