"""What no waiting mends is said before the first change: other pods that are ill, and pods that nothing brings back."""

from __future__ import annotations

from typing import Any

import msgspec
from scenes import budget, node, workload

from underway.cluster.model import Owner, Pod, Workload
from underway.cluster.objects import Object
from underway.cluster.state import ClusterState
from underway.engine.doctor import examine
from underway.engine.preflight import blockers
from underway.errors import Blocker
from underway.playbook.load import from_command_line
from underway.simulated.cluster import SimulatedCluster
from underway.units import Share

UNSCHEDULABLE = "0/3 nodes are available: 3 Insufficient cpu"
BACK_OFF = "CrashLoopBackOff: back-off 5m0s"


def pods(owner: Workload | None, ill: str = "", node: str = "", app: str = "db") -> list[Pod]:
    """Three pods on the nodes a, b and c; the last of them is ill, if that is said."""
    found: list[Pod] = []
    for place, name in enumerate("abc"):
        base: dict[str, Any] = {"uid": f"{app}-{name}", "namespace": "shop", "name": f"{app}-{place}"}
        mine = Owner(owner.kind.title(), owner.name, owner.uid) if owner else None
        found.append(Pod(**base, node=name, labels={"app": app}, owner=mine, phase="Running", ready=True))
    if ill:
        found[-1] = msgspec.structs.replace(found[-1], ready=False, node=node, waiting=ill)
    return found


def found(*objects: Object, force: bool = False) -> tuple[Blocker, ...]:
    state = ClusterState([*map(node, "abc"), *objects])
    step = {"select": {"labels": "kubernetes.io/hostname"}, "drain": {"force": force}}
    return blockers(from_command_line("x", [{"nodes": step}]), state, "r", SimulatedCluster(state).now())


DB = workload("statefulset", "db", 3)


def test_a_member_that_can_never_be_scheduled_is_a_blocker_and_the_doctor_says_so() -> None:
    (blocker,) = found(DB, *pods(DB, UNSCHEDULABLE))
    assert blocker.object == "statefulset/shop/db"
    assert blocker.reason == f"no member of it is evicted while db-2 is not Ready: {UNSCHEDULABLE}"
    assert "have db-2 become Ready" in blocker.remedy
    state = ClusterState([*map(node, "abc"), DB, *pods(DB, UNSCHEDULABLE)])
    findings = examine(state, SimulatedCluster(state).now())
    assert ("blocks", blocker.reason) in {(finding.severity, finding.reason) for finding in findings}


def test_a_member_that_is_about_to_start_is_none() -> None:
    assert found(DB, *pods(DB, "ContainerCreating", "c")) == ()
    assert found(DB, *pods(DB, BACK_OFF, "c")) != ()


def test_a_budget_that_is_not_met_while_a_pod_is_ill_is_a_blocker() -> None:
    ill = pods(None, BACK_OFF, "c")
    crd = [msgspec.structs.replace(pod, owner=Owner("Kafka", "k", "k")) for pod in ill]
    (blocker,) = found(*crd, budget("db", min_available=Share(2)))
    assert blocker.reason == f"it needs 2 healthy pods and can have 2 while db-2 is not Ready: {BACK_OFF}"
    assert found(*crd, budget("db", min_available=Share(1))) == ()


def test_a_budget_that_lacks_pods_once_those_without_a_controller_are_gone_is_a_blocker() -> None:
    (blocker,) = found(*pods(None), budget("db", min_available=Share(1)), force=True)
    assert blocker.reason == "it needs 1 healthy pods and has 0 once those without a controller are gone"
    assert found(*pods(None), budget("db", min_available=Share(0)), force=True) == ()
