"""The StatefulSet controller: names with ordinals, one after another (OrderedReady), or all at once (Parallel).

A pod is made again only when the old one of its name is gone. A rolling update takes the highest member of an old
revision, down to the partition, as pkg/controller/statefulset has it: under OrderedReady nothing goes on while a member
is not Ready, not even the replacement of that member (kubernetes/kubernetes#67250).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

import msgspec

from underway.cluster.groups import Group
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
        if self._fill(found):
            self._shrink(found)
            if found.strategy != "OnDelete":
                self._roll(found)
        self._report(found)

    def _crew(self, found: Workload) -> Group:
        return self._world.state.crew(found.uid)

    def _filled(self, found: Workload) -> Mapping[int | None, Mapping[str, Pod]]:
        """Its pods by the ordinals that it is to have; under None those that have another one."""
        return self._crew(found).sorted_by(_Place(_wanted(found)), key=_Place)

    def _member(self, found: Workload, number: int) -> Pod | None:
        """The pod of an ordinal; the newest, should there be several."""
        here = self._crew(found).sorted_by(_ordinal_of).get(number, {})
        return list(here.values())[-1] if here else None

    def _report(self, found: Workload) -> None:
        alike = self._crew(found).sorted_by(_standing_as)
        active = {how: len(pods) for how, pods in alike.items() if how is not None}
        ready = sum(count for (up, _), count in active.items() if up)
        count = ready
        if found.min_ready_seconds:
            pods = (pod for how in active for pod in alike[how].values())
            count, wait = available(pods, found, self._world.now)
            if wait is not None:
                self._queue.add(found.ref, wait)
        updated = sum(
            count for (_, revision), count in active.items() if _revision(revision, found) == found.update_revision
        )
        complete = found.strategy != "OnDelete" and updated == ready == found.replicas
        self._world.put(
            msgspec.structs.replace(
                found,
                current=len(self._crew(found).sorted_by(_ordinal_of)),
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

    def _fill(self, found: Workload) -> bool:
        """Make what is missing, in order. True: nothing stands in the way of scaling down."""
        settled = True
        for number in self._unsettled(found):
            pod = self._member(found, number)
            if pod is not None and pod.finished and pod.deleting is None:
                delete_pod(self._world, pod)
                pod = None
            if pod is None:
                self._create(found, number)
            if pod is None or not self._is_up(pod, found):
                settled = False
                if not found.parallel:
                    return False
        return settled or found.parallel

    def _unsettled(self, found: Workload) -> list[int]:
        """The ordinals that have no pod, or one that may not be up, in order."""
        wanted, crew = _wanted(found), self._crew(found)
        if found.min_ready_seconds:
            return list(wanted)
        filled = self._filled(found)
        whole = len(filled) - (None in filled) == len(wanted)
        missing = set() if whole else set(wanted).difference(filled)
        down = {_ordinal_of(pod) for pod in crew.where(_may_be_up, answer=False).values()}
        return sorted(missing.union(down.intersection(wanted)))

    def _shrink(self, found: Workload) -> None:
        surplus = {_ordinal_of(pod) for pod in self._filled(found).get(None, {}).values()}
        for number in sorted(surplus, reverse=True):
            pod = self._member(found, number)
            if pod is not None and pod.deleting is None:
                delete_pod(self._world, pod)
            if not found.parallel:
                return

    def _roll(self, found: Workload) -> None:
        """Let the highest member of another revision go, once those above it are healthy."""
        revisions = self._crew(found).sorted_by(_labelled_revision)
        if all(_revision(revision, found) == found.update_revision for revision in revisions):
            return
        for number in reversed(_wanted(found)[found.partition :]):
            pod = self._member(found, number)
            if pod is None or pod.deleting is not None:
                return
            if _revision(_labelled_revision(pod), found) != found.update_revision:
                delete_pod(self._world, pod)
                return
            if not self._is_up(pod, found):
                return

    def _is_up(self, pod: Pod, found: Workload) -> bool:
        """Available, and staying. The pods of the next ordinals wait for that."""
        return pod.deleting is None and available_in(pod, found, self._world.now) == timedelta(0)

    def _create(self, found: Workload, number: int) -> None:
        name = f"{found.name}-{number}"
        held = found.strategy != "OnDelete" and number < found.first_ordinal + found.partition
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


def _wanted(found: Workload) -> range:
    """The ordinals that it is to have."""
    return range(found.first_ordinal, found.first_ordinal + found.replicas)


class _Place(msgspec.Struct, frozen=True):
    """Which of the wanted ordinals a pod has."""

    wanted: range

    def __call__(self, pod: Pod) -> int | None:
        number = _ordinal_of(pod)
        return number if number in self.wanted else None


def _standing_as(pod: Pod) -> tuple[bool, str | None] | None:
    """Of an active pod, whether it is Ready, and of which revision."""
    return (pod.ready, _labelled_revision(pod)) if is_active(pod) else None


def _may_be_up(pod: Pod) -> bool:
    return pod.ready and is_active(pod)


def _labelled_revision(pod: Pod) -> str | None:
    return pod.labels.get(REVISION)


def _revision(labelled: str | None, found: Workload) -> str:
    """A pod that says nothing of it is of the current one."""
    return found.current_revision if labelled is None else labelled


def _ordinal_of(pod: Pod) -> int:
    return _ordinal(pod.name)


@lru_cache(maxsize=4096)
def _ordinal(name: str) -> int:
    number = name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1
