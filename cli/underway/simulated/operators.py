"""Operators: controllers of kinds that are not looked at (Kafka's, PostgreSQL's…) make a pod of theirs again when it is
gone, under its name and as it was. That is what those do that keep state; it is assumed of all, and said.
"""

from __future__ import annotations

from functools import partial

from underway.cluster.model import Pod
from underway.cluster.state import MARK
from underway.simulated.world import World

_LOOKED_AT = frozenset({"ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Deployment", "Node"})


class Operators:
    def __init__(self, world: World) -> None:
        self._world = world
        world.watch(Pod, self._pod_changed, only_changes=True)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """Pods that run to completion are left alone: whether they are tried again is not known."""
        if new is not None or old is None or old.owner is None or old.owner.kind in _LOOKED_AT:
            return
        if old.deleting is not None and old.spec.restart_policy == "Always":
            self._world.after(self._world.settings.operator_delay, partial(self._make_again, old))

    def _make_again(self, old: Pod) -> None:
        world = self._world
        if old.owner is None or world.get(Pod, old.ref) is not None:
            return
        world.assume(f"{old.owner.kind} {old.namespace}/{old.owner.name}: makes its pods again under their names")
        labels = {key: value for key, value in old.labels.items() if key != MARK}
        world.put(
            Pod(
                uid=world.new_uid(),
                namespace=old.namespace,
                name=old.name,
                labels=labels,
                owner=old.owner,
                spec=old.spec,
                created=world.now,
            )
        )
