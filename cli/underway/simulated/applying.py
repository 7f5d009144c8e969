"""Server-side apply in a simulation: what the model knows of a manifest becomes so, the rest is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from underway.cluster.actions import Apply, Outcome, TakeBack, Unmark
from underway.cluster.applied import APPLIED
from underway.cluster.model import Budget, Lease, Node, Pod, Ref, Workload
from underway.cluster.notes import written
from underway.cluster.objects import Object
from underway.cluster.wire import from_mapping
from underway.simulated.accepting import malformed, refusal
from underway.simulated.job import Jobs
from underway.simulated.leases import Leases
from underway.simulated.pods import delete_pod
from underway.simulated.world import World, merged

_ASKED = {
    "replicas": ("replicas",),
    "template": ("template",),
    "paused": ("paused",),
    "strategy": ("strategy", "max_surge", "max_unavailable"),
    "updateStrategy": ("strategy", "max_surge", "max_unavailable", "partition"),
    "minReadySeconds": ("min_ready_seconds",),
    "progressDeadlineSeconds": ("progress_deadline_seconds",),
}
"""The model's fields by the keys of a workload's spec."""
_ROLLED = "its own controller rolls them, which may lose requests of programs that stop at once; `rollout` loses none"
_WRITTEN = tuple(dict.fromkeys(field for fields in _ASKED.values() for field in fields))


class Applier:
    """`_before`: what objects were before a run applied them, which a real cluster has on the objects themselves."""

    def __init__(self, world: World, jobs: Jobs, leases: Leases) -> None:
        self._world = world
        self._jobs = jobs
        self._leases = leases
        self._before: dict[tuple[str, Ref], Object | None] = {}

    def carry_out(self, action: Apply | TakeBack | Unmark) -> Outcome:
        match action:
            case Apply():
                return self._apply(action)
            case TakeBack():
                return self._take_back(action)
            case Unmark():
                return self._unmark(action)

    def _note(self, action: Apply | TakeBack | Unmark, text: str | None) -> Outcome:
        return self._leases.annotate(action.lease, {action.key: text})

    def _refuse(self, action: Apply, reason: str) -> Outcome:
        return self._note(action, written(action.note, state="refused", reason=reason))

    # -- apply -------------------------------------------------------------------------------------------------

    def _apply(self, action: Apply) -> Outcome:
        old = self._world.state.get(action.object)
        reason = malformed(action.manifest)
        if reason:
            return self._refuse(action, reason)
        try:
            new = from_mapping(action.manifest)
        except ValueError as error:
            return self._refuse(action, str(error))
        if new is None or isinstance(new, Node | Lease):
            self._world.assume(f"{action.object}: is taken to be accepted: a simulation has no {action.note.kind}")
        else:
            if action.note.namespace:
                new = msgspec.structs.replace(new, namespace=action.note.namespace)
            reason = refusal(action.note, action.manifest, new, old)
            if reason:
                return self._refuse(action, reason)
            self._before.setdefault((action.run, action.object), old)
            self._put(new, old, action)
        created = self._before.get((action.run, action.object), new) is None
        return self._note(action, written(action.note, state="applied", created=created))

    def _put(self, new: Object, old: Object | None, action: Apply) -> None:
        if old is None:
            self._create(new, action)
        elif isinstance(old, Workload) and isinstance(new, Workload):
            spec = action.manifest.get("spec") or {}
            fields = {field: getattr(new, field) for key in _ASKED if key in spec for field in _ASKED[key]}
            if fields.get("template") and old.template and fields["template"].hash == old.template.hash:
                del fields["template"]
            if fields.get("template") and old.kind != "job":
                self._world.assume(f"{action.object}: its pod template is another one: {_ROLLED}")
            labels = {**old.labels, **new.labels}
            self._change(old, fields | {"labels": labels}, {APPLIED: action.run})
        elif isinstance(old, Budget) and isinstance(new, Budget):
            fields = {"selector": new.selector, "min_available": new.min_available}
            fields |= {"max_unavailable": new.max_unavailable, "generation": old.generation + 1}
            self._world.put(
                msgspec.structs.replace(old, annotations=merged(old.annotations, {APPLIED: action.run}), **fields)
            )
        elif not isinstance(old, Pod):
            self._world.put(msgspec.structs.replace(new, uid=old.uid))

    def _create(self, new: Object, action: Apply) -> None:
        fields: dict[str, Any] = {"uid": self._world.new_uid()}
        if isinstance(new, Workload | Budget):
            fields |= {"generation": 1, "annotations": {**new.annotations, APPLIED: action.run}}
        if isinstance(new, Pod):
            fields["phase"] = "Pending"
        made = msgspec.structs.replace(new, **fields)
        if isinstance(made, Workload) and made.kind == "job":
            self._jobs.create(made, action.manifest)
        else:
            self._world.put(made)

    def _change(self, old: Workload, fields: Mapping[str, Any], annotations: Mapping[str, str | None]) -> None:
        new = msgspec.structs.replace(old, **fields)
        if any(getattr(new, field) != getattr(old, field) for field in _WRITTEN):
            new = msgspec.structs.replace(new, generation=old.generation + 1)
        self._world.put(msgspec.structs.replace(new, annotations=merged(new.annotations, annotations)))

    # -- back --------------------------------------------------------------------------------------------------

    def _take_back(self, action: TakeBack) -> Outcome:
        key = (action.run, action.object)
        if key not in self._before:
            return self._note(action, None)
        before, now = self._before[key], self._world.state.get(action.object)
        if now is None:
            return self._note(action, None)
        if before is None:
            self._delete(now)
        elif isinstance(before, Workload) and isinstance(now, Workload):
            fields = {
                field: getattr(before, field) for field in _WRITTEN if field != "replicas" or now.kind != "daemonset"
            }
            self._change(now, fields | {"labels": before.labels}, {})
        elif isinstance(before, Budget) and isinstance(now, Budget):
            fields = {"selector": before.selector, "min_available": before.min_available}
            fields |= {"max_unavailable": before.max_unavailable, "generation": now.generation + 1}
            self._world.put(msgspec.structs.replace(now, **fields))
        else:
            self._world.put(before)
        return self._note(action, written(action.note, state="undone", created=before is None))

    def _delete(self, found: Object) -> None:
        """With what it owns (propagationPolicy Background)."""
        if isinstance(found, Workload):
            if found.kind == "job":
                self._jobs.delete(found)
                return
            self._world.remove(found.ref)
            for owned in list(self._world.state.workloads_of(found.uid)):
                self._delete(owned)
            for pod in list(self._world.state.pods_of(found.uid)):
                delete_pod(self._world, pod)
        elif isinstance(found, Pod):
            delete_pod(self._world, found)
        else:
            self._world.remove(found.ref)

    def _unmark(self, action: Unmark) -> Outcome:
        found = self._world.state.get(action.object)
        self._before.pop((action.run, action.object), None)
        if isinstance(found, Workload | Budget) and found.annotations.get(APPLIED) == action.run:
            kept = merged(found.annotations, {APPLIED: None})
            self._world.put(msgspec.structs.replace(found, annotations=kept))
        return Outcome("done") if action.keep_note else self._note(action, None)
