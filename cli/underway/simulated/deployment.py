"""The Deployment controller: a ReplicaSet for each template, scaled up and down as a rolling update asks.

As pkg/controller/deployment has it: which ReplicaSet is the new one, what a paused Deployment still does (`scale`), how
far each may be scaled at once (rolling.go), and the revisions.
"""

from __future__ import annotations

import hashlib

import msgspec

from underway.cluster.model import Pod, Ref, Template, Workload
from underway.cluster.reports import is_report
from underway.cluster.rolling import bounds
from underway.cluster.templates import HASH
from underway.simulated.pods import owner_of
from underway.simulated.world import WorkQueue, World
from underway.units import Requirement, Selector

REVISION = "deployment.kubernetes.io/revision"


class Deployments:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.controller_delay)
        self._orphans: dict[Ref, None] = {}
        world.watch(Workload, self._workload_changed)
        world.watch(Pod, self._pod_changed, only_changes=True)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        self._note_orphan(old, new)
        for workload in (old, new):
            if workload is None or self._world.is_settled(workload):
                continue
            if workload.kind == "deployment":
                if new is None or not is_report(old, new):
                    self._queue.add(workload.ref)
            elif workload.owner and workload.owner.kind == "Deployment":
                self._queue.add(Ref("deployment", workload.namespace, workload.owner.name))
            elif workload.kind == "replicaset" and not self._world.starting:
                self._tell_selecting(workload)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """One that is recreated waits for the end of its old pods, which changes no ReplicaSet."""
        if new is not None or old is None or old.owner is None or old.owner.kind != "ReplicaSet":
            return
        above = self._world.state.controller_of(old)
        found = self._world.state.controller_of(above) if above is not None else None
        if found is not None and found.strategy == "Recreate":
            self._queue.add(found.ref)

    def _note_orphan(self, old: Workload | None, new: Workload | None) -> None:
        if new is not None and new.kind == "replicaset" and new.owner is None and not new.deleting:
            self._orphans[new.ref] = None
        elif old is not None:
            self._orphans.pop(old.ref, None)

    def _tell_selecting(self, orphan: Workload) -> None:
        for found in self._world.state.workloads_in(orphan.namespace):
            if found.kind == "deployment" and found.selector and found.selector.matches(orphan.labels):
                self._queue.add(found.ref)

    def _sync(self, ref: Ref) -> None:
        found = self._world.get(Workload, ref)
        if found is None:
            return
        owned = self._claim(found)
        new = next((one for one in owned if _is_of(one, found.template)), None)
        if new is None and not found.paused and found.template is not None:
            new = self._create(found, found.template, owned)
            owned = [*owned, new]
        if new is not None:
            new = self._numbered(found, new, [one for one in owned if one.uid != new.uid])
        old = [one for one in owned if new is None or one.uid != new.uid]
        if found.paused:
            self._scale_paused(found, new, old)
        elif new is not None and found.strategy == "Recreate":
            self._recreate(found, new, old)
        elif new is not None:
            self._roll(found, new, old)
        self._report(found, new)

    def _claim(self, found: Workload) -> list[Workload]:
        """Its ReplicaSets after releasing those whose labels no longer match and adopting orphans that do; oldest
        first.
        """
        kept = []
        selector = found.selector
        for one in list(self._world.state.workloads_of(found.uid)):
            if one.kind != "replicaset":
                continue
            if selector is None or selector.matches(one.labels) or one.deleting:
                kept.append(one)
            else:
                self._world.put(msgspec.structs.replace(one, owner=None))
        for ref in list(self._orphans):
            orphan = self._world.get(Workload, ref)
            if orphan and orphan.namespace == found.namespace and selector and selector.matches(orphan.labels):
                kept.append(self._world.put(msgspec.structs.replace(orphan, owner=owner_of(found))))
        return kept

    def _numbered(self, found: Workload, new: Workload, old: list[Workload]) -> Workload:
        """With the revision that the newest template has, and the Deployment's annotations, which stay for good."""
        wanted = max(max(map(_revision, old), default=0) + 1, _revision(new))
        copied = {key: value for key, value in found.annotations.items() if key.startswith("underway.dev/")}
        annotations = {**new.annotations, **copied, REVISION: str(wanted)}
        least = found.min_ready_seconds
        return self._world.put(msgspec.structs.replace(new, annotations=annotations, min_ready_seconds=least))

    def _scale_paused(self, found: Workload, new: Workload | None, old: list[Workload]) -> None:
        """What `scale` does: the one ReplicaSet that is in use, or else the newest, gets as many as are asked for."""
        active = [one for one in (*old, *((new,) if new else ())) if one.replicas]
        if len(active) == 1:
            self._scale(active[0], found.replicas)
        elif not active and new is not None:
            self._scale(new, found.replicas)
        elif not active and old:
            self._scale(max(old, key=_revision), found.replicas)

    def _recreate(self, found: Workload, new: Workload, old: list[Workload]) -> None:
        for one in old:
            self._scale(one, 0)
        if not self._runs(old):
            self._scale(new, found.replicas)

    def _runs(self, old: list[Workload]) -> bool:
        """Whether a pod of theirs has not finished; one that has stays until somebody deletes it (oldPodsRunning)."""
        return any(not pod.finished for one in old for pod in self._world.state.pods_of(one.uid))

    def _roll(self, found: Workload, new: Workload, old: list[Workload]) -> None:
        """rolling.go: no more than maxSurge above, no fewer than maxUnavailable below what is asked for."""
        surge, unavailable = bounds(found)
        total = new.replicas + sum(one.replicas for one in old)
        if new.replicas > found.replicas:
            self._scale(new, found.replicas)
        elif new.replicas < found.replicas and total < found.replicas + surge:
            grown = min(found.replicas + surge - total, found.replicas - new.replicas)
            self._scale(new, new.replicas + grown)
            return
        least = found.replicas - unavailable
        spare = total - least - (new.replicas - new.available)
        for one in old:
            ailing = min(one.replicas - one.available, spare) if one.available < one.replicas else 0
            if ailing > 0:
                self._scale(one, one.replicas - ailing)
                spare -= ailing
        spare = min(spare, new.available + sum(one.available for one in old) - least)
        for one in old:
            fresh = self._world.get(Workload, one.ref) or one
            less = min(fresh.replicas, max(spare, 0))
            if less > 0:
                self._scale(fresh, fresh.replicas - less)
                spare -= less

    def _report(self, found: Workload, new: Workload | None) -> None:
        owned = [one for one in self._world.state.workloads_of(found.uid) if one.kind == "replicaset"]
        fresh = self._world.get(Workload, new.ref) if new is not None else None
        annotations = {**found.annotations, REVISION: str(_revision(fresh))} if fresh else found.annotations
        self._world.put(
            msgspec.structs.replace(
                found,
                annotations=annotations,
                current=sum(one.current for one in owned),
                ready=sum(one.ready for one in owned),
                available=sum(one.available for one in owned),
                updated=fresh.current if fresh else 0,
                observed_generation=found.generation,
            )
        )

    def _scale(self, found: Workload, replicas: int) -> None:
        if found.replicas != replicas and not found.deleting:
            self._world.put(msgspec.structs.replace(found, replicas=replicas, generation=found.generation + 1))

    def _create(self, deployment: Workload, template: Template, owned: list[Workload]) -> Workload:
        surge, _ = bounds(deployment)
        room = deployment.replicas + surge - sum(one.replicas for one in owned)
        waits = deployment.strategy == "Recreate" and self._runs(owned)
        replicas = 0 if waits else max(0, min(deployment.replicas, room))
        digest = hashlib.sha256(f"{template.hash}/{sorted(template.labels.items())}".encode()).hexdigest()[:10]
        return self._world.put(replicaset(self._world, deployment, template, digest, replicas))


def replicaset(world: World, deployment: Workload, template: Template, digest: str, replicas: int) -> Workload:
    """A ReplicaSet as the Deployment controller makes it."""
    labels = {**template.labels, HASH: digest}
    own = Selector((Requirement(HASH, "In", (digest,)),))
    return Workload(
        kind="replicaset",
        uid=world.new_uid(),
        namespace=deployment.namespace,
        name=f"{deployment.name}-{digest}",
        labels=labels,
        owner=owner_of(deployment),
        selector=Selector((deployment.selector or Selector()).requirements + own.requirements),
        template=msgspec.structs.replace(template, labels=labels),
        replicas=replicas,
        min_ready_seconds=deployment.min_ready_seconds,
        generation=1,
    )


def _is_of(found: Workload, template: Template | None) -> bool:
    return template is not None and found.template is not None and found.template.hash == template.hash


def _revision(found: Workload) -> int:
    text = found.annotations.get(REVISION, "0")
    return int(text) if text.isdigit() else 0
