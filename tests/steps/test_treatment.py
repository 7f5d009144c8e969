"""What is done with each pod of a node, and everything that stands in the way, each with what can be done about it."""

from __future__ import annotations

from typing import Any

import pytest
from states import HASH, NOW, budget, detached, endpoints, nodes_step, owned, pod, replicaset, service

from underway.cluster.model import Claim, NetworkPolicy, Owner, Pod, Template, Workload
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec
from underway.cluster.state import MARK, ClusterState
from underway.steps.handoff import Handoff
from underway.steps.treatment import Treatment, treatment
from underway.units import Share, equality_selector


def judged(found: Pod, *others: Object, **drain: Any) -> Treatment:
    return treatment(found, nodes_step(drain=drain).drain, ClusterState([found, *others]))


def workload(kind: Any, name: str = "x", **fields: Any) -> Workload:
    return Workload(kind=kind, uid=name, namespace="shop", name=name, **fields)


def blocked(answer: Treatment, reason: str, remedy: str) -> None:
    assert answer.verdict == "blocked"
    [found] = answer.blockers
    assert found.object == "pod/shop/web"
    assert reason in found.reason
    assert remedy in found.remedy
    assert found.reason == answer.reason


WEB = pod("web")
OTHER = pod("other", "b")


def test_a_ready_pod_of_a_replicaset_is_handed_off() -> None:
    answer = judged(WEB, replicaset(), service(), endpoints(WEB))
    assert answer.verdict == "handoff"
    assert answer.handoff == Handoff(HASH, ("app",))
    assert "detach by pod-template-hash, withdraw by app" in answer.reason


def test_without_a_service_there_is_nothing_to_withdraw_from() -> None:
    assert judged(WEB, replicaset()).handoff == Handoff(HASH, ())


def test_a_pod_whose_handoff_has_begun_goes_on() -> None:
    assert judged(detached("web")).verdict == "handoff"
    assert judged(detached("web")).handoff is None


# -- left alone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "verdict", "reason"),
    [
        ({"mirror": True, "owner": Owner("Node", "a", "node-a")}, "skip", "static pod"),
        ({"deleting": NOW}, "wait", "terminating"),
        ({"phase": "Succeeded", "ready": False, "owner": None}, "skip", "finished (Succeeded)"),
        ({"phase": "Failed", "ready": False}, "skip", "finished (Failed)"),
        ({"labels": {MARK: "run-1"}, "owner": None}, "skip", "belongs to a run"),
    ],
)
def test_some_pods_are_left_alone(fields: dict[str, Any], verdict: str, reason: str) -> None:
    answer = judged(pod("web", **fields), replicaset())
    assert answer.verdict == verdict
    assert reason in answer.reason
    assert not answer.blockers


def test_a_pod_of_a_daemonset_is_left() -> None:
    kept = workload("daemonset")
    assert judged(pod("web", owner=owned(kept, "DaemonSet")), kept).verdict == "skip"


def test_a_pod_that_may_finish_is_waited_for_whatever_else_speaks_against_it() -> None:
    answer = judged(pod("web", owner=None), waitFor="app=web")
    assert (answer.verdict, answer.blockers) == ("wait", ())
    assert judged(WEB, replicaset(), waitFor="app=other").verdict == "handoff"


# -- lost for good -----------------------------------------------------------------------------------------------


def test_a_bare_pod_is_a_blocker_unless_forced() -> None:
    bare = pod("web", owner=None)
    blocked(judged(bare), "it has no controller", "drain.force")
    assert judged(bare, force=True).verdict == "evict"


def test_a_pod_whose_daemonset_is_gone_is_a_blocker_unless_forced() -> None:
    orphan = pod("web", owner=Owner("DaemonSet", "gone", "gone"))
    blocked(judged(orphan), "its DaemonSet is gone", "drain.force")
    assert judged(orphan, force=True).verdict == "evict"


def test_a_pod_whose_replicaset_is_gone_is_a_blocker_unless_forced() -> None:
    blocked(judged(WEB), "its ReplicaSet is gone: nothing would bring it back", "drain.force")
    assert judged(WEB, force=True).verdict == "evict"
    assert judged(pod("web", owner=Owner("Rollout", "gone", "gone"))).verdict == "evict"


def test_local_data_is_a_blocker_unless_it_may_be_lost() -> None:
    local = pod("web", spec=PodSpec(local_volumes=("cache", "tmp")))
    blocked(judged(local, replicaset()), "emptyDir cache, tmp", "drain.deleteEmptyDirData")
    assert judged(local, replicaset(), deleteEmptyDirData=True).verdict == "handoff"


def test_a_placeholder_is_not_handed_off_and_may_go() -> None:
    yielding = pod("web", spec=PodSpec(priority=-1))
    assert judged(yielding, replicaset()).verdict == "evict"
    assert judged(pod("web"), replicaset()).verdict == "handoff"


def test_a_job_at_its_backoff_limit_is_a_blocker_unless_forced() -> None:
    last = workload("job", backoff_limit=2, failed=2)
    found = pod("web", owner=owned(last, "Job"))
    blocked(judged(found, last), "job/shop/x for good (backoffLimit 2)", "drain.waitFor")
    assert judged(found, last, force=True).verdict == "evict"
    assert judged(found, workload("job", backoff_limit=2, failed=1)).verdict == "evict"
    assert judged(found, workload("job", backoff_limit=2, failed=2, forgiving=True)).verdict == "evict"


def test_all_that_stands_in_the_way_is_said_at_once() -> None:
    found = pod("web", owner=None, spec=PodSpec(local_volumes=("cache",)))
    answer = judged(found, budget("one", at_least=1), budget("two", at_least=1))
    assert len(answer.blockers) == 3
    assert answer.reason == "; ".join(blocker.reason for blocker in answer.blockers)
    assert all(blocker.remedy for blocker in answer.blockers)


# -- budgets and endpoints ---------------------------------------------------------------------------------------


def test_two_budgets_are_a_blocker_for_a_handoff_too() -> None:
    answer = judged(WEB, replicaset(), budget("one", at_least=1), budget("two", at_least=1))
    blocked(answer, "2 budgets select it", "let one PodDisruptionBudget select it")


def test_a_budget_that_can_never_allow_it_is_a_blocker_for_an_eviction_only() -> None:
    tight = budget(at_least=2)
    answer = judged(WEB, OTHER, replicaset(), tight, strategy="evict")
    blocked(answer, "can never allow it: minAvailable: 2 of 2", "add a replica, or loosen poddisruptionbudget/shop/web")
    assert judged(WEB, OTHER, replicaset(), tight).verdict == "handoff"
    assert judged(WEB, OTHER, replicaset(), budget(at_least=1), strategy="evict").verdict == "evict"


def test_a_budget_without_room_counts_what_controllers_ask_for() -> None:
    none = budget(max_unavailable=Share(0))
    blocked(judged(WEB, replicaset(), none, strategy="evict"), "maxUnavailable: 0 of 2", "loosen")


def remedy(answer: Treatment) -> str:
    [found] = answer.blockers
    return found.remedy


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"at_least": 2}, "add a replica, or loosen poddisruptionbudget/shop/web"),
        ({"min_available": Share(75, percent=True)}, "add 2 replicas, or loosen poddisruptionbudget/shop/web"),
        (
            {"min_available": Share(100, percent=True)},
            "loosen poddisruptionbudget/shop/web: with minAvailable: 100% none may go, however many replicas there are",
        ),
        (
            {"max_unavailable": Share(0)},
            "loosen poddisruptionbudget/shop/web: with maxUnavailable: 0 none may go, however many replicas there are",
        ),
    ],
)
def test_replicas_are_added_for_a_budget_only_where_that_helps(rule: dict[str, Any], said: str) -> None:
    assert said in remedy(judged(WEB, OTHER, replicaset(), budget(**rule), strategy="evict"))


def test_nobody_is_told_to_add_a_replica_of_a_pod_that_has_none() -> None:
    bare = pod("web", owner=None)
    by_hand = "loosen poddisruptionbudget/shop/web, or delete the pod yourself, which asks no budget"
    assert by_hand in remedy(judged(bare, budget(at_least=1), force=True))
    assert remedy(judged(bare, service(), endpoints(bare), force=True)).startswith("accept the gap")
    last = workload("job", backoff_limit=2)
    found = pod("web", owner=owned(last, "Job"))
    assert "let it finish with drain.waitFor" in remedy(judged(found, last, budget(at_least=1)))


def test_a_volume_that_one_node_uses_at_a_time_serves_no_second_replica() -> None:
    found, others = _claim("ReadWriteOnce")
    assert remedy(judged(found, *others, service(), endpoints(found))).startswith("accept the gap")


def test_a_budget_and_a_service_that_are_both_in_the_way_are_both_said() -> None:
    alone = workload("statefulset", "db", replicas=1)
    found = pod("web", owner=owned(alone, "StatefulSet"))
    answer = judged(found, alone, budget(max_unavailable=Share(0)), service(), endpoints(found))
    assert [each.remedy.split(",")[0].split(":")[0] for each in answer.blockers] == [
        "loosen poddisruptionbudget/shop/web",
        "add a replica",
    ]


def test_a_budget_that_lets_unhealthy_pods_go_does_not_block_one() -> None:
    sick = pod("web", ready=False)
    assert judged(sick, replicaset(), budget(at_least=1, always_allow_unhealthy=True)).verdict == "evict"
    blocked(judged(sick, replicaset(), budget(at_least=1)), "can never allow it", "add a replica")


def test_the_last_ready_endpoint_is_a_blocker_unless_the_gap_is_accepted() -> None:
    held = replicaset(owner=Owner("Deployment", "d", "d"))
    once = workload("deployment", "d", strategy="Recreate")
    others = (held, once, service())
    blocked(judged(WEB, *others, endpoints(WEB)), "last ready endpoint of service/shop/web", "drain.strategy evict")
    assert judged(WEB, *others, endpoints(WEB), strategy="evict").verdict == "evict"
    assert judged(WEB, OTHER, *others, endpoints(WEB, OTHER)).verdict == "evict"


# -- what cannot be handed off -----------------------------------------------------------------------------------


def _recreate() -> tuple[Pod, list[Object]]:
    held = replicaset(owner=Owner("Deployment", "d", "d"))
    return WEB, [held, workload("deployment", "d", strategy="Recreate")]


def _statefulset() -> tuple[Pod, list[Object]]:
    members = workload("statefulset", replicas=2)
    return pod("web", owner=owned(members, "StatefulSet")), [members]


def _claim(mode: str) -> tuple[Pod, list[Object]]:
    return pod("web", spec=PodSpec(claims=("data",))), [replicaset(), Claim("c", "shop", "data", (mode,))]


HASHED = replicaset(selector=equality_selector([(HASH, "1")]))
PORTS = PodSpec(host_ports=(("TCP", "", 80),))
NO_LABEL = "every label that its ReplicaSet selects by is also used"


@pytest.mark.parametrize(
    ("reason", "case"),
    [
        ("its Deployment never runs two at once (strategy Recreate)", _recreate()),
        ("its StatefulSet makes no second one beside it", _statefulset()),
        ("its Rollout makes no second one beside it", (pod("web", owner=Owner("Rollout", "r", "r")), [])),
        ("its ReplicaSet is being scaled to 0", (WEB, [replicaset(0)])),
        ("it is not Ready", (pod("web", ready=False), [replicaset()])),
        ("its node's own ports", (pod("web", spec=PORTS), [replicaset()])),
        ("its node's own ports", (pod("web", spec=PodSpec(host_network=True)), [replicaset()])),
        ("claim data can be used on one node only", _claim("ReadWriteOnce")),
        ("claim data can be used on one node only", _claim("ReadWriteOncePod")),
        ("claim data can be used on one node only", (pod("web", spec=PodSpec(claims=("data",))), [replicaset()])),
        (NO_LABEL, (WEB, [replicaset(), service(selector={"app": "web", HASH: "1"})])),
        (NO_LABEL, (WEB, [HASHED, budget(selector=HASHED.selector)])),
        (NO_LABEL, (WEB, [HASHED, NetworkPolicy("n", "shop", "n", target=equality_selector([(HASH, "1")]))])),
        (NO_LABEL, (WEB, [HASHED, replicaset(uid="w", name="w", selector=equality_selector([("app", "web")]))])),
    ],
)
def test_what_cannot_be_handed_off_is_evicted_or_refused_with_the_reason(
    reason: str, case: tuple[Pod, list[Object]]
) -> None:
    found, others = case
    answer = judged(found, *others)
    assert (answer.verdict, answer.handoff) == ("evict", None)
    assert reason in answer.reason
    blocked(judged(found, *others, strategy="handoff"), reason, "drain.strategy auto")


def test_a_volume_that_many_may_write_is_no_obstacle() -> None:
    found, others = _claim("ReadWriteMany")
    assert judged(found, *others).verdict == "handoff"


def test_a_pod_that_another_controller_would_adopt_out_of_traffic_is_not_handed_off() -> None:
    plain = equality_selector([("tier", "x")])
    missing = type(plain)((plain.requirements[0], type(plain.requirements[0])("app", "DoesNotExist")))
    found = pod("web", labels={"app": "web", HASH: "1", "tier": "x"})
    greedy = replicaset(uid="greedy", name="greedy", selector=missing)
    answer = judged(found, replicaset(), greedy, service())
    assert answer.verdict == "evict"
    assert "another controller would adopt it" in answer.reason


@pytest.mark.parametrize("strategy", ["auto", "evict"])
def test_what_comes_back_to_its_node_whatever_is_done_is_a_blocker(strategy: str) -> None:
    """A pod whose nodeName is given passes the scheduler, and with it the cordon."""
    web = workload("deployment", "web")
    made = replicaset(owner=owned(web, "Deployment"), template=Template({}, PodSpec(), node="a"))
    answer = judged(WEB, made, web, strategy=strategy)
    blocked(answer, "come to node/a too (nodeName)", "take nodeName out of the template of deployment/shop/web")


def test_strategy_evict_never_hands_off() -> None:
    answer = judged(WEB, replicaset(), strategy="evict")
    assert (answer.verdict, answer.reason) == ("evict", "evicted within its budgets, as asked (strategy evict)")
