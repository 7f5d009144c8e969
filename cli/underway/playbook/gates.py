"""The gates of the language: what has to hold, and how it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from underway.playbook.strict import Strict, one_of
from underway.playbook.types import (
    Duration,
    HttpStatuses,
    LabelSelector,
    NumberOrPercent,
    Pattern,
    ServiceName,
    Statuses,
    Url,
    WorkloadName,
)
from underway.units import Share, parse_duration


def _ready_share(value: Any) -> Any:
    return None if value == "all" else value


def _ready_time(value: Any) -> Any:
    """`ready: true` asks for no length of time."""
    return parse_duration("0s") if value is True else value


class HttpGate(Strict):
    """Open-loop requests, each on a new connection. `every` and `timeout` are those of a single request."""

    url: Url
    every: Duration = parse_duration("50ms")
    timeout: Duration = parse_duration("2s")
    status: HttpStatuses = Statuses(((200, 200),))
    body: Pattern | None = None
    lost: int = Field(default=0, ge=0)
    gap: Duration | None = None


class ServiceGate(Strict):
    name: ServiceName
    min_ready: int = Field(default=1, ge=0)


class WorkloadGate(Strict):
    """`ready` None means all."""

    name: WorkloadName
    ready: Annotated[NumberOrPercent | None, BeforeValidator(_ready_share)] = None


class NodeGate(Strict):
    """`node`: the node at hand (in verify). `nodes`: all that `select` chooses. `ready`: Ready for that long."""

    ready: Annotated[Duration | None, BeforeValidator(_ready_time)] = None
    kubelet_version: str | None = None
    condition: Mapping[str, str] | str | None = None
    name: str | None = None
    select: LabelSelector | None = None

    @property
    def conditions(self) -> Mapping[str, str]:
        """Condition types with the status each has to have; a bare type has to be True."""
        if self.condition is None:
            return {}
        return {self.condition: "True"} if isinstance(self.condition, str) else self.condition


class RestartsGate(Strict):
    select: LabelSelector | None = None
    max: int = Field(default=0, ge=0)


class PrometheusGate(Strict):
    url: Url
    query: str = Field(min_length=1)
    below: float | None = None
    above: float | None = None
    equals: float | None = None

    @model_validator(mode="after")
    def _has_a_limit(self) -> PrometheusGate:
        if self.below is None and self.above is None and self.equals is None:
            raise ValueError("a prometheus gate needs a limit: below, above or equals")
        return self


class AlertsGate(Strict):
    url: Url
    ignore: tuple[str, ...] = ()


class JobGate(Strict):
    image: str = Field(min_length=1)
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    namespace: str | None = None
    timeout: Duration | None = None


class CommandGate(Strict):
    """Run without a shell, where Underway runs; only with --allow-commands."""

    command: tuple[str, ...] = Field(min_length=1)
    timeout: Duration | None = None


GateBody = (
    HttpGate
    | ServiceGate
    | WorkloadGate
    | NodeGate
    | RestartsGate
    | PrometheusGate
    | AlertsGate
    | JobGate
    | CommandGate
)
GATE_KINDS = ("http", "service", "workload", "node", "nodes", "restarts", "prometheus", "alerts", "job", "command")
_COMMON = ("every", "timeout", "for", "failures", "initialDelay")


def _hoist(value: Any) -> Any:
    """The fields that all gates take may stand beside the gate or inside it: put them beside it.

    Those that a gate has itself (an HTTP request's every and timeout, a command's timeout) stay inside.
    """
    if not isinstance(value, dict):
        return value
    for kind in GATE_KINDS:
        body = value.get(kind)
        if not isinstance(body, dict):
            continue
        own = {field.alias or name for name, field in _BODIES[kind].model_fields.items()}
        moved = {key: body[key] for key in _COMMON if key in body and key not in own}
        twice = sorted(moved.keys() & value.keys())
        if twice:
            raise ValueError(f"`{twice[0]}` is given both in `{kind}` and beside it")
        if moved:
            return {**value, **moved, kind: {key: item for key, item in body.items() if key not in moved}}
    return value


_BODIES: Mapping[str, type[Strict]] = {
    "http": HttpGate,
    "service": ServiceGate,
    "workload": WorkloadGate,
    "node": NodeGate,
    "nodes": NodeGate,
    "restarts": RestartsGate,
    "prometheus": PrometheusGate,
    "alerts": AlertsGate,
    "job": JobGate,
    "command": CommandGate,
}


class Gate(Strict):
    """One gate: exactly one of the kinds, and how it is looked at. None: the kind's own default."""

    name: str | None = None
    every: Duration | None = None
    timeout: Duration | None = None
    for_: Duration | None = Field(default=None, alias="for")
    failures: int = Field(default=0, ge=0)
    initial_delay: Duration | None = None
    http: HttpGate | None = None
    service: ServiceGate | None = None
    workload: WorkloadGate | None = None
    node: NodeGate | None = None
    nodes: NodeGate | None = None
    restarts: RestartsGate | None = None
    prometheus: PrometheusGate | None = None
    alerts: AlertsGate | None = None
    job: JobGate | None = None
    command: CommandGate | None = None

    @model_validator(mode="before")
    @classmethod
    def _common_fields(cls, value: Any) -> Any:
        return _hoist(value)

    @model_validator(mode="after")
    def _one_kind(self) -> Gate:
        one_of(self, GATE_KINDS, "gate")
        return self

    @property
    def kind(
        self,
    ) -> Literal["http", "service", "workload", "node", "nodes", "restarts", "prometheus", "alerts", "job", "command"]:
        for kind in GATE_KINDS:
            if getattr(self, kind) is not None:
                return kind  # type: ignore[return-value]  # GATE_KINDS are the literals
        raise AssertionError("a gate without a kind passed validation")

    @property
    def body(self) -> GateBody:
        body: GateBody = getattr(self, self.kind)
        return body


__all__ = ["GATE_KINDS", "Gate", "GateBody", "Share"]
