"""What is asked: a playbook as checked values. Aliases are the language's camelCase keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from underway.playbook.gates import (
    AlertsGate,
    CommandGate,
    Gate,
    HttpGate,
    JobGate,
    NodeGate,
    PrometheusGate,
    RestartsGate,
    ServiceGate,
    WorkloadGate,
)
from underway.playbook.strict import Strict, one_of
from underway.playbook.types import Duration, LabelSelector, NumberOrPercent, ServiceName, WorkloadName
from underway.units import Share, parse_duration

VERBS = ("nodes", "rollout", "scale", "apply", "job", "rebalance", "quarantine", "soak", "approve", "check")
OnFailure = Literal["restore", "stop"]


class NodeSelect(Strict):
    labels: LabelSelector | None = None
    names: tuple[str, ...] = ()
    except_: tuple[str, ...] = Field(default=(), alias="except")

    @model_validator(mode="after")
    def _selects_something(self) -> NodeSelect:
        if self.labels is None and not self.names:
            raise ValueError("select needs labels or names")
        return self


class Drain(Strict):
    """`settle`: from leaving the EndpointSlices until the end; `linger`: longer, for open connections.

    `grace_period` in seconds, as kubectl's --grace-period; None is the pod's own.
    """

    strategy: Literal["auto", "handoff", "evict"] = "auto"
    settle: Duration = parse_duration("3s")
    linger: Duration = parse_duration("0s")
    timeout: Duration = parse_duration("10m")
    grace_period: int | None = Field(default=None, ge=0)
    delete_empty_dir_data: bool = False
    force: bool = False
    wait_for: LabelSelector | None = None

    @model_validator(mode="before")
    @classmethod
    def _grace_as_duration(cls, value: Any) -> Any:
        """`gracePeriod: 30s` is what the rest of the language would write."""
        grace = value.get("gracePeriod") if isinstance(value, dict) else None
        if isinstance(grace, str) and not grace.isdecimal():
            return {**value, "gracePeriod": round(parse_duration(grace).total_seconds())}
        return value


class MaintainJob(Strict):
    """Runs once on the emptied node. `namespace` None: that of the command line."""

    image: str = Field(min_length=1)
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    privileged: bool = False
    host_pid: bool = Field(default=False, alias="hostPID")
    host_network: bool = False
    namespace: str | None = None
    timeout: Duration = parse_duration("5m")


class Hold(Strict):
    """A person or another tool does the work and says when it is done."""

    timeout: Duration = parse_duration("1h")


class Maintain(Strict):
    job: MaintainJob | None = None
    hold: Hold | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Maintain:
        if self.job is not None and self.hold is not None:
            raise ValueError("maintain takes job or hold, not both")
        return self


class NodesStep(Strict):
    select: NodeSelect
    order: Literal["auto", "name"] | tuple[str, ...] = "auto"
    max_unavailable: NumberOrPercent = Share(1)
    max_failed: NumberOrPercent = Share(0)
    drain: Drain = Drain()
    maintain: Maintain | None = None
    verify: tuple[Gate, ...] = ()

    @model_validator(mode="after")
    def _some_at_a_time(self) -> NodesStep:
        if self.max_unavailable.value == 0:
            raise ValueError("maxUnavailable must be more than 0: no node could ever be taken")
        return self


class Batch(Strict):
    size: NumberOrPercent
    pause: Duration | None = None


class RolloutStep(Strict):
    workload: WorkloadName
    images: Mapping[str, str] = {}
    env: Mapping[str, str] = {}
    restart: bool = False
    strategy: Literal["auto", "handoff", "native"] = "auto"
    batch: NumberOrPercent | None = None
    soak: Duration | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> RolloutStep:
        if not self.images and not self.env and not self.restart:
            raise ValueError("a rollout needs images, env or restart: true")
        return self


class ScaleStep(Strict):
    workload: WorkloadName
    to: int | None = Field(default=None, ge=0)
    by: int | None = None
    restore: Literal["end", "failure", "never"] = "end"

    @model_validator(mode="after")
    def _one_size(self) -> ScaleStep:
        if (self.to is None) == (self.by is None):
            raise ValueError("scale takes either to or by")
        return self


class ApplyStep(Strict):
    files: tuple[str, ...] = Field(min_length=1)
    prune: Literal[False] = False


class JobStep(Strict):
    image: str = Field(min_length=1)
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    namespace: str | None = None
    timeout: Duration = parse_duration("5m")


class RebalanceStep(Strict):
    workload: WorkloadName
    max_skew: int = Field(default=1, ge=1)


class QuarantineStep(Strict):
    pod: ServiceName | None = None
    select: LabelSelector | None = None
    keep: Duration | bool = True

    @model_validator(mode="after")
    def _one_target(self) -> QuarantineStep:
        if (self.pod is None) == (self.select is None):
            raise ValueError("quarantine takes either pod or select")
        return self


class SoakStep(Strict):
    for_: Duration = Field(alias="for")


class ApproveStep(Strict):
    timeout: Duration = parse_duration("1h")
    default: Literal["refuse", "approve"] = "refuse"


class CheckStep(Strict):
    gates: tuple[Gate, ...] = Field(min_length=1)


StepBody = (
    NodesStep
    | RolloutStep
    | ScaleStep
    | ApplyStep
    | JobStep
    | RebalanceStep
    | QuarantineStep
    | SoakStep
    | ApproveStep
    | CheckStep
)


class Step(Strict):
    """Exactly one verb. `before` and `after` are waited for; `during` has to hold all the time."""

    name: str | None = None
    before: tuple[Gate, ...] = ()
    during: tuple[Gate, ...] = ()
    after: tuple[Gate, ...] = ()
    timeout: Duration | None = None
    on_failure: OnFailure | None = None
    nodes: NodesStep | None = None
    rollout: RolloutStep | None = None
    scale: ScaleStep | None = None
    apply: ApplyStep | None = None
    job: JobStep | None = None
    rebalance: RebalanceStep | None = None
    quarantine: QuarantineStep | None = None
    soak: SoakStep | None = None
    approve: ApproveStep | None = None
    check: CheckStep | None = None

    @model_validator(mode="after")
    def _one_verb(self) -> Step:
        one_of(self, VERBS, "step")
        return self

    @property
    def verb(self) -> str:
        return next(verb for verb in VERBS if getattr(self, verb) is not None)

    @property
    def body(self) -> StepBody:
        body: StepBody = getattr(self, self.verb)
        return body


class Metadata(Strict):
    name: str = Field(min_length=1)
    description: str = ""


class Variable(Strict):
    type: Literal["string", "integer", "number", "boolean", "duration"] = "string"
    default: Any = None
    pattern: str | None = None
    description: str = ""


class Spec(Strict):
    vars: Mapping[str, Variable] = {}
    guards: tuple[Gate, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    on_failure: OnFailure = "restore"


class Playbook(Strict):
    api_version: Literal["underway.dev/v1alpha1"]
    kind: Literal["Playbook"]
    metadata: Metadata
    spec: Spec


__all__ = [
    "AlertsGate",
    "CommandGate",
    "Gate",
    "HttpGate",
    "JobGate",
    "NodeGate",
    "Playbook",
    "PrometheusGate",
    "RestartsGate",
    "ServiceGate",
    "WorkloadGate",
]
