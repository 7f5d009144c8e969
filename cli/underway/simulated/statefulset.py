"""The StatefulSet controller: names with ordinals, one after another (OrderedReady), or all at once (Parallel).

A pod is made again only when the old one of its name is gone. Rolling updates are not simulated.
"""

from __future__ import annotations

import msgspec

from underway.cluster.model import Pod, Ref, Template, Workload
from underway.simulated.pods import create_pod, delete_pod, is_active
from underway.simulated.world import WorkQueue, World


class StatefulSets:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.controller_delay)
        self._claims: dict[Ref, tuple[str, ...]] = {}
        world.watch(Workload, self._workload_changed)
        world.watch(Pod, self._pod_changed)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        workload = new or old
        if workload and workload.kind == "statefulset" and not self._world.is_settled(workload):
            self._queue.add(workload.ref)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            if pod and pod.owner and pod.owner.kind == "StatefulSet":
                if not self._world.starting:
                    self._queue.add(Ref("statefulset", pod.namespace, pod.owner.name))
                self._claims[pod.ref] = pod.spec.claims

    def _sync(self, ref: Ref) -> None:
        found = self._world.get(Workload, ref)
        if found is None:
            return
        pods = {_ordinal(pod): pod for pod in self._world.state.pods_of(found.uid)}
        if self._fill(found, pods):
            self._shrink(found, pods)
        pods = {_ordinal(pod): pod for pod in self._world.state.pods_of(found.uid)}
        ready = sum(1 for pod in pods.values() if pod.ready and is_active(pod))
        self._world.put(
            msgspec.structs.replace(
                found,
                current=len(pods),
                updated=len(pods),
                ready=ready,
                available=ready,
                observed_generation=found.generation,
            )
        )

    def _fill(self, found: Workload, pods: dict[int, Pod]) -> bool:
        """Make what is missing, in order. True: nothing stands in the way of scaling down."""
        settled = True
        for ordinal in range(found.replicas):
            pod = pods.get(ordinal)
            if pod is not None and pod.finished and pod.deleting is None:
                delete_pod(self._world, pod)
                pod = None
            if pod is None:
                self._create(found, ordinal)
            if pod is None or not pod.ready or pod.deleting is not None:
                settled = False
                if not found.parallel:
                    return False
        return settled or found.parallel

    def _shrink(self, found: Workload, pods: dict[int, Pod]) -> None:
        for ordinal in sorted((number for number in pods if number >= found.replicas), reverse=True):
            if pods[ordinal].deleting is None:
                delete_pod(self._world, pods[ordinal])
            if not found.parallel:
                return

    def _create(self, found: Workload, ordinal: int) -> None:
        name = f"{found.name}-{ordinal}"
        template = found.template
        if template is not None:
            claims = self._claims.get(Ref("pod", found.namespace, name), template.spec.claims)
            labels = {
                **template.labels,
                "statefulset.kubernetes.io/pod-name": name,
                "apps.kubernetes.io/pod-index": str(ordinal),
            }
            spec = msgspec.structs.replace(template.spec, claims=claims)
            template = Template(labels, spec, template.hash)
        create_pod(self._world, found, name, template)


def _ordinal(pod: Pod) -> int:
    number = pod.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1
