"""What happens in a run, one frozen value an event: the journal, `run -o json` and every view are made of them.

As JSON, each is one object with camelCase keys and `schema`, `type`, `at` (RFC 3339, UTC) and `run`. The receipt is
the last. `Pulse` and `Waiting` are for those who watch; the journal leaves them out.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

import msgspec

from underway.errors import Blocker

SCHEMA = "underway.dev/v1alpha1"

StepOutcome: TypeAlias = Literal["done", "failed", "timedOut", "inconclusive", "interrupted"]
RunOutcome: TypeAlias = Literal["done", "refused", "failed", "timedOut", "inconclusive", "interrupted"]
NodePhase: TypeAlias = Literal["pending", "draining", "maintaining", "verifying", "done", "failed", "restored"]
WorkloadPhase: TypeAlias = Literal["rolling", "serving", "alone", "done", "restoring", "back", "restored"]
PodVerdict: TypeAlias = Literal["handoff", "evict", "wait", "skip", "blocked"]
GateStatus: TypeAlias = Literal["pass", "fail", "inconclusive", "error"]


class _Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    at: datetime
    run: str
    schema: str = SCHEMA
    journaled: ClassVar[bool] = True


class RunStarted(_Event, frozen=True, kw_only=True, tag="runStarted"):
    playbook: str
    source: str
    """The playbook's file, or the command line that made it."""
    cluster: str
    operator: str
    version: str
    steps: tuple[str, ...]
    simulated: bool = False


class StepStarted(_Event, frozen=True, kw_only=True, tag="stepStarted"):
    step: int
    name: str
    verb: str
    nodes: tuple[str, ...] = ()
    """The nodes it will work on, in order (verb `nodes`)."""


class PodPlanned(_Event, frozen=True, kw_only=True, tag="podPlanned"):
    """What will be done with a pod of a node that is about to be emptied, and why."""

    pod: str
    namespace: str
    uid: str
    node: str
    verdict: PodVerdict
    reason: str


class NodeChanged(_Event, frozen=True, kw_only=True, tag="nodeChanged"):
    node: str
    phase: NodePhase
    reason: str = ""
    pods: int = 0
    """On entering `draining`: how many pods have to leave."""


class WorkloadChanged(_Event, frozen=True, kw_only=True, tag="workloadChanged"):
    """`workload` as kubectl prints it. rolling: a new version is on its way; serving: all of its pods that are wanted
    serve; alone: no other version gets traffic any more; done. restoring: it is being undone; back: the old version
    alone gets traffic again; restored.
    """

    workload: str
    phase: WorkloadPhase
    reason: str = ""


class Change(_Event, frozen=True, kw_only=True, tag="change"):
    """A write that is about to be sent; `says` is its sentence, the same in plan, log and receipt."""

    action: str
    object: str
    says: str


class ChangeRefused(_Event, frozen=True, kw_only=True, tag="changeRefused"):
    """A write that was not accepted, or whose answer got lost. It is decided anew."""

    action: str
    object: str
    says: str
    status: str
    message: str


class PodMoved(_Event, frozen=True, kw_only=True, tag="podMoved"):
    """A pod is gone from its node and, after a handoff, its replacement has been serving since before."""

    pod: str
    namespace: str
    uid: str
    node: str
    how: Literal["handedOff", "evicted", "gone"]
    """gone: it left by itself or somebody else removed it."""


class Waiting(_Event, frozen=True, kw_only=True, tag="waiting"):
    """What the run waits for now: (object, reason) pairs. Sent when they change."""

    waits: tuple[tuple[str, str], ...]
    journaled: ClassVar[bool] = False


class GateChanged(_Event, frozen=True, kw_only=True, tag="gateChanged"):
    gate: str
    kind: str
    status: GateStatus
    reason: str


class ProbeCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Availability as measured from the first change to the last. A gap is the time between two answered requests'
    ends in which at least one request was lost.
    """

    name: str
    sent: int
    lost: int
    longest_gap_seconds: float
    last_error: str = ""


class Pulse(_Event, frozen=True, kw_only=True, tag="pulse"):
    probes: tuple[ProbeCount, ...]
    journaled: ClassVar[bool] = False


class StepEnded(_Event, frozen=True, kw_only=True, tag="stepEnded"):
    step: int
    outcome: StepOutcome
    reason: str = ""


class PodEvidence(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of a pod that would not do: its last events, and the last lines of its log, the oldest first."""

    pod: str
    events: tuple[str, ...]
    log: tuple[str, ...]
    trouble: str = ""
    """Why there is not more."""


class PodExamined(_Event, frozen=True, kw_only=True, tag="podExamined"):
    evidence: PodEvidence


class Restoring(_Event, frozen=True, kw_only=True, tag="restoring"):
    """From here on the run puts back what it changed."""

    cause: RunOutcome
    reason: str


class NodeReceipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One turn of a node, which has one in each step that works on it."""

    name: str
    outcome: Literal["done", "failed", "restored", "untouched"]
    duration_seconds: float
    emptied_seconds: float | None
    """From the cordon until the last pod had left; None if that was not reached."""
    pods_moved: int
    reason: str = ""


class WorkloadReceipt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`back_seconds`: from the decision to undo until the old version alone got traffic; None if it was not undone."""

    name: str
    outcome: Literal["done", "failed", "restored"]
    duration_seconds: float
    back_seconds: float | None = None
    reason: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is not as it was before the run, and is not to be put back: the playbook asks for it."""

    object: str
    how: str
    """Such as `at 4 replicas`."""


class Ailing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A controller whose pods were moved and that has fewer Ready than before. It carries no marks, there is nothing to
    put back; it is among `left_changed`, as `OBJECT REASON`, since a person is needed.
    """

    object: str
    reason: str
    pods: tuple[str, ...]
    """Its pods that are not Ready."""


class Killed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rehearsed run that was killed on the way; its receipt is that of the restore which came after it, and the rest
    of it is about both. `left_changed`: the objects that carried its marks when it was killed.
    """

    after_seconds: float
    left_changed: tuple[str, ...]
    put_back_seconds: float
    """From then until the restore had ended."""


class Receipt(_Event, frozen=True, kw_only=True, tag="receipt"):
    """The measured end of a run. `restored`: everything that had to be put back was. `left_changed`: objects that
    still carry the run's marks or changes, and what is `ailing`. `nodes`: the names of the nodes that were done.
    """

    playbook: str
    outcome: RunOutcome
    reason: str
    exit_status: int
    started: datetime
    duration_seconds: float
    pods_moved: int
    evicted: int
    handed_off: int
    nodes: tuple[str, ...]
    node_details: tuple[NodeReceipt, ...]
    probes: tuple[ProbeCount, ...]
    workloads: tuple[WorkloadReceipt, ...] = ()
    """Those that were rolled to another version."""
    restored: bool
    left_changed: tuple[str, ...]
    evidence: tuple[PodEvidence, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    simulated: bool = False
    remarks: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """What steps have said of their good end, each after its step's name."""
    killed: Killed | msgspec.UnsetType = msgspec.UNSET
    kept: tuple[Kept, ...] | msgspec.UnsetType = msgspec.UNSET
    ailing: tuple[Ailing, ...] | msgspec.UnsetType = msgspec.UNSET


Event: TypeAlias = (
    RunStarted
    | StepStarted
    | PodPlanned
    | NodeChanged
    | WorkloadChanged
    | Change
    | ChangeRefused
    | PodMoved
    | Waiting
    | GateChanged
    | Pulse
    | StepEnded
    | PodExamined
    | Restoring
    | Receipt
)

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def to_json(event: Event) -> bytes:
    """One line without its newline."""
    return _ENCODER.encode(event)


def from_json(line: bytes) -> Event:
    """Raises msgspec.DecodeError (ValidationError) for a line that is no event."""
    return _DECODER.decode(line)
