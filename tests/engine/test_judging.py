"""What a plan says of pods is what is done with them, and what it calls a blocker really stands in the way."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import at_least, node, service, workload
from stage import Stage

from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec, PodTerm, Spread, Toleration
from underway.cluster.state import ClusterState
from underway.commands import planning
from underway.engine import preflight
from underway.engine.plan import Plan
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import Refusals
from underway.units import equality_selector

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def zones(count: int = 2, **fields: Any) -> list[Object]:
    """Nodes a and b in zone y, c and d in zone z, or as many of them."""
    return [
        node(name, labels={HOST: name, ZONE: "yyzz"[place]}, **fields) for place, name in enumerate("abcd"[: 2 * count])
    ]


def apart(app: str, key: str, **fields: Any) -> PodSpec:
    return PodSpec(anti_affinity=(PodTerm(equality_selector([("app", app)]), key, ("shop",)),), **fields)


def spread(app: str, **fields: Any) -> PodSpec:
    return PodSpec(spread=(Spread(ZONE, 1, hard=True, selector=equality_selector([("app", app)])),), **fields)


def staged(*objects: Object) -> Stage:
    cluster = SimulatedCluster(ClusterState(objects))
    cluster.settle()
    return Stage(cluster)


def roll(*, strategy: str = "auto", **fields: Any) -> Playbook:
    step = {"select": {"labels": HOST}, "drain": {"strategy": strategy}, **fields}
    return from_command_line("roll", [{"nodes": step}])


def plan(playbook: Playbook, *objects: Object) -> Plan:
    return planning.plan(playbook, "roll", staged(*objects).cluster, "default")


def verdicts(found: Plan, app: str) -> set[str]:
    return {pod.verdict for pod in found.pods if pod.name.startswith(f"{app}-")}


# -- a pod in the way of its own replacement ---------------------------------------------------------------------

APART = (*zones(), workload("deployment", "web", 2, apart("web", ZONE, requests={"cpu": 100})))


def test_a_pod_that_leaves_its_replacement_no_place_is_evicted_and_the_plan_says_so() -> None:
    found = plan(roll(), *APART)
    assert found.blockers == ()
    assert verdicts(found, "web") == {"evict"}
    assert {pod.reason for pod in found.pods if pod.name.startswith("web-")} == {
        f"evicted: its replacement has no place while it stands (kept apart by {ZONE})"
    }
    assert (found.evicted, found.moves, found.least_moves) == (2, 2, 2)


def test_the_run_evicts_it_too() -> None:
    stage = staged(*APART)
    receipt = stage.play(stage.run(roll()))
    assert (receipt.outcome, receipt.evicted, receipt.handed_off) == ("done", 2, 0)


def test_where_only_handoffs_will_do_it_is_a_blocker_with_a_remedy() -> None:
    blockers = staged(*APART).blockers(roll(strategy="handoff"))
    assert len(blockers) == 2
    assert all(
        "cannot be handed off: its replacement has no place while it stands" in found.reason for found in blockers
    )
    assert all("drain.strategy auto" in found.remedy for found in blockers)


def test_a_pod_whose_next_move_it_would_be_in_the_way_of_is_named_as_it_is_now() -> None:
    """Node c is where it can go from a, and from there its own zone's d would be the only place."""
    nodes = [
        node(name, labels={HOST: name, ZONE: zone, free: ""}, allocatable={"cpu": 1000, "pods": 110})
        for name, zone, free in (("a", "y", "fill"), ("c", "z", "web"), ("d", "z", "fill"))
    ]
    web = workload("deployment", "web", 1, apart("web", ZONE, requests={"cpu": 600}))
    fill = workload("deployment", "fill", 1, PodSpec(requests={"cpu": 600}, node_selector={"fill": ""}))
    found = plan(roll(strategy="handoff", order=["a", "d", "c"]), *nodes, web, fill)
    (blocker,) = found.blockers
    assert blocker.reason.startswith("cannot be handed off: its replacement has no place while it stands")
    assert [f"pod/shop/{pod.name}" for pod in found.pods if pod.verdict == "blocked"] == [blocker.object]


def test_where_a_third_zone_has_a_place_it_is_handed_off() -> None:
    third = node("e", labels={HOST: "e", ZONE: "x"})
    found = plan(roll(), *APART, third)
    assert (verdicts(found, "web"), found.blockers) == ({"handoff"}, ())


def test_what_is_counted_by_its_revision_is_not_in_the_way_once_it_is_detached() -> None:
    one = Spread(ZONE, 1, True, equality_selector([("app", "web")]), match_label_keys=("pod-template-hash",))
    found = plan(roll(), *zones(), workload("deployment", "web", 4, PodSpec(spread=(one,))))
    assert (verdicts(found, "web"), found.blockers) == ({"handoff"}, ())


# -- room --------------------------------------------------------------------------------------------------------


def test_a_pod_that_is_handed_off_is_counted_where_it_stands_until_its_replacement_has_a_place() -> None:
    pinned = PodSpec(requests={"cpu": 500}, node_selector={ZONE: "z"})
    objects = (
        *zones(allocatable={"cpu": 2000, "memory": 8 * 1024**3, "pods": 110}),
        workload("deployment", "pinned", 2, pinned),
        workload("deployment", "web", 4, spread("web", requests={"cpu": 900})),
    )
    found = plan(roll(), *objects)
    assert found.blockers == ()
    assert verdicts(found, "web") == {"handoff"}


def test_as_many_nodes_as_may_be_away_are_not_too_many_while_one_of_them_can_go_on() -> None:
    pinned = workload("deployment", "web", 1, PodSpec(node_selector={ZONE: "y"}))
    found = plan(roll(maxUnavailable=2, order=list("abcd")), *zones(), pinned)
    assert found.blockers == ()
    assert found.moves == 1


def test_nodes_that_hold_each_other_up_are_a_blocker() -> None:
    pinned = workload("deployment", "web", 2, apart("web", HOST, node_selector={ZONE: "y"}))
    assert staged(*zones(), pinned).blockers(roll())


def test_a_member_that_finds_its_place_again_on_its_own_node_is_not_in_the_way() -> None:
    members = workload("statefulset", "db", 4, apart("db", HOST))
    found = plan(roll(), *zones(), members)
    assert (found.blockers, found.evicted, verdicts(found, "db")) == ((), 4, {"evict"})


def test_a_member_that_could_return_to_no_other_node_is_in_the_way_where_nodes_stay_cordoned() -> None:
    stage = staged(*zones(), workload("statefulset", "db", 4, apart("db", HOST)))
    state, now = stage.cluster.state(), stage.cluster.now()
    playbook = from_command_line("drain", [{"nodes": {"select": {"names": ["a"]}}}])
    (blocker,) = preflight.blockers(playbook, state, "r", now, keep_cordons=True)
    assert "no room for its replacement" in blocker.reason
    assert preflight.blockers(playbook, state, "r", now) == ()


def tight(count: int) -> tuple[Object, ...]:
    """As many nodes, each with room for one replica only."""
    nodes = [node(name, allocatable={"cpu": 1500, "memory": 8 * 1024**3, "pods": 110}) for name in "abcd"[:count]]
    return (*nodes, workload("deployment", "web", count, PodSpec(requests={"cpu": 1000})))


def test_every_pod_without_room_is_named_and_blocked_for_that_reason() -> None:
    found = plan(roll(), *tight(3))
    assert len(found.blockers) == 3
    assert {f"pod/{pod.namespace}/{pod.name}": pod.reason for pod in found.pods} == {
        blocker.object: blocker.reason for blocker in found.blockers
    }
    assert all("no room for its replacement: 0/3 nodes" in blocker.reason for blocker in found.blockers)
    assert verdicts(found, "web") == {"blocked"}
    assert found.least_moves == 0


def test_what_is_without_room_is_evicted_within_its_budget_where_the_remedy_is_taken() -> None:
    """On each node one, and there is no fourth: one is away until its node is given back."""
    nodes = [node(name, labels={HOST: name}) for name in "abc"]
    web = (workload("deployment", "web", 3, apart("web", HOST)), service("web"), at_least("web", 2))
    found = plan(roll(), *nodes, *web)
    assert verdicts(found, "web") == {"blocked"}
    assert all("with drain.strategy evict" in blocker.remedy for blocker in found.blockers)
    stage = staged(*nodes, *web)
    receipt = stage.play(stage.run(roll(strategy="evict")))
    assert (receipt.outcome, receipt.evicted, receipt.handed_off) == ("done", 3, 0)
    assert stage.witness.violations == []


def test_a_place_on_its_own_node_is_none_for_a_pod_that_tolerates_the_cordon() -> None:
    """There it would be when the node is maintained."""
    tolerant = PodSpec(node_selector={HOST: "a"}, tolerations=(Toleration("", "Exists", "", ""),))
    found = plan(roll(), *zones(), workload("deployment", "web", 2, tolerant))
    assert verdicts(found, "web") == {"blocked"}
    assert all("1 node(s) were unschedulable" in blocker.reason for blocker in found.blockers)


@pytest.mark.parametrize("every", [2, 3])
def test_the_only_free_place_is_for_the_node_whose_turn_it_is_also_while_writes_are_refused(every: int) -> None:
    """The next node's pod would hold it, out of traffic, until its own turn, which would never come."""
    nodes = [node(name, labels={HOST: name}) for name in "abcde"]
    stage = staged(*nodes, workload("deployment", "web", 4, apart("web", HOST)), service("web"))
    stage.cluster.bring([Refusals(every)])
    receipt = stage.play(stage.run(roll()))
    assert (receipt.outcome, receipt.handed_off) == ("done", 4), receipt.reason


def test_a_pod_with_room_is_not_named_because_another_has_none() -> None:
    small = workload("deployment", "small", 3, PodSpec(requests={"cpu": 100}))
    found = plan(roll(), *tight(3), small)
    assert verdicts(found, "web") == {"blocked"}
    assert verdicts(found, "small") == {"handoff"}
    assert len(found.blockers) == 3


def test_a_member_that_others_wait_for_is_named_once() -> None:
    stage = staged(*zones(), workload("statefulset", "db", 4, apart("db", HOST)))
    state, now = stage.cluster.state(), stage.cluster.now()
    playbook = from_command_line("drain", [{"nodes": {"select": {"names": list("abcd")}}}])
    assert len(preflight.blockers(playbook, state, "r", now, keep_cordons=True)) == 1


# -- what is told ------------------------------------------------------------------------------------------------


def test_a_pod_whose_service_lacks_another_endpoint_for_a_moment_is_told_as_it_is_treated() -> None:
    found = plan(roll(), *zones(), workload("statefulset", "db", 2), service("db"))
    assert (found.blockers, verdicts(found, "db")) == ((), {"evict"})
    assert found.moves == found.least_moves == 2


def test_a_pod_that_stays_blocked_is_told_as_blocked_when_its_node_is_given_up() -> None:
    stage = staged(*zones(1), workload("statefulset", "db", 1), service("db"))
    receipt = stage.play(stage.run(roll()))  # as if nobody had looked for blockers
    assert receipt.outcome == "timedOut"
    told = [event for event in stage.events if getattr(event, "verdict", "") == "blocked"]
    assert len(told) == 1
    assert "last ready endpoint of service/shop/db" in told[0].reason  # type: ignore[union-attr]


def test_a_blocker_names_a_pod_that_is_there_also_where_it_is_the_next_move_that_finds_no_room() -> None:
    """Both nodes of zone y are full of what may be in no other, once the first of them has been emptied."""
    nodes = zones(allocatable={"cpu": 1000, "pods": 110})
    fill = workload("deployment", "fill", 2, PodSpec(requests={"cpu": 600}, node_selector={ZONE: "z"}))
    web = workload("deployment", "web", 1, PodSpec(requests={"cpu": 600}))
    found = staged(*nodes, fill, web).blockers(roll())
    assert found
    assert all("'" not in blocker.object for blocker in found)
