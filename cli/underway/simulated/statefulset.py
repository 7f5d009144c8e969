"""The StatefulSet controller: names with ordinals, one after another (OrderedReady), or all at once (Parallel).

A pod is made again only when the old one of its name is gone. A rolling update takes the highest member of an old
revision, down to the partition, as pkg/controller/statefulset has it: under OrderedReady nothing goes on while a member
is not Ready, not even the replacement of that member (kubernetes/kubernetes#67250).
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

import msgspec

from underway.cluster.model import Pod, Ref, Template, Workload
from underway.simulated.pods import available, available_in, create_pod, delete_pod, is_active
from underway.simulated.world import WorkQueue, World

REVISION = "controller-revision-hash"


class StatefulSets:
    def __init__(self, world: World) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.controller_delay)
        self._claims: dict[Ref, tuple[str, ...]] = {}
        self._names: dict[tuple[str, str], str] = {}
        """The revisions of each StatefulSet (by its UID) by the hash of their template."""
        self._templates: dict[tuple[str, str], Template] = {}
        """The template of each of its revisions."""
        world.watch(Workload, self._workload_changed)
        world.watch(Pod, self._pod_changed)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        workload = new or old
        if old is None and new is not None and new.kind == "statefulset":
            self._learn(new)
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
        update = self._revision_of(found)
        current = found.current_revision or update
        found = msgspec.structs.replace(found, current_revision=current, update_revision=update)
        if self._fill(found, self._pods(found)):
            self._shrink(found, self._pods(found))
            if found.strategy != "OnDelete":
                self._roll(found, self._pods(found))
        self._report(found)

    def _pods(self, found: Workload) -> dict[int, Pod]:
        """By number, the first one being 0, whatever its name says."""
        return {_ordinal(pod.name) - found.first_ordinal: pod for pod in self._world.state.pods_of(found.uid)}

    def _report(self, found: Workload) -> None:
        pods = self._pods(found).values()
        active = [pod for pod in pods if is_active(pod)]
        ready = sum(1 for pod in active if pod.ready)
        count, wait = available(active, found, self._world.now)
        if wait is not None:
            self._queue.add(found.ref, wait)
        updated = sum(1 for pod in active if _revision(pod, found) == found.update_revision)
        complete = found.strategy != "OnDelete" and updated == ready == found.replicas
        self._world.put(
            msgspec.structs.replace(
                found,
                current=len(pods),
                updated=updated,
                ready=ready,
                available=count,
                current_revision=found.update_revision if complete else found.current_revision,
                observed_generation=found.generation,
            )
        )

    def _learn(self, found: Workload) -> None:
        """What the given cluster says of the revision in use."""
        seen = found.observed_generation >= found.generation
        if found.template is not None and found.update_revision and seen:
            self._names[found.uid, found.template.hash] = found.update_revision
            self._templates[found.uid, found.update_revision] = found.template

    def _revision_of(self, found: Workload) -> str:
        """The name of the template's revision: one that was there before is the same one again."""
        template = found.template
        if template is None:
            return found.update_revision
        key = (found.uid, template.hash)
        if key not in self._names:
            self._names[key] = f"{found.name}-{sha256(template.hash.encode()).hexdigest()[:10]}"
        self._templates[found.uid, self._names[key]] = template
        return self._names[key]

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
            if pod is None or not self._is_up(pod, found):
                settled = False
                if not found.parallel:
                    return False
        return settled or found.parallel

    def _shrink(self, found: Workload, pods: dict[int, Pod]) -> None:
        surplus = (number for number in pods if not 0 <= number < found.replicas)
        for ordinal in sorted(surplus, reverse=True):
            if pods[ordinal].deleting is None:
                delete_pod(self._world, pods[ordinal])
            if not found.parallel:
                return

    def _roll(self, found: Workload, pods: dict[int, Pod]) -> None:
        """Let the highest member of another revision go, once those above it are healthy."""
        for ordinal in range(found.replicas - 1, found.partition - 1, -1):
            pod = pods.get(ordinal)
            if pod is None or pod.deleting is not None:
                return
            if _revision(pod, found) != found.update_revision:
                delete_pod(self._world, pod)
                return
            if not self._is_up(pod, found):
                return

    def _is_up(self, pod: Pod, found: Workload) -> bool:
        """Available, and staying. The pods of the next ordinals wait for that."""
        return pod.deleting is None and available_in(pod, found, self._world.now) == timedelta(0)

    def _create(self, found: Workload, ordinal: int) -> None:
        number = found.first_ordinal + ordinal
        name = f"{found.name}-{number}"
        held = found.strategy != "OnDelete" and ordinal < found.partition
        revision = found.current_revision if held else found.update_revision
        template = self._templates.get((found.uid, revision), found.template)
        if template is not None:
            claims = self._claims.get(Ref("pod", found.namespace, name)) or self._claimed(found, name, template)
            labels = {
                **template.labels,
                "statefulset.kubernetes.io/pod-name": name,
                "apps.kubernetes.io/pod-index": str(number),
                REVISION: revision,
            }
            spec = msgspec.structs.replace(template.spec, claims=claims)
            template = msgspec.structs.replace(template, labels=labels, spec=spec)
        create_pod(self._world, found, name, template)

    def _claimed(self, found: Workload, name: str, template: Template) -> tuple[str, ...]:
        """What a member claims that has never been seen: its template's volumes, and its own by its name."""
        own = tuple(f"{each}-{name}" for each in found.claim_templates)
        if any(self._world.state.claim(found.namespace, claim) is None for claim in own):
            self._world.assume(f"{found.ref}: its volumes can be used on every node")
        return (*template.spec.claims, *own)


def _revision(pod: Pod, found: Workload) -> str:
    """A pod that says nothing of it is of the current one."""
    return pod.labels.get(REVISION, found.current_revision)


@lru_cache(maxsize=4096)
def _ordinal(name: str) -> int:
    number = name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1
