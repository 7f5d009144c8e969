"""The few writes that Underway makes, as values. An adapter carries them out without knowing what they are for.

`says` is the change in an operator's words; plan, log and receipt print it as it stands. Patches are merge patches:
a value of None takes the key away. Every write is safe to repeat: patches name the UID (and where another writer could
interfere, the resourceVersion) they were decided on, evictions and deletions carry a UID precondition, and Jobs have
deterministic names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from underway.cluster.model import Ref
from underway.cluster.notes import Note
from underway.cluster.podspec import Taint


class PatchNode(msgspec.Struct, frozen=True, gc=False, tag="patchNode"):
    """`taints` replaces the whole list; None leaves it. Refused with a conflict if the node has changed since."""

    object: Ref
    uid: str
    resource_version: str
    says: str
    annotations: Mapping[str, str | None] = {}
    unschedulable: bool | None = None
    taints: tuple[Taint, ...] | None = None


class PatchPod(msgspec.Struct, frozen=True, gc=False, tag="patchPod"):
    object: Ref
    uid: str
    says: str
    labels: Mapping[str, str | None] = {}
    annotations: Mapping[str, str | None] = {}
    resource_version: str = ""
    """Empty: only the UID must still be the same."""


class PatchBudget(msgspec.Struct, frozen=True, gc=False, tag="patchBudget"):
    object: Ref
    uid: str
    says: str
    annotations: Mapping[str, str | None] = {}


class PatchAutoscaler(msgspec.Struct, frozen=True, gc=False, tag="patchAutoscaler"):
    """The bounds of a HorizontalPodAutoscaler; None leaves one. Refused with a conflict if it has changed since."""

    object: Ref
    uid: str
    resource_version: str
    says: str
    annotations: Mapping[str, str | None] = {}
    min_replicas: int | None = None
    max_replicas: int | None = None


class Evict(msgspec.Struct, frozen=True, gc=False, tag="evict"):
    """Through the Eviction API, so that every budget has its say. `grace_seconds` None: the pod's own."""

    object: Ref
    uid: str
    says: str
    grace_seconds: int | None = None


class PatchWorkload(msgspec.Struct, frozen=True, gc=False, tag="patchWorkload"):
    """What is None, or empty, is left. `partition`: of a StatefulSet's rolling update."""

    object: Ref
    uid: str
    says: str
    resource_version: str = ""
    """Empty: only the UID must still be the same."""
    annotations: Mapping[str, str | None] = {}
    labels: Mapping[str, str | None] = {}
    replicas: int | None = None
    paused: bool | None = None
    partition: int | None = None


RECORD = "underway.dev/record"
"""The annotation that holds the pod template which a rollout has replaced, as JSON."""


class RollTemplate(msgspec.Struct, frozen=True, gc=False, tag="rollTemplate"):
    """Change the pod template of a Deployment, StatefulSet or DaemonSet, and in the same request note under the
    annotation RECORD what the template was, unless there is such a note already. Refused with a conflict if the object
    has changed since. `images` by the container's name; `env` for every container, as `kubectl set env` does;
    `restarted_at` as `kubectl rollout restart` writes it.
    """

    object: Ref
    uid: str
    generation: int
    """It must still be this one: nobody else has changed what is asked for."""
    says: str
    images: Mapping[str, str] = {}
    env: Mapping[str, str] = {}
    restarted_at: str = ""
    annotations: Mapping[str, str | None] = {}
    replicas: int | None = None
    paused: bool | None = None
    partition: int | None = None


class RestoreTemplate(msgspec.Struct, frozen=True, gc=False, tag="restoreTemplate"):
    """Put back the pod template that the annotation RECORD holds. The note stays unless `annotations` takes it away."""

    object: Ref
    uid: str
    says: str
    annotations: Mapping[str, str | None] = {}
    replicas: int | None = None
    paused: bool | None = None
    partition: int | None = None


class CreateReplicaSet(msgspec.Struct, frozen=True, gc=False, tag="createReplicaSet"):
    """A ReplicaSet of a Deployment, made from its present template or, with `recorded`, from that of RECORD, with the
    pod-template-hash `hash`. One that exists already under this name counts as done.
    """

    object: Ref
    deployment: Ref
    uid: str
    """The Deployment's."""
    generation: int
    """The Deployment's; it must still be this one."""
    hash: str
    replicas: int
    says: str
    recorded: bool = False
    annotations: Mapping[str, str] = {}


class DeleteReplicaSet(msgspec.Struct, frozen=True, gc=False, tag="deleteReplicaSet"):
    """`orphan`: its pods lose their owner and go on serving (propagationPolicy Orphan); otherwise it must have none."""

    object: Ref
    uid: str
    says: str
    orphan: bool = True


class CreateJob(msgspec.Struct, frozen=True, gc=False, tag="createJob"):
    """`manifest` is the whole batch/v1 Job. One that exists already under this name counts as done."""

    object: Ref
    says: str
    manifest: Mapping[str, Any]


class DeleteJob(msgspec.Struct, frozen=True, gc=False, tag="deleteJob"):
    """With its pods (propagationPolicy Background)."""

    object: Ref
    uid: str
    says: str


class PutLease(msgspec.Struct, frozen=True, gc=False, tag="putLease"):
    """Create or renew the run's Lease (renewTime: now). A conflict means that somebody else holds it."""

    object: Ref
    run: str
    holder: str
    duration_seconds: int
    says: str
    annotations: Mapping[str, str] = {}


class DeleteLease(msgspec.Struct, frozen=True, gc=False, tag="deleteLease"):
    object: Ref
    says: str


class PatchLease(msgspec.Struct, frozen=True, gc=False, tag="patchLease"):
    """Change a Lease's annotations, whoever holds it: notes of the run itself, or somebody's word to it."""

    object: Ref
    says: str
    annotations: Mapping[str, str | None] = {}


class Apply(msgspec.Struct, frozen=True, gc=False, tag="apply"):
    """Server-side apply of a manifest, with the marks of `cluster.applied` in the same request. What became of it is
    noted in the Lease under `key`. Done too if it was refused for good: the note says so then, and why.
    """

    object: Ref
    run: str
    lease: Ref
    key: str
    note: Note
    says: str
    manifest: Mapping[str, Any]
    """May hold a Secret: it is for the API server only."""
    force: bool = False
    """Take fields from other field managers."""


class TakeBack(msgspec.Struct, frozen=True, gc=False, tag="takeBack"):
    """Put back what an object was before the run applied it, or delete it if it was not there. The marks stay, and the
    note says `undone`; without the run's marks there is nothing to undo.
    """

    object: Ref
    run: str
    lease: Ref
    key: str
    note: Note
    says: str


class Unmark(msgspec.Struct, frozen=True, gc=False, tag="unmark"):
    """Take the marks away and then, unless it is to stay, the note. What is undone goes back to its former field
    managers too.
    """

    object: Ref
    run: str
    lease: Ref
    key: str
    note: Note
    says: str
    keep_note: bool = False


Action: TypeAlias = (
    PatchNode
    | PatchPod
    | PatchBudget
    | PatchAutoscaler
    | PatchWorkload
    | RollTemplate
    | RestoreTemplate
    | CreateReplicaSet
    | DeleteReplicaSet
    | Evict
    | CreateJob
    | DeleteJob
    | Apply
    | TakeBack
    | Unmark
    | PutLease
    | PatchLease
    | DeleteLease
)


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a write.

    done: it was accepted. conflict (409): look again and decide anew. gone (404, or the UID is another one now).
    blocked (429): not now; `retry_after` seconds if the server said so; `message` names the budget. denied (403, or a
    webhook's refusal with its words). invalid (400, 422): it will never be accepted. unknown: no answer, it may have
    happened. failed: 5xx.
    """

    status: Literal["done", "conflict", "gone", "blocked", "denied", "invalid", "unknown", "failed"]
    message: str = ""
    retry_after: float | None = None


class Need(msgspec.Struct, frozen=True, gc=False, order=True):
    """A permission: `verb` on `resource` (with subresource: pods/eviction) of `group`; empty namespace: everywhere."""

    verb: str
    group: str
    resource: str
    namespace: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {resource}{where}"
