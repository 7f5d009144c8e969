"""A Service whose ports no API server would take is refused, also for another one that has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifests import accepted, refused, service
from scenes import KIND

NODE_PORT = "type: NodePort, ports: [{port: 80, nodePort: %s}]"
TWO = "ports: [{port: 80, name: a}, {port: %s, name: %s}]"
RANGE = "kind: ClusterConfiguration\n      apiServer: {extraArgs: {service-node-port-range: 80-40000}}"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("selector: {a: b}", "`spec.ports` is missing or empty"),
        ("ports: [{targetPort: 80}]", "`spec.ports[0].port` is missing"),
        ("ports: [{port: 70000}]", "`spec.ports[0].port` is 70000, which is no port"),
        ("ports: [{port: 80, targetPort: 70000}]", "`spec.ports[0].targetPort` is 70000, which is no port"),
        ("type: ExternalName", "`spec.externalName` is missing"),
        ("selector: {a: -b}, ports: [{port: 80}]", "`spec.selector.a` is `-b`, which no label can be"),
        ("ports: [{port: 80, targetPort: '80'}]", "`spec.ports[0].targetPort` is the text `80`, which is no port's"),
        ("ports: [{port: 80, protocol: HTTP}]", "`spec.ports[0].protocol` is `HTTP`, which it cannot be"),
        ("ports: [{port: 80, name: A}]", "`spec.ports[0].name` is `A`, which is no name"),
        ("ports: [{port: 80, name: a}, {port: 81}]", "`spec.ports[1].name` is missing, and the Service has several"),
        (TWO % (81, "a"), "`spec.ports[1].name` is `a`, as `spec.ports[0].name` is"),
        (TWO % (80, "b"), "`spec.ports[1].port` is 80 (TCP), as `spec.ports[0].port` is"),
        (NODE_PORT % 80, "`spec.ports[0].nodePort` is 80, which is no node port"),
        (NODE_PORT % 32768, "`spec.ports[0].nodePort` is 32768, which is no node port"),
        ("ports: [{port: 80, nodePort: 30080}]", "`spec.ports[0].nodePort` cannot be given in a Service of `type: Cl"),
        ("type: Port, ports: [{port: 80}]", "`spec.type` is `Port`, which it cannot be"),
        ("clusterIP: None, " + NODE_PORT % 30080, "`spec.clusterIP` cannot be None in a Service of `type: NodePort`"),
    ],
)
def test_a_service_that_cannot_be_is_refused(tmp_path: Path, spec: str, told: str) -> None:
    wrong = refused(tmp_path, service(spec))
    assert f"{tmp_path}/wrong.yaml:2: Service x: " in wrong.message
    assert told in wrong.message
    assert wrong.hint


def test_a_node_port_that_another_service_has_is_refused(tmp_path: Path) -> None:
    wrong = refused(tmp_path, service(NODE_PORT % 30080, "a"), service(NODE_PORT % 30080, "b"))
    told = "wrong.yaml:4: Service b: `spec.ports[0].nodePort` is 30080, which service/default/a has already"
    assert told in wrong.message
    assert wrong.hint == "give one of them another node port"


@pytest.mark.parametrize(
    "specs",
    [
        ["clusterIP: None"],
        ["type: ExternalName, externalName: example.org"],
        ["ports: [{port: 80, targetPort: http}]"],
        ["ports: [{port: 80, targetPort: 0}]"],
        ["ports: [{port: 53, name: a}, {port: 53, name: b, protocol: UDP}]"],
        [NODE_PORT % 30080, "type: NodePort, ports: [{port: 80, nodePort: 30080, protocol: UDP}]"],
        ["type: LoadBalancer, ports: [{port: 80, nodePort: 0}]"],
    ],
)
def test_services_that_can_be_are_taken(tmp_path: Path, specs: list[str]) -> None:
    accepted(tmp_path, *(service(spec, f"x{place}") for place, spec in enumerate(specs)))


def test_a_service_that_is_given_again_has_its_own_node_port(tmp_path: Path) -> None:
    accepted(tmp_path, service(NODE_PORT % 30080), service(NODE_PORT % 30080))


def test_a_server_that_has_a_range_of_its_own_gives_node_ports_of_it(tmp_path: Path) -> None:
    accepted(tmp_path, service(NODE_PORT % 80, metadata=", uid: '1'"))
    accepted(tmp_path, service(NODE_PORT % 80), kind=KIND.replace("kind: KubeletConfiguration", RANGE, 1))
