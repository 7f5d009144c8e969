"""Before the first change: everything that stands in the way, each with its remedy, and the permissions a run needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from underway.cluster.actions import Need
from underway.cluster.model import LEASE_NAMESPACE, Node, Pod
from underway.cluster.state import ClusterState
from underway.engine import job_gates
from underway.engine.outlook import outlook_blockers
from underway.engine.packing import room_blockers
from underway.engine.stepping import step_name
from underway.engine.verbs import VERBS
from underway.errors import Blocker
from underway.playbook.models import CheckStep, Gate, NodesStep, Playbook, SoakStep, Step
from underway.steps import marks, node_order
from underway.steps.treatment import Treatment, treatment
from underway.steps.verb import Scene

_SKEW = timedelta(seconds=5)


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
    for gate in _gates(playbook):
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
    for gate in _gates(playbook):
        found |= dict.fromkeys(_gate_blockers(gate, allow_commands=allow_commands))
    for index, step in enumerate(playbook.spec.steps):
        if type(step.body) in VERBS:
            scene = Scene(f"step/{step_name(step, index)}", index, state, run, now)
            found |= dict.fromkeys(VERBS[type(step.body)].blockers(step.body, scene))
        elif not isinstance(step.body, NodesStep | CheckStep | SoakStep):
            reason = f"the verb `{step.verb}` cannot be run by this version"
            found[Blocker(f"step/{step_name(step, index)}", reason, "take the step out, or use a later version")] = None
        elif isinstance(step.body, NodesStep):
            found |= dict.fromkeys(_nodes_blockers(step, index, state, run, now, keep_cordons=keep_cordons))
    return tuple(found)


def _gates(playbook: Playbook) -> Iterator[Gate]:
    yield from playbook.spec.guards
    for step in playbook.spec.steps:
        yield from (*step.before, *step.during, *step.after)
        yield from getattr(step.body, "gates", ())
        yield from getattr(step.body, "verify", ())


def _gate_blockers(gate: Gate, *, allow_commands: bool) -> Iterator[Blocker]:
    name = f"gate/{gate.name or gate.kind}"
    if gate.kind == "command" and not allow_commands:
        yield Blocker(name, "it runs a command on this machine", "allow it with --allow-commands")


def _nodes_blockers(
    step: Step, index: int, state: ClusterState, run: str, now: datetime, *, keep_cordons: bool
) -> Iterator[Blocker]:
    body = step.body
    if not isinstance(body, NodesStep):
        return
    name = f"step/{step_name(step, index)}"
    found, unknown = node_order.selected(body, state)
    for missing in unknown:
        yield Blocker(f"node/{missing}", "there is no such node", "correct the name: kubectl get nodes lists them")
    if not found and not unknown:
        yield Blocker(name, "no node is selected", "correct select: kubectl get nodes --show-labels")
    for node in found:
        yield from _node_blockers(node, state, run, now)
    treatments = {node.name: judged(node, body, state) for node in found}
    for node in found:
        for _, treated in treatments[node.name]:
            yield from treated.blockers
    yield from outlook_blockers(treatments, state)
    yield from room_blockers(body, state, treatments, keep_cordons=keep_cordons)


def judged(node: Node, step: NodesStep, state: ClusterState) -> list[tuple[Pod, Treatment]]:
    """The pods of a node with what will be done with each."""
    return [(pod, treatment(pod, step.drain, state)) for pod in state.pods_on(node.name)]


def _node_blockers(node: Node, state: ClusterState, run: str, now: datetime) -> Iterator[Blocker]:
    other = marks.run_of(node)
    drained = node.annotations.get(marks.PHASE) == "drained"
    if other is not None and other != run and not drained:
        if alive(other, state, now):
            yield Blocker(
                str(node.ref), f"run {other} is at work on it", f"wait for it, or stop it: underway status {other}"
            )
        else:
            yield Blocker(str(node.ref), f"run {other} has left it changed", f"underway restore {other}")
    if not node.ready:
        reason = "it is not Ready: its kubelet would not stop the pods"
        yield Blocker(str(node.ref), reason, "repair it first, or leave it out with select.except")


def alive(run: str, state: ClusterState, now: datetime) -> bool:
    """Whether the run has given a sign of life within its Lease's time, give or take a difference of clocks."""
    for lease in state.leases.values():
        if lease.run == run and lease.renewed is not None:
            return now < lease.renewed + timedelta(seconds=lease.duration_seconds) + _SKEW
    return False
