"""What a PodDisruptionBudget asks for and allows, as its controller and the Eviction API count."""

from __future__ import annotations

from typing import Any

import pytest

from underway.cluster.disruption import (
    allows_eviction,
    can_never_allow,
    desired,
    expected,
    healthy,
    is_broken,
    replicas_lacking,
)
from underway.cluster.model import Budget, Owner, Pod, Workload
from underway.cluster.state import ClusterState
from underway.units import equality_selector, parse_share


def budget(rule: dict[str, str | int], **status: Any) -> Budget:
    names = {"minAvailable": "min_available", "maxUnavailable": "max_unavailable"}
    shares = {names[key]: parse_share(value) for key, value in rule.items()}
    selector = equality_selector([("app", "web")])
    return Budget(uid="b", namespace="shop", name="web", selector=selector, **shares, **status)


def pod(number: int, **fields: Any) -> Pod:
    base: dict[str, Any] = {
        "uid": f"p{number}",
        "namespace": "shop",
        "name": f"web-{number}",
        "labels": {"app": "web"},
        "owner": Owner("ReplicaSet", "web", "rs"),
        "phase": "Running",
        "ready": True,
    }
    return Pod(**base | fields)


def state(pods: int, replicas: int | None = None, **fields: Any) -> ClusterState:
    wanted = pods if replicas is None else replicas
    controller = Workload(kind="replicaset", uid="rs", namespace="shop", name="web", replicas=wanted)
    return ClusterState([controller, *(pod(number, **fields) for number in range(pods))])


@pytest.mark.parametrize(
    ("rule", "pods", "wanted"),
    [
        ({"minAvailable": 2}, 3, 2),
        ({"minAvailable": 5}, 3, 5),
        ({"minAvailable": "50%"}, 3, 2),
        ({"minAvailable": "100%"}, 3, 3),
        ({"minAvailable": "0%"}, 3, 0),
        ({"maxUnavailable": 1}, 3, 2),
        ({"maxUnavailable": 0}, 3, 3),
        ({"maxUnavailable": 5}, 3, 0),
        ({"maxUnavailable": "50%"}, 3, 1),
        ({"maxUnavailable": "1%"}, 3, 2),
        ({}, 3, 0),
    ],
)
def test_how_many_have_to_stay_healthy_percentages_rounded_up(
    rule: dict[str, str | int], pods: int, wanted: int
) -> None:
    assert desired(budget(rule), expected(budget(rule), state(pods))) == wanted


def test_a_number_counts_pods_and_a_percentage_what_their_controllers_ask_for() -> None:
    three_of_five = state(3, replicas=5)
    assert expected(budget({"minAvailable": 2}), three_of_five) == 3
    assert expected(budget({"minAvailable": "50%"}), three_of_five) == 5
    assert expected(budget({"maxUnavailable": 1}), three_of_five) == 5


def test_of_controllers_that_are_not_looked_at_what_the_server_has_counted_holds() -> None:
    kafka = ClusterState([pod(number, owner=Owner("StrimziPodSet", "kafka", "k")) for number in range(3)])
    told = budget({"maxUnavailable": 1}, expected_pods=3)
    assert expected(told, kafka) == 3
    assert can_never_allow(told, kafka) is None


@pytest.mark.parametrize("kind", ["Job", "DaemonSet"])
def test_a_budget_that_cannot_be_counted_over_a_controller_without_scale_allows_none(kind: str) -> None:
    found = ClusterState([pod(number, owner=Owner(kind, "j", "j")) for number in range(3)])
    assert kind in (can_never_allow(budget({"maxUnavailable": 1}), found) or "")
    assert kind in (can_never_allow(budget({"minAvailable": "10%"}), found) or "")
    assert replicas_lacking(budget({"maxUnavailable": 1}), found) is None
    assert can_never_allow(budget({"minAvailable": 1}), found) is None


def test_healthy_is_ready_and_staying_and_not_being_evicted() -> None:
    found = state(3)
    assert healthy(budget({"minAvailable": 1}), found) == 3
    assert healthy(budget({"minAvailable": 1}, disrupted_pods=frozenset({"web-0"})), found) == 2
    assert healthy(budget({"minAvailable": 1}), state(3, ready=False)) == 0


@pytest.mark.parametrize(
    ("rule", "pods", "said"),
    [
        ({"minAvailable": 1}, 1, "minAvailable: 1 of 1 pods"),
        ({"minAvailable": "100%"}, 3, "minAvailable: 100% of 3 pods"),
        ({"maxUnavailable": 0}, 3, "maxUnavailable: 0 of 3 pods"),
        ({"maxUnavailable": "0%"}, 3, "maxUnavailable: 0% of 3 pods"),
        ({"minAvailable": "99%"}, 3, "minAvailable: 99% of 3 pods"),
    ],
)
def test_a_budget_that_can_never_allow_an_eviction(rule: dict[str, str | int], pods: int, said: str) -> None:
    assert said in (can_never_allow(budget(rule), state(pods)) or "")


@pytest.mark.parametrize("rule", [{"minAvailable": 1}, {"maxUnavailable": 1}, {"maxUnavailable": "1%"}])
def test_a_budget_that_can(rule: dict[str, str | int]) -> None:
    assert can_never_allow(budget(rule), state(2)) is None


def test_a_budget_that_not_even_all_its_pods_would_meet_is_broken() -> None:
    assert is_broken(budget({"minAvailable": 2}), state(1)) == "it needs 2 healthy pods and covers 1"
    assert is_broken(budget({"minAvailable": 1}), state(1)) is None
    assert is_broken(budget({"maxUnavailable": 0}), state(1)) is None


@pytest.mark.parametrize(
    ("fields", "status", "allowed"),
    [
        ({}, {"disruptions_allowed": 1}, True),
        ({}, {"disruptions_allowed": 0}, False),
        ({}, {"disruptions_allowed": 1, "generation": 2, "observed_generation": 1}, False),
        ({"ready": False}, {"current_healthy": 2, "desired_healthy": 2}, True),
        ({"ready": False}, {"current_healthy": 1, "desired_healthy": 2}, False),
        ({"ready": False}, {"current_healthy": 0, "desired_healthy": 2, "always_allow_unhealthy": True}, True),
        ({"ready": False, "phase": "Pending"}, {}, True),
        ({"ready": False, "phase": "Succeeded"}, {}, True),
    ],
)
def test_whether_the_eviction_api_would_agree(fields: Any, status: Any, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert allows_eviction(pod(0, **fields), budget({"minAvailable": 2}, **status)) is allowed


def test_what_others_have_taken_in_this_look_is_gone() -> None:
    two = budget({"minAvailable": 1}, disruptions_allowed=2)
    assert [allows_eviction(pod(0), two, reserved) for reserved in (0, 1, 2)] == [True, True, False]
