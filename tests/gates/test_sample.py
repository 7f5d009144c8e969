"""What the cluster's state says to each kind of gate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from underway.cluster.model import EndpointSlice, Node, Pod, Service, Workload
from underway.cluster.objects import Object
from underway.cluster.state import ClusterState
from underway.gates.sample import count_restarts, sample
from underway.gates.verdict import Sample
from underway.playbook.gates import Gate

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def look(
    gate: dict[str, Any], *objects: Object, node: str | None = None, restarts: dict[str, int] | None = None
) -> Sample:
    return sample(Gate.model_validate(gate), ClusterState(objects), NOW, node=node, baseline=restarts)


# -- service

WEB = Service("s1", "shop", "web", {"app": "web"})
AT_LEAST_TWO = {"service": {"name": "shop/web", "minReady": 2}}


def test_ready_endpoints_count_once_over_all_slices() -> None:
    one = EndpointSlice("e1", "shop", "web-1", "web", frozenset({"a", "b"}))
    assert look(AT_LEAST_TWO, WEB, one).holds is True
    same = EndpointSlice("e2", "shop", "web-2", "web", frozenset({"a"}))
    found = look(AT_LEAST_TWO, WEB, msgspec.structs.replace(one, ready=frozenset({"a"})), same)
    assert (found.holds, found.reason) == (False, "service/shop/web: 1 ready endpoints, 2 wanted")
    other = EndpointSlice("e2", "shop", "web-2", "web", frozenset({"c"}))
    assert look(AT_LEAST_TWO, WEB, msgspec.structs.replace(one, ready=frozenset({"a"})), other).holds is True


def test_a_service_that_does_not_exist_is_not_healthy_and_the_nearest_name_is_offered() -> None:
    found = look({"service": {"name": "shop/wep"}}, WEB)
    assert found.holds is False
    assert found.reason == "service/shop/wep does not exist; did you mean service/shop/web?"


# -- workload

FIT = Workload(
    "deployment", "d1", "shop", "web", replicas=3, ready=3, updated=3, current=3, generation=2, observed_generation=2
)


def deployment(**changes: Any) -> Workload:
    return msgspec.structs.replace(FIT, **changes)


def ready(workload: Workload, share: str | int = "all") -> bool | None:
    return look({"workload": {"name": str(workload.ref), "ready": share}}, workload).holds


def test_a_workload_is_ready_when_all_its_replicas_are_ready_and_up_to_date() -> None:
    assert ready(FIT) is True
    assert ready(deployment(ready=2)) is False
    assert ready(deployment(updated=2)) is False


def test_old_pods_beside_the_new_ones_are_not_yet_all_up_to_date() -> None:
    assert ready(deployment(current=4, ready=4)) is False


def test_a_change_that_the_controller_has_not_seen_is_not_ready() -> None:
    assert ready(deployment(generation=3)) is False
    assert ready(deployment(generation=3), 1) is False


@pytest.mark.parametrize(("share", "enough"), [(2, 2), ("50%", 2), ("67%", 3), ("100%", 3), (9, 3), (0, 0)])
def test_a_number_or_a_percentage_of_ready_replicas_rounds_up(share: str | int, enough: int) -> None:
    assert ready(deployment(ready=enough), share) is True
    if enough:
        assert ready(deployment(ready=enough - 1), share) is False


def test_every_kind_of_workload_is_judged_by_what_its_status_has() -> None:
    assert ready(deployment(kind="statefulset")) is True
    assert ready(deployment(kind="daemonset", updated=2)) is False
    assert ready(deployment(kind="replicaset", updated=0)) is True
    assert ready(deployment(kind="replicaset", updated=0, current=2)) is False


def test_a_job_holds_once_it_is_complete() -> None:
    job = Workload("job", "j1", "shop", "migrate")
    assert ready(job) is False
    assert ready(msgspec.structs.replace(job, complete=True)) is True


def test_a_workload_that_does_not_exist_is_offered_one_of_its_kind() -> None:
    found = look({"workload": {"name": "deploy/shop/webb"}}, FIT, deployment(kind="statefulset", name="webb"))
    assert (found.holds, found.reason) == (
        False,
        "deployment/shop/webb does not exist; did you mean deployment/shop/web?",
    )


# -- node and nodes


def node(name: str = "worker", **fields: Any) -> Node:
    since = NOW - timedelta(seconds=10)
    return Node(f"uid-{name}", name, **{"ready": True, "ready_since": since, "kubelet_version": "v1.34.4", **fields})


def test_a_node_gate_in_verify_is_about_the_node_at_hand() -> None:
    gate = {"node": {"kubeletVersion": "v1.34.4", "ready": "10s"}}
    other = node("other", ready=False)
    assert look(gate, node(), other, node="worker").holds is True
    assert look(gate, node(), other, node="other").reason == "node/other: not Ready"
    assert look(gate, node(), other).holds is False


def test_a_node_has_to_be_ready_for_that_long() -> None:
    assert look({"node": {"ready": "11s"}}, node()).reason == "node/worker: Ready for 10s of 11s"
    assert look({"node": {"ready": "1s"}}, node(ready_since=None)).holds is False
    assert look({"node": {"ready": True}}, node()).holds is True


def test_a_node_has_to_have_exactly_that_kubelet() -> None:
    found = look({"node": {"kubeletVersion": "v1.34.5"}}, node())
    assert (found.holds, found.reason) == (False, "node/worker: kubelet v1.34.4, v1.34.5 wanted")


def test_a_condition_that_a_node_does_not_report_is_unknown_and_not_healthy() -> None:
    pressed = node(conditions={"MemoryPressure": "True"})
    assert look({"node": {"condition": {"MemoryPressure": "False"}}}, pressed).holds is False
    assert look({"node": {"condition": "MemoryPressure"}}, pressed).holds is True
    assert look({"node": {"condition": {"DiskPressure": "False"}}}, pressed).holds is False


def test_nodes_are_those_selected_and_not_only_the_one_at_hand() -> None:
    gate = {"nodes": {"select": "role=worker"}}
    first, second = node("a", labels={"role": "worker"}), node("b", labels={"role": "worker"}, ready=False)
    assert look(gate, first, node("c", ready=False)).holds is True
    assert look(gate, first, second, node="a").reason == "node/b: not Ready"
    assert look(gate).reason == "no node is selected"


def test_many_nodes_that_are_not_ready_are_named_in_part() -> None:
    found = look({"nodes": {}}, *(node(f"w{number}", ready=False) for number in range(5)))
    assert found.reason == "node/w0: not Ready; node/w1: not Ready; node/w2: not Ready; and 2 more"


def test_a_named_node_that_does_not_exist_is_not_healthy() -> None:
    assert look({"node": {"name": "wroker"}}, node()).reason == (
        "node/wroker does not exist; did you mean node/worker?"
    )


# -- restarts


def pod(uid: str, restarts: int, app: str = "web") -> Pod:
    return Pod(uid, "shop", f"{app}-{uid}", labels={"app": app}, restarts=restarts)


def test_only_restarts_since_the_run_began_count_and_all_of_a_new_pod() -> None:
    before = dict(count_restarts(ClusterState((pod("a", 4), pod("b", 1)))))
    gate = {"restarts": {"select": "app=web", "max": 1}}
    assert look(gate, pod("a", 4), pod("b", 1), restarts=before).holds is True
    assert look(gate, pod("a", 5), pod("b", 1), pod("x", 9, "cart"), restarts=before).holds is True
    found = look(gate, pod("a", 4), pod("new", 2), restarts=before)
    assert (found.holds, found.reason) == (
        False,
        "2 restarts since the run began, most in pod/shop/web-new, 1 allowed",
    )


def test_a_gate_that_has_to_be_measured_is_not_sampled() -> None:
    with pytest.raises(TypeError, match="http"):
        look({"http": {"url": "http://127.0.0.1:1/"}})
