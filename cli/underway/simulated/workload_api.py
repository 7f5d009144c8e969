"""The API server's answers to what is written to workloads, and the garbage collector that orphans their pods."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import assert_never

import msgspec

from underway.cluster.actions import (
    RECORD,
    CreateReplicaSet,
    DeleteReplicaSet,
    Outcome,
    PatchWorkload,
    RestoreTemplate,
    RollTemplate,
)
from underway.cluster.model import Ref, Template, Workload
from underway.cluster.templates import HASH
from underway.simulated.deployment import replicaset
from underway.simulated.world import World, merged

_DONE = Outcome("done")
WorkloadAction = PatchWorkload | RollTemplate | RestoreTemplate | CreateReplicaSet | DeleteReplicaSet


class WorkloadApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def carry_out(self, action: WorkloadAction) -> Outcome:
        match action:
            case PatchWorkload():
                return self._patch(action)
            case RollTemplate():
                return self._roll(action)
            case RestoreTemplate():
                return self._restore(action)
            case CreateReplicaSet():
                return self._create(action)
            case DeleteReplicaSet():
                return self._delete(action)
            case never:
                assert_never(never)

    def _present(self, ref: Ref, uid: str) -> Workload | Outcome:
        found = self._world.get(Workload, ref)
        if found is None or found.uid != uid:
            return Outcome("gone", f"{ref} not found, or another one now")
        return found

    def _patch(self, action: PatchWorkload) -> Outcome:
        found = self._present(action.object, action.uid)
        if isinstance(found, Outcome):
            return found
        if action.resource_version and found.resource_version != action.resource_version:
            return Outcome("conflict", f"{action.object} has been modified")
        self._ask(found, action, found.template)
        return _DONE

    def _roll(self, action: RollTemplate) -> Outcome:
        found = self._present(action.object, action.uid)
        if isinstance(found, Outcome):
            return found
        if found.generation != action.generation:
            return Outcome("conflict", f"{action.object} has been changed meanwhile")
        template = found.template
        if template is None or not action.images.keys() <= template.images.keys():
            return Outcome("invalid", f"{action.object} has no such container")
        if RECORD not in found.annotations:
            note = {RECORD: msgspec.json.encode(template).decode()}
            action = msgspec.structs.replace(action, annotations={**action.annotations, **note})
        self._ask(found, action, self._known(found, _rolled(template, action)))
        return _DONE

    def _known(self, found: Workload, template: Template) -> Template:
        """One that a ReplicaSet has already is the same, hash and all."""
        for one in self._world.state.workloads_of(found.uid):
            if one.template is not None and _plain(one.template) == _plain(template) and "+" not in one.template.hash:
                return msgspec.structs.replace(template, hash=one.template.hash)
        return template

    def _restore(self, action: RestoreTemplate) -> Outcome:
        found = self._present(action.object, action.uid)
        if isinstance(found, Outcome):
            return found
        template = _recorded(found)
        if template is None:
            return Outcome("invalid", f"{action.object} has no note of its previous template")
        self._ask(found, action, template)
        return _DONE

    def _ask(
        self, found: Workload, action: PatchWorkload | RollTemplate | RestoreTemplate, template: Template | None
    ) -> None:
        """Store what is asked for now; the generation grows only with what a controller has to act on."""
        labels = merged(found.labels, action.labels) if isinstance(action, PatchWorkload) else found.labels
        new = msgspec.structs.replace(
            found,
            labels=labels,
            annotations=merged(found.annotations, action.annotations),
            template=template,
            replicas=found.replicas if action.replicas is None else action.replicas,
            paused=found.paused if action.paused is None else action.paused,
            partition=found.partition if action.partition is None else action.partition,
        )
        asked = (new.template, new.replicas, new.paused, new.partition)
        if asked != (found.template, found.replicas, found.paused, found.partition):
            new = msgspec.structs.replace(new, generation=found.generation + 1)
        if new.kind == "daemonset" and new.template != found.template:
            new = msgspec.structs.replace(new, update_revision=str(int(found.update_revision or "1") + 1))
        self._world.put(new)

    def _create(self, action: CreateReplicaSet) -> Outcome:
        deployment = self._present(action.deployment, action.uid)
        if isinstance(deployment, Outcome):
            return deployment
        if deployment.generation != action.generation:
            return Outcome("conflict", f"{action.deployment} has been changed meanwhile")
        known = self._world.get(Workload, action.object)
        if known is not None:
            ours = known.owner is not None and known.owner.uid == action.uid
            return _DONE if ours else Outcome("conflict", f"{action.object} already exists")
        template = _recorded(deployment) if action.recorded else deployment.template
        if template is None:
            return Outcome("invalid", f"{action.deployment} has no template")
        made = replicaset(self._world, deployment, template, action.hash, action.replicas)
        self._world.put(msgspec.structs.replace(made, name=action.object.name, annotations=dict(action.annotations)))
        return _DONE

    def _delete(self, action: DeleteReplicaSet) -> Outcome:
        found = self._present(action.object, action.uid)
        if isinstance(found, Outcome):
            return found
        if not action.orphan:
            self._world.remove(action.object)
        elif not found.deleting:
            self._world.put(msgspec.structs.replace(found, deleting=True))
            self._world.after(self._world.settings.orphaning, partial(self._orphan, action.object, action.uid))
        return _DONE

    def _orphan(self, ref: Ref, uid: str) -> None:
        for pod in list(self._world.state.pods_of(uid)):
            self._world.put(msgspec.structs.replace(pod, owner=None))
        self._world.remove(ref)


def _plain(template: Template) -> object:
    """What of a template can be compared; where `+` is in its hash, the environment has been changed."""
    labels = {key: value for key, value in template.labels.items() if key != HASH}
    return labels, template.spec, template.images, "+" in template.hash


def _rolled(template: Template, action: RollTemplate) -> Template:
    images = {**template.images, **action.images}
    text = (template.hash, sorted(images.items()), sorted(action.env.items()), action.restarted_at)
    digest = hashlib.sha256(msgspec.json.encode(text)).hexdigest()[:16]
    if "+" in template.hash or action.env or action.restarted_at:
        digest = f"{digest}+"
    return msgspec.structs.replace(
        template,
        hash=template.hash if images == template.images and not digest.endswith("+") else digest,
        images=images,
        spec=msgspec.structs.replace(template.spec, images=tuple(images.values())),
    )


def _recorded(found: Workload) -> Template | None:
    text = found.annotations.get(RECORD)
    return msgspec.json.decode(text, type=Template) if text else None
