"""The node controller: the taints that follow from a node's state, and what becomes of the pods of a lost one."""

from __future__ import annotations

from functools import partial

import msgspec

from underway.cluster.model import Node, Ref
from underway.cluster.podspec import Taint
from underway.simulated.pods import delete_pod
from underway.simulated.world import WorkQueue, World

_CORDONED = Taint("node.kubernetes.io/unschedulable", "NoSchedule")
_UNREACHABLE = (
    Taint("node.kubernetes.io/unreachable", "NoSchedule"),
    Taint("node.kubernetes.io/unreachable", "NoExecute"),
)


class Nodes:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.controller_delay)
        world.watch(Node, self._node_changed)

    def lose(self, name: str) -> None:
        """Its kubelet has fallen silent."""
        self._world.after(self._world.settings.node_monitor_grace, partial(self._mark_unreachable, name))

    def _node_changed(self, _old: Node | None, new: Node | None) -> None:
        if new and (new.unschedulable != _has(new, _CORDONED.key) or (new.ready and new.ready_since is None)):
            self._queue.add(new.ref)

    def _sync(self, ref: Ref) -> None:
        node = self._world.get(Node, ref)
        if node is None:
            return
        taints = tuple(taint for taint in node.taints if taint.key != _CORDONED.key)
        if node.unschedulable:
            taints = (*taints, _CORDONED)
        ready_since = (node.ready_since or self._world.now) if node.ready else None
        self._world.put(msgspec.structs.replace(node, taints=taints, ready_since=ready_since))

    def _mark_unreachable(self, name: str) -> None:
        node = self._world.state.nodes.get(name)
        if node is None:
            return
        taints = (*node.taints, *_UNREACHABLE)
        conditions = {**node.conditions, "Ready": "Unknown"}
        self._world.put(
            msgspec.structs.replace(node, ready=False, ready_since=None, taints=taints, conditions=conditions)
        )
        for pod in list(self._world.state.pods_on(name)):
            if pod.ready:
                self._world.put(msgspec.structs.replace(pod, ready=False, ready_since=None))
        self._world.after(self._world.settings.lost_node_toleration, partial(self._delete_pods, name))

    def _delete_pods(self, name: str) -> None:
        """The taint manager's eviction; without a kubelet they stay Terminating."""
        for pod in list(self._world.state.pods_on(name)):
            if pod.owner is None or pod.owner.kind != "DaemonSet":
                delete_pod(self._world, pod)


def _has(node: Node, key: str) -> bool:
    return any(taint.key == key for taint in node.taints)
