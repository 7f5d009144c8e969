"""Volumes that are attached to one node at a time: a pod elsewhere starts only when the last one that uses it is gone.

As the attach-detach controller has it (its reconciler; IsMultiAttachAllowed in pkg/volume/util): the scheduler does not
know, so such a pod is bound, and then waits for its volume ("Multi-Attach error").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from underway.cluster.model import Claim, Pod, Ref
from underway.simulated.world import World

_SHARED = frozenset({"ReadWriteMany", "ReadOnlyMany"})


class Attachments:
    def __init__(self, world: World, retry: Callable[[Pod], None]) -> None:
        """`retry`: told of a pod whose volume has been released."""
        self._world = world
        self._retry = retry
        self._users: dict[Ref, dict[Ref, None]] | None = None
        """By claim, the pods that name it; None until somebody asks."""
        self._waiting: dict[Ref, dict[Ref, None]] = {}
        """By claim, the pods that wait for it."""
        world.watch(Pod, self._pod_changed, only_changes=True)

    def keeps_waiting(self, pod: Pod) -> bool:
        """Whether another node has one of the pod's volumes. If so, `retry` will be told."""
        for claim in self._exclusive(pod):
            for user in self._users_of(claim):
                other = self._world.get(Pod, user)
                if other and other.node not in ("", pod.node) and not other.finished and other.uid != pod.uid:
                    self._waiting.setdefault(claim, {})[pod.ref] = None
                    self._world.assume(f"{pod.ref}: waits for {claim}, which {other.ref} has on {other.node}")
                    return True
        return False

    def _exclusive(self, pod: Pod) -> Iterator[Ref]:
        state = self._world.state
        for name in pod.spec.claims:
            claim = state.claim(pod.namespace, name)
            volume = state.volumes.get(claim.volume) if isinstance(claim, Claim) else None
            if claim and volume and volume.attachable and claim.modes and _SHARED.isdisjoint(claim.modes):
                yield claim.ref

    def _users_of(self, claim: Ref) -> dict[Ref, None]:
        if self._users is None:
            self._users = {}
            for pod in self._world.state.pods.values():
                for named in _claims(pod):
                    self._users.setdefault(named, {})[pod.ref] = None
        return self._users.get(claim, {})

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is not None and old is None and self._users is not None:
            for claim in _claims(new):
                self._users.setdefault(claim, {})[new.ref] = None
        elif old is not None and (new is None or (new.finished and not old.finished)):
            for claim in _claims(old):
                if self._users is not None and new is None:
                    self._users.get(claim, {}).pop(old.ref, None)
                for ref in self._waiting.pop(claim, {}):
                    self._world.after(self._world.settings.controller_delay, partial(self._released, ref))

    def _released(self, ref: Ref) -> None:
        pod = self._world.get(Pod, ref)
        if pod is not None and pod.deleting is None:
            self._retry(pod)


def _claims(pod: Pod) -> Iterator[Ref]:
    return (Ref("persistentvolumeclaim", pod.namespace, name) for name in pod.spec.claims)
