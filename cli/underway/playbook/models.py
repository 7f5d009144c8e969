"""What is asked: a playbook as checked values. Aliases are the language's camelCase keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from underway.playbook.apply import ApplyStep
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
from underway.playbook.names import (
    EnvironmentName,
    Image,
    LabelSelector,
    Name,
    Namespace,
    NodeName,
    PodName,
    RolledName,
    ScaledName,
)
from underway.playbook.strict import Broken, Strict, UnfitError, exactly_one, shown
from underway.playbook.types import (
    Count,
    Duration,
    Flag,
    Keep,
    NumberOrPercent,
    Pattern,
    PositiveDuration,
    PositiveShare,
    Seconds,
    Title,
)
from underway.units import Share, parse_duration

VERBS = ("nodes", "rollout", "scale", "apply", "job", "rebalance", "quarantine", "soak", "approve", "check")
OnFailure = Literal["restore", "stop"]


def _order(value: Any) -> Any:
    if value in ("auto", "name") or isinstance(value, list | tuple):
        return value
    raise UnfitError(f"{shown(value)} is no order", "write auto, name, or a list of nodes")


def _together(given: Mapping[str, Any], names: Sequence[str], message: str) -> Iterator[Broken]:
    present = [name for name in names if given.get(name) is not None]
    if len(present) > 1:
        yield Broken(message, present[1])


class NodeSelect(Strict):
    labels: LabelSelector | None = Field(default=None, examples=["role=worker"])
    names: tuple[NodeName, ...] = ()
    except_: tuple[NodeName, ...] = Field(default=(), alias="except")

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:
        if given.get("labels") is None and not given.get("names") and given.keys() <= {"labels", "names", "except"}:
            yield Broken(
                "select needs labels or names", hint="such as labels: '!node-role.kubernetes.io/control-plane'"
            )


class Drain(Strict):
    """`settle`: from leaving the EndpointSlices until the end; `linger`: longer, for open connections.

    `grace_period` in seconds, as kubectl's --grace-period; None is the pod's own.
    """

    strategy: Literal["auto", "handoff", "evict"] = "auto"
    settle: Duration = parse_duration("3s")
    linger: Duration = parse_duration("0s")
    timeout: PositiveDuration = parse_duration("10m")
    grace_period: Seconds = Field(default=None, ge=0)
    delete_empty_dir_data: Flag = False
    force: Flag = False
    wait_for: LabelSelector | None = None


class MaintainJob(Strict):
    """Runs once on the emptied node. `namespace` None: that of the command line."""

    image: Image
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[EnvironmentName, str] = {}
    privileged: Flag = False
    host_pid: Flag = Field(default=False, alias="hostPID")
    host_network: Flag = False
    namespace: Namespace | None = None
    timeout: PositiveDuration = parse_duration("5m")


class Hold(Strict):
    """A person or another tool does the work and says when it is done."""

    timeout: PositiveDuration = parse_duration("1h")


class Maintain(Strict):
    job: MaintainJob | None = None
    hold: Hold | None = None

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:
        yield from _together(given, ("job", "hold"), "maintain takes job or hold, not both")


class NodesStep(Strict):
    select: NodeSelect = Field(examples=["{labels: role=worker}"])
    order: Annotated[
        Literal["auto", "name"] | tuple[NodeName, ...],
        BeforeValidator(_order),
        WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
    ] = "auto"
    max_unavailable: PositiveShare = Share(1)
    max_failed: NumberOrPercent = Share(0)
    drain: Drain = Drain()
    maintain: Maintain | None = None
    verify: tuple[Gate, ...] = ()


class RolloutStep(Strict):
    workload: RolledName = Field(examples=["deployment/shop/web"])
    images: Mapping[Name, Image] = {}
    env: Mapping[EnvironmentName, str] = {}
    restart: Flag = False
    strategy: Literal["auto", "handoff", "native"] = "auto"
    batch: PositiveShare | None = None
    soak: Duration | None = None

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:
        if not any(given.get(name) for name in ("images", "env", "restart")):
            yield Broken("a rollout changes nothing: it needs images, env or restart: true")


class ScaleStep(Strict):
    workload: ScaledName = Field(examples=["deployment/shop/web"])
    to: Count | None = None
    by: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] | None = None
    restore: Literal["end", "failure", "never"] = "end"

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:
        yield from exactly_one(given, ("to", "by"), "scale takes either to or by", cls)
        if given.get("by") == 0:
            yield Broken("`by`: 0 changes nothing", "by")


class JobStep(Strict):
    image: Image
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[EnvironmentName, str] = {}
    namespace: Namespace | None = None
    timeout: PositiveDuration = parse_duration("5m")


class RebalanceStep(Strict):
    workload: ScaledName = Field(examples=["deployment/shop/web"])
    max_skew: Annotated[Count, Field(ge=1)] = 1
    delete_empty_dir_data: bool = False


class QuarantineStep(Strict):
    """`keep`: how long the pod is kept for a look at it, before `underway restore` evicts it; True: until a person
    deletes it; False: not at all.
    """

    pod: PodName | None = None
    select: LabelSelector | None = None
    keep: Keep = True

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:
        yield from exactly_one(given, ("pod", "select"), "quarantine takes either pod or select", cls)


class SoakStep(Strict):
    for_: Duration = Field(alias="for", examples=["5m"])


class ApproveStep(Strict):
    timeout: PositiveDuration = parse_duration("1h")
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

    name: Title | None = None
    before: tuple[Gate, ...] = ()
    during: tuple[Gate, ...] = ()
    after: tuple[Gate, ...] = ()
    timeout: PositiveDuration | None = None
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

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:
        yield from exactly_one(given, VERBS, "a step has exactly one verb", cls)

    @property
    def verb(self) -> str:
        return next(verb for verb in VERBS if getattr(self, verb) is not None)

    @property
    def body(self) -> StepBody:
        body: StepBody = getattr(self, self.verb)
        return body


class Metadata(Strict):
    name: Name
    description: str = ""


class Variable(Strict):
    """`default` and the items of `enum` have the variable's type; without a default the value has to be given."""

    type: Literal["string", "integer", "number", "boolean", "duration"] = "string"
    default: Any = Field(default=None, examples=["v1.34.4"])
    enum: tuple[Any, ...] = ()
    pattern: Pattern | None = None
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
    "ApplyStep",
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
