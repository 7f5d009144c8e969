"""The Deployment controller: one ReplicaSet for each template, scaled as the Deployment asks. Rolling updates are not
simulated: a Deployment has one ReplicaSet in use, that of its highest revision.
"""

from __future__ import annotations

import hashlib
from functools import partial

import msgspec

from underway.cluster.model import Ref, Template, Workload
from underway.simulated.pods import owner_of
from underway.simulated.world import WorkQueue, World
from underway.units import Requirement, Selector

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"


class Deployments:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.controller_delay)
        world.watch(Workload, self._workload_changed)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        for workload in (old, new):
            if workload is None or self._world.is_settled(workload):
                continue
            if workload.kind == "deployment":
                self._queue.add(workload.ref)
            elif workload.owner and workload.owner.kind == "Deployment":
                self._queue.add(Ref("deployment", workload.namespace, workload.owner.name))

    def _sync(self, ref: Ref) -> None:
        found = self._world.get(Workload, ref)
        if found is None:
            return
        owned = [one for one in self._world.state.workloads_of(found.uid) if one.kind == "replicaset"]
        newest = max(owned, key=partial(_newness, found), default=None)
        if newest is None and not found.paused and found.template is not None:
            newest = self._create(found, found.template)
            owned.append(newest)
            found = msgspec.structs.replace(found, annotations={**found.annotations, _REVISION: "1"})
        elif newest is not None and len([one for one in owned if one.replicas]) <= 1:
            self._scale(newest, found.replicas)
        self._world.put(
            msgspec.structs.replace(
                found,
                current=sum(one.current for one in owned),
                ready=sum(one.ready for one in owned),
                available=sum(one.available for one in owned),
                updated=newest.current if newest else 0,
                observed_generation=found.generation,
            )
        )

    def _scale(self, found: Workload, replicas: int) -> None:
        if found.replicas != replicas:
            self._world.put(msgspec.structs.replace(found, replicas=replicas, generation=found.generation + 1))

    def _create(self, deployment: Workload, template: Template) -> Workload:
        digest = hashlib.sha256(f"{template.hash}/{sorted(template.labels.items())}".encode()).hexdigest()[:10]
        own = Selector((Requirement(_HASH, "In", (digest,)),))
        selector = deployment.selector or Selector()
        return self._world.put(
            Workload(
                kind="replicaset",
                uid=self._world.new_uid(),
                namespace=deployment.namespace,
                name=f"{deployment.name}-{digest}",
                labels={**template.labels, _HASH: digest},
                annotations={_REVISION: "1"},
                owner=owner_of(deployment),
                selector=Selector(selector.requirements + own.requirements),
                template=msgspec.structs.replace(template, labels={**template.labels, _HASH: digest}),
                replicas=deployment.replicas,
                generation=1,
            )
        )


def _newness(deployment: Workload, found: Workload) -> tuple[bool, int, str]:
    """The Deployment's own template first, then the latest revision."""
    current = bool(deployment.template and found.template and deployment.template.hash == found.template.hash)
    text = found.annotations.get(_REVISION, "0")
    return (current, int(text) if text.isdigit() else 0, found.name)
