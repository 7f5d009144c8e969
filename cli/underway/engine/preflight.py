"""Before the first change: everything that stands in the way, each with its remedy, and the permissions a run needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from underway.cluster.actions import Need
from underway.cluster.model import LEASE_NAMESPACE
from underway.cluster.state import ClusterState
from underway.engine import foresight, job_gates, judging
from underway.engine.stepping import step_name
from underway.engine.verbs import VERBS
from underway.errors import Blocker
from underway.playbook.models import Gate, NodesStep, Playbook
from underway.steps.verb import Scene

_LEASE = frozenset(
    Need(verb, "coordination.k8s.io", "leases", LEASE_NAMESPACE) for verb in ("get", "create", "patch", "delete")
)
_NODES = frozenset(
    {
        Need("patch", "", "nodes"),
        Need("patch", "", "pods"),
        Need("create", "", "pods/eviction"),
        Need("patch", "policy", "poddisruptionbudgets"),
    }
)


def needs(playbook: Playbook, namespace: str) -> list[Need]:
    """The permissions to write that the playbook needs; those to read are the adapter's own."""
    found = set(_LEASE)
    for gate in gates(playbook):
        found |= set(job_gates.needs(gate, namespace))
    for step in playbook.spec.steps:
        if type(step.body) in VERBS:
            found |= set(VERBS[type(step.body)].needs(step.body, namespace))
        if isinstance(step.body, NodesStep):
            found |= _NODES
            job = step.body.maintain.job if step.body.maintain else None
            if job is not None:
                where = job.namespace or namespace
                found |= {Need("create", "batch", "jobs", where), Need("delete", "batch", "jobs", where)}
    return sorted(found)


def restore_needs() -> list[Need]:
    """The permissions to put back whatever drains may have left. What a rollout or a scaling has left is put back where
    that is allowed: the API server says what is missing.
    """
    return sorted(_LEASE | _NODES | {Need("delete", "batch", "jobs")})


def permission_blocker(need: Need) -> Blocker:
    remedy = "have it granted: underway rbac PLAYBOOK prints every rule that it needs"
    return Blocker(f"permission/{need.resource}", f"you may not {need}", remedy)


def blockers(
    playbook: Playbook,
    state: ClusterState,
    run: str,
    now: datetime,
    *,
    allow_commands: bool = False,
    keep_cordons: bool = False,
) -> tuple[Blocker, ...]:
    """All that stands in the way, each once, in the order of the playbook. `keep_cordons`: nodes are not given back."""
    found: dict[Blocker, None] = {}
    for gate in gates(playbook):
        found |= dict.fromkeys(_gate_blockers(gate, allow_commands=allow_commands))
    for index, (step, foreseen) in enumerate(foresight.states(playbook, state)):
        if foreseen is not None:
            scene = Scene(f"step/{step_name(step, index)}", index, foreseen, run, now)
            found |= dict.fromkeys(judging.step_blockers(step, scene, keep_cordons=keep_cordons))
    return tuple(found)


def gates(playbook: Playbook) -> Iterator[Gate]:
    yield from playbook.spec.guards
    for step in playbook.spec.steps:
        yield from (*step.before, *step.during, *step.after)
        yield from getattr(step.body, "gates", ())
        yield from getattr(step.body, "verify", ())


def _gate_blockers(gate: Gate, *, allow_commands: bool) -> Iterator[Blocker]:
    name = f"gate/{gate.name or gate.kind}"
    if gate.kind == "command" and not allow_commands:
        yield Blocker(name, "it runs a command on this machine", "allow it with --allow-commands")
