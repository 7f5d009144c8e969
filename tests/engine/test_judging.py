"""What a plan says of pods is what is done with them, and what it calls a blocker really stands in the way."""

from __future__ import annotations

from typing import Any

from scenes import node, service, workload
from stage import Stage

from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec, PodTerm, Spread
from underway.cluster.state import ClusterState
from underway.commands import planning
from underway.engine import preflight
from underway.engine.plan import Plan
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.cluster import SimulatedCluster
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
