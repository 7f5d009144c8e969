"""What a gate is called where people read of it."""

from __future__ import annotations

from typing import assert_never

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


def title(gate: Gate) -> str:
    """Its name or, without one, its kind and what it looks at: `service shop/web`. Not always unique."""
    return gate.name or " ".join(filter(None, (gate.kind, _subject(gate))))


def _subject(gate: Gate) -> str:
    match gate.body:
        case HttpGate(url=url) | AlertsGate(url=url):
            return url
        case ServiceGate(name=name):
            return name
        case WorkloadGate(name=workload):
            return str(workload)
        case NodeGate(name=node):
            return node or ""
        case PrometheusGate(query=query):
            return query
        case JobGate(image=image):
            return image
        case CommandGate(command=command):
            return command[0]
        case RestartsGate():
            return ""
        case never:
            assert_never(never)
