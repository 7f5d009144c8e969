"""The verb `apply`: manifests one after another by server-side apply, then all of them healthy.

Of every object there is a note in the run's Lease before it is written (`cluster.notes`), and on the object itself
there is what it was before (`cluster.applied`): undo follows from these alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from underway.cluster import notes
from underway.cluster.actions import Apply, Need, PatchLease
from underway.cluster.applied import APPLIED
from underway.cluster.kinds import ref_of
from underway.cluster.model import Ref, Workload
from underway.cluster.notes import Note
from underway.cluster.state import ClusterState
from underway.cluster.wire import Resource
from underway.errors import Blocker
from underway.playbook.manifests import Manifest
from underway.playbook.models import ApplyStep
from underway.steps.health import patience, unhealthy
from underway.steps.progress import StepEnd, Turn
from underway.steps.verb import Beginning, Scene, Verb
from underway.units import format_duration

ACCEPT_LIMIT = timedelta(minutes=2)
VERBS = ("get", "create", "patch", "delete")
"""What it takes to apply an object, and to undo that."""


@dataclass
class Work:
    """`moved`: for each workload how it stood when something about it last changed, and when that was. `accepted`: how
    many objects, and notes of them, the server has taken, and since when it is no more.
    """

    index: int
    accepted: tuple[int, datetime] | None = None
    moved: dict[Ref, tuple[tuple[int, ...], datetime]] = field(default_factory=dict)


def begin(step: ApplyStep, beginning: Beginning, state: ClusterState) -> Work:  # noqa: ARG001 - a verb's signature
    return Work(beginning.index)


def proceed(step: ApplyStep, work: Work, turn: Turn) -> StepEnd | None:
    lease = notes.lease_of(turn.run)
    known = notes.notes_of(turn.state.leases.get(lease))
    wanted = {notes.note_key(work.index, place): one for place, one in enumerate(step.manifests)}
    late = _late(work, sum(1 + (note.state != "intended") for note in known.values()), turn)
    missing = {key: notes.written(note_of(one)) for key, one in wanted.items() if key not in known}
    if missing:
        turn.act(PatchLease(lease, f"note what is going to be applied ({_count(len(missing))})", missing))
        turn.wait(lease, "has to have a note of each object before it is applied")
        return late
    for key, manifest in wanted.items():
        note = known[key]
        if note.state == "refused":
            return StepEnd("failed", f"{note.ref} ({manifest.place}) is not applied: {note.reason}")
        if note.state == "intended" and turn.paused:
            turn.wait(note.ref, "is not applied while the run is paused")
            return None
        if note.state == "intended":
            turn.act(_apply(step, manifest, key, note, turn))
            turn.wait(note.ref, "is being applied")
            return late
    return _healthy([known[key].ref for key in wanted], work, turn)


def _late(work: Work, accepted: int, turn: Turn) -> StepEnd | None:
    if work.accepted is None or work.accepted[0] != accepted or turn.paused:
        work.accepted = accepted, turn.now
    end = work.accepted[1] + ACCEPT_LIMIT
    if turn.now < end:
        turn.look_again(end)
        return None
    return StepEnd("timedOut", f"the server has not accepted what is to be applied for {format_duration(ACCEPT_LIMIT)}")


def _apply(step: ApplyStep, manifest: Manifest, key: str, note: Note, turn: Turn) -> Apply:
    there = turn.state.get(note.ref)
    rolls = isinstance(there, Workload) and there.kind != "job"
    ending = "; if its pods change, its own controller rolls them" if rolls else ""
    says = f"apply from {manifest.place}{ending}"
    lease = notes.lease_of(turn.run)
    return Apply(note.ref, turn.run, lease, key, note, says=says, manifest=manifest.content, force=step.force)


def _healthy(refs: list[Ref], work: Work, turn: Turn) -> StepEnd | None:
    waiting = False
    for ref in refs:
        found = turn.state.workloads.get(ref)
        ill = unhealthy(found, turn.state, turn.now) if found is not None else None
        if found is None or ill is None:
            continue
        if ill.lasting:
            return StepEnd("failed", f"{ref}: {ill.reason}", ill.pod)
        stood = (found.generation, found.observed_generation, found.updated, found.available, found.current)
        if work.moved.get(ref, ((), turn.now))[0] != stood:
            work.moved[ref] = stood, turn.now
        waiting = True
        turn.wait(ref, ill.reason)
        if found.kind == "job":
            continue  # it says itself how long it may take
        end = work.moved[ref][1] + patience(found)
        if turn.now >= end:
            return StepEnd("timedOut", f"{ref}: {ill.reason}, and nothing moved for {format_duration(patience(found))}")
        turn.look_again(end)
    return None if waiting else StepEnd("done", f"{_count(len(refs))} applied and healthy")


def note_of(manifest: Manifest) -> Note:
    resource = resource_of(manifest)
    return Note(resource.group, resource.version, resource.plural, manifest.kind, manifest.namespace, manifest.name)


def resource_of(manifest: Manifest) -> Resource:
    version = manifest.api_version.rpartition("/")[2]
    return Resource(manifest.group, version, manifest.plural, manifest.namespaced, manifest.kind)


# -- beforehand --------------------------------------------------------------------------------------------------


def blockers(step: ApplyStep, scene: Scene) -> Iterator[Blocker]:
    for one in step.manifests:
        ref = ref_of(resource_of(one), one.namespace, one.name)
        if not one.plural:
            reason = f"the server does not know the kind {one.kind} of {one.api_version} ({one.place})"
            remedy = "correct it (kubectl api-resources lists them); a CustomResourceDefinition has to be there before"
            yield Blocker(str(ref), reason, remedy)
            continue
        there = scene.state.get(ref)
        other = getattr(there, "annotations", {}).get(APPLIED)
        if other is not None and other != scene.run:
            yield Blocker(str(ref), f"run {other} has left it changed", f"underway restore {other}")
        elif getattr(there, "deleting", None):
            yield Blocker(str(ref), "it is being deleted", "wait until it is gone")


def needs(step: ApplyStep, namespace: str) -> Iterator[Need]:  # noqa: ARG001 - every object has its own by now
    for one in step.manifests:
        for verb in VERBS if one.plural else ():
            yield Need(verb, one.group, one.plural, one.namespace)
        yield from copies_need(one.plural, one.namespace)


def copies_need(plural: str, namespace: str) -> Iterator[Need]:
    """A Deployment's controller copies its annotations to its ReplicaSets, marks too, and leaves them there
    (pkg/controller/deployment/util, SetNewReplicaSetAnnotations).
    """
    if plural == "deployments":
        yield Need("patch", "apps", "replicasets", namespace)


def _count(number: int) -> str:
    return f"{number} object{'' if number == 1 else 's'}"


APPLY: Verb[ApplyStep, Work] = Verb(begin, proceed, blockers, needs)
