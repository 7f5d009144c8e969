"""Which nodes the verb `nodes` is about, in what order, and how many of them at a time."""

from __future__ import annotations

from underway.cluster.model import Node, Pod
from underway.cluster.state import ClusterState
from underway.playbook.models import NodesStep
from underway.steps.treatment import is_left_alone


def selected(step: NodesStep, state: ClusterState) -> tuple[list[Node], list[str]]:
    """The nodes that the step is about, by name, and the names it gives, its order included, that no node has."""
    wanted = step.select
    names = set(wanted.names)
    listed = step.order if isinstance(step.order, tuple) else ()
    found = [
        node
        for node in sorted(state.nodes.values(), key=lambda node: node.name)
        if (node.name in names or (wanted.labels is not None and wanted.labels.matches(node.labels)))
        and node.name not in wanted.except_
    ]
    return found, sorted({*names, *wanted.except_, *listed} - state.nodes.keys())


def ordered(step: NodesStep, state: ClusterState) -> tuple[str, ...]:
    """The nodes in the order in which they are worked on: as listed, by name, or those with the least to move first."""
    nodes, _ = selected(step, state)
    if isinstance(step.order, tuple):
        place = {name: position for position, name in enumerate(step.order)}
        return tuple(node.name for node in sorted(nodes, key=lambda node: place.get(node.name, len(place))))
    if step.order == "name":
        return tuple(node.name for node in nodes)
    return tuple(node.name for node in sorted(nodes, key=lambda node: len(leaving(node, step, state))))


def leaving(node: Node, step: NodesStep, state: ClusterState) -> list[Pod]:
    return [pod for pod in state.pods_on(node.name) if not is_left_alone(pod, step.drain, state)]


def at_once(step: NodesStep, count: int) -> int:
    """How many of `count` nodes may be unavailable together; a percentage rounds down, yet never below 1."""
    return max(1, step.max_unavailable.of(count, round_up=False))
