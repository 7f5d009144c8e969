"""The ReplicaSet controller: adopts orphans that match, releases pods that no longer do, keeps the number."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import msgspec

from underway.cluster.model import Pod, Ref, Workload
from underway.cluster.quota import allowed
from underway.cluster.reports import is_report
from underway.simulated.pods import available, create_pod, delete_pod, is_active, owner_of
from underway.simulated.surplus import in_order_of_deletion
from underway.simulated.world import WorkQueue, World

_AGAIN = timedelta(seconds=1)
"""Until it tries again to make a pod that was refused; it backs off."""


class ReplicaSets:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.controller_delay)
        self._orphans: dict[str, dict[Ref, None]] = {}
        self._pods: dict[str, dict[str, bool]] = {}
        """By UID, the active pods of each, and whether they are Ready, as it saw them last."""
        self._changed: dict[str, dict[str, None]] = {}
        """By UID, the pods that have changed since."""
        world.watch(Pod, self._pod_changed)
        world.watch(Workload, self._workload_changed)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        if new is None or new.kind != "replicaset" or self._world.is_settled(new) or is_report(old, new):
            return
        self._queue.add(new.ref)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in () if self._world.starting else (old, new):
            if pod and pod.owner and pod.owner.kind == "ReplicaSet":
                self._queue.add(Ref("replicaset", pod.namespace, pod.owner.name))
                self._changed.setdefault(pod.owner.uid, {})[pod.uid] = None
        pod = new or old
        if pod is None:
            return
        orphans = self._orphans.setdefault(pod.namespace, {})
        if new is None or new.owner is not None or not is_active(new):
            orphans.pop(pod.ref, None)
            return
        orphans[pod.ref] = None
        if old is None or old.labels != new.labels or old.owner is not None:
            self._tell_matching(new)

    def _tell_matching(self, orphan: Pod) -> None:
        for found in self._world.state.adopting(orphan.namespace, orphan.labels):
            if found.kind == "replicaset":
                self._queue.add(found.ref)

    def _sync(self, ref: Ref) -> None:
        found = self._world.get(Workload, ref)
        if found is None or found.deleting:
            return
        pods = self._claim(found)
        missing, failure = found.replicas - len(pods), ""
        for _ in range(missing):
            failure = self._refused(found)
            if failure:
                self._queue.add(ref, _AGAIN)
                break
            created = create_pod(self._world, found, self._world.new_name("pod", found.namespace, found.name))
            if created is None:
                break
            pods[created.uid] = created.ready
        if missing < 0:
            own = [pod for pod in self._world.state.pods_of(found.uid) if pod.uid in pods]
            for pod in in_order_of_deletion(own, self._related(found), self._world.now)[:-missing]:
                delete_pod(self._world, pod)
                del pods[pod.uid]
        ready = sum(pods.values())
        self._world.put(
            msgspec.structs.replace(
                found,
                current=len(pods),
                ready=ready,
                available=self._available(found, pods) if found.min_ready_seconds else ready,
                failure=failure,
                observed_generation=found.generation,
            )
        )

    def _available(self, found: Workload, pods: Collection[str]) -> int:
        own = [pod for pod in self._world.state.pods_of(found.uid) if pod.uid in pods]
        count, wait = available(own, found, self._world.now)
        if wait is not None:
            self._queue.add(found.ref, wait)
        return count

    def _refused(self, found: Workload) -> str:
        """What the API server says to one more pod that a quota does not allow."""
        if not self._world.state.quotas or found.template is None:
            return ""
        spec = self._world.admit(found, found.template.spec)
        count, quota = allowed(spec, found.namespace, 1, self._world.state)
        return "" if count else f'pods "{found.name}-" is forbidden: exceeded quota: {quota.rpartition("/")[2]}'

    def _claim(self, found: Workload) -> dict[str, bool]:
        """The pods it has, by UID, and whether they are Ready, after releasing those whose labels no longer match and
        adopting orphans that do. Only those that have changed since last time are looked at.
        """
        if found.selector is None:
            return {}
        changed = self._changed.pop(found.uid, {})
        kept = self._pods.get(found.uid)
        if kept is None:
            kept = self._pods[found.uid] = {}
            changed = dict.fromkeys([pod.uid for pod in self._world.state.pods_of(found.uid)])
        for uid in changed:
            pod = self._world.state.pod(uid)
            kept.pop(uid, None)
            if pod is None or pod.owner is None or pod.owner.uid != found.uid or not is_active(pod):
                continue
            if found.selector.matches(pod.labels):
                kept[uid] = pod.ready
            else:
                self._world.put(msgspec.structs.replace(pod, owner=None))
        for ref in list(self._orphans.get(found.namespace, ())):
            orphan = self._world.get(Pod, ref)
            if orphan and found.selector.matches(orphan.labels):
                self._world.put(msgspec.structs.replace(orphan, owner=owner_of(found)))
                kept[orphan.uid] = orphan.ready
        return kept

    def _related(self, found: Workload) -> list[Pod]:
        """The active pods of this ReplicaSet and its siblings of the same Deployment."""
        siblings = self._world.state.workloads_of(found.owner.uid) if found.owner else (found,)
        return [pod for sibling in siblings for pod in self._world.state.pods_of(sibling.uid) if is_active(pod)]
