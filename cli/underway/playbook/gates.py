"""The gates of the language: what has to hold, and how it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from underway.playbook.names import (
    EnvironmentName,
    Image,
    LabelSelector,
    Namespace,
    NodeName,
    ServiceName,
    WorkloadName,
)
from underway.playbook.strict import Broken, Strict, exactly_one, known_keys
from underway.playbook.types import (
    Conditions,
    Count,
    Duration,
    HttpStatuses,
    Number,
    NumberOrPercent,
    Pattern,
    PositiveDuration,
    Statuses,
    Text,
    Title,
    Url,
)
from underway.units import Share, parse_duration


def _ready_share(value: Any) -> Any:
    return None if value == "all" else value


def _ready_time(value: Any) -> Any:
    """`ready: true` asks for no length of time."""
    return parse_duration("0s") if value is True else value


class HttpGate(Strict):
    """Open-loop requests, each on a new connection. `every` and `timeout` are those of a single request."""

    url: Url = Field(examples=["http://127.0.0.1:30080/"])
    every: PositiveDuration = parse_duration("50ms")
    timeout: PositiveDuration = parse_duration("2s")
    status: HttpStatuses = Statuses(((200, 200),))
    body: Pattern | None = None
    lost: Count = 0
    gap: PositiveDuration | None = None


class ServiceGate(Strict):
    name: ServiceName = Field(examples=["shop/web"])
    min_ready: Count = 1


class WorkloadGate(Strict):
    """`ready` None means all."""

    name: WorkloadName = Field(examples=["deployment/shop/web"])
    ready: Annotated[NumberOrPercent | None, BeforeValidator(_ready_share)] = None


class NodeGate(Strict):
    """`node`: the node at hand (in verify). `nodes`: all that `select` chooses. `ready`: Ready for that long."""

    ready: Annotated[Duration | None, BeforeValidator(_ready_time)] = None
    kubelet_version: Text | None = None
    condition: Conditions | None = None
    name: NodeName | None = None
    select: LabelSelector | None = None

    @property
    def conditions(self) -> Mapping[str, str]:
        """Condition types with the status each has to have."""
        return self.condition or {}


class RestartsGate(Strict):
    select: LabelSelector | None = None
    max: Count = 0


class PrometheusGate(Strict):
    url: Url = Field(examples=["http://127.0.0.1:9090"])
    query: Text
    below: Number | None = None
    above: Number | None = None
    equals: Number | None = None

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:
        limits = {name: given[name] for name in ("below", "above", "equals") if given.get(name) is not None}
        if not limits and given.keys() <= known_keys(cls):
            yield Broken("a prometheus gate needs a limit: below, above or equals")
        below, above = limits.get("below"), limits.get("above")
        if isinstance(below, int | float) and isinstance(above, int | float) and below <= above:
            yield Broken(f"no value is above {above} and below {below}", "above")
        if "equals" in limits and len(limits) > 1:
            yield Broken("equals leaves nothing for below or above to say", "equals")


class AlertsGate(Strict):
    url: Url = Field(examples=["http://127.0.0.1:9093"])
    ignore: tuple[Text, ...] = ()


class JobGate(Strict):
    image: Image
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[EnvironmentName, str] = {}
    namespace: Namespace | None = None
    timeout: PositiveDuration | None = None


class CommandGate(Strict):
    """Run without a shell, where Underway runs; only with --allow-commands."""

    command: tuple[str, ...] = Field(min_length=1, examples=["[curl, --fail, http://127.0.0.1/]"])
    timeout: PositiveDuration | None = None


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
COMMON = ("every", "timeout", "for", "failures", "initialDelay")
"""What all gates take: beside the gate's kind, or inside it where the kind has no field of that name itself."""


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


def _inside(given: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Kind, key and value of every common field that is written inside a gate's kind."""
    for kind, model in _BODIES.items():
        body = given.get(kind)
        if isinstance(body, dict):
            yield from ((kind, key, body[key]) for key in COMMON if key in body and key not in known_keys(model))


class Gate(Strict):
    """One gate: exactly one of the kinds, and how it is looked at. None: the kind's own default."""

    name: Title | None = None
    every: Duration | None = None
    timeout: PositiveDuration | None = None
    for_: Duration | None = Field(default=None, alias="for")
    failures: Count = 0
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

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:
        yield from exactly_one(given, GATE_KINDS, "a gate has exactly one kind", cls)
        for kind, key, _ in _inside(given):
            if key in given:
                yield Broken(f"`{key}` is given both in `{kind}` and beside it", key)
        for kind, key, other in (("node", "select", "nodes"), ("nodes", "name", "node")):
            body = given.get(kind)
            if isinstance(body, dict) and body.get(key) is not None:
                yield Broken(f"a `{kind}` gate takes no `{key}`", kind, f"write `{other}`, which takes it")

    @model_validator(mode="before")
    @classmethod
    def _common_fields_stand_beside(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        moved = {kind: dict(value[kind]) for kind, _, _ in _inside(value)}
        beside: dict[str, Any] = {}
        for kind, key, item in _inside(value):
            del moved[kind][key]
            beside[key] = item
        return {**beside, **value, **moved}

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
