"""Judging: what stands in the way of one step, in a given state of the cluster.

Asked for every step before the first change, in the state that the steps before it will leave; and once more, in the
state that they have left, when a step's turn comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from underway.cluster.model import Node, Pod
from underway.cluster.state import ClusterState
from underway.engine.outlook import outlook_blockers
from underway.engine.packing import room_blockers
from underway.engine.verbs import VERBS
from underway.errors import Blocker
from underway.playbook.models import CheckStep, NodesStep, SoakStep, Step
from underway.steps import marks, node_order
from underway.steps.treatment import Treatment, treatment
from underway.steps.verb import Scene

_SKEW = timedelta(seconds=5)


def step_blockers(step: Step, scene: Scene, *, keep_cordons: bool = False) -> Iterator[Blocker]:
    """Everything that stands in the way of a step. `keep_cordons`: nodes are not given back."""
    if type(step.body) in VERBS:
        yield from VERBS[type(step.body)].blockers(step.body, scene)
    elif isinstance(step.body, NodesStep):
        yield from _nodes_blockers(step.body, scene)
        yield from _pods_blockers(step.body, scene.state, keep_cordons=keep_cordons)
    elif not isinstance(step.body, CheckStep | SoakStep):
        reason = f"the verb `{step.verb}` cannot be run by this version"
        yield Blocker(scene.name, reason, "take the step out, or use a later version")


def blockers_at_its_turn(step: Step, scene: Scene, *, keep_cordons: bool) -> Iterator[Blocker]:
    """As `step_blockers`, without what a step deals with by itself: nodes that are not what they were."""
    if isinstance(step.body, NodesStep):
        return _pods_blockers(step.body, scene.state, keep_cordons=keep_cordons)
    return step_blockers(step, scene)


def _nodes_blockers(body: NodesStep, scene: Scene) -> Iterator[Blocker]:
    found, unknown = node_order.selected(body, scene.state)
    for missing in unknown:
        yield Blocker(f"node/{missing}", "there is no such node", "correct the name: kubectl get nodes lists them")
    if not found and not unknown:
        yield Blocker(scene.name, "no node is selected", "correct select: kubectl get nodes --show-labels")
    for node in found:
        yield from _node_blockers(node, scene.state, scene.run, scene.now)


def _pods_blockers(body: NodesStep, state: ClusterState, *, keep_cordons: bool) -> Iterator[Blocker]:
    treatments = {node.name: judged(node, body, state) for node in node_order.selected(body, state)[0]}
    for found in treatments.values():
        for _, treated in found:
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
