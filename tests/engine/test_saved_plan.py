"""A saved plan fits the cluster as long as what it is about is as it was; else every difference is told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from states import HASH, NOW, budget, node, pod, replicaset, service

from underway.cluster.model import Owner, Ref, Template, Workload
from underway.cluster.objects import Autoscaler, Object
from underway.cluster.podspec import PodSpec, Taint
from underway.cluster.state import ClusterState
from underway.engine.saved_plan import differences
from underway.engine.targets import targets
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.units import Share, equality_selector

PLAYBOOK = from_command_line("x", [{"nodes": {"select": {"labels": "pool=a"}}}])
WEB = Workload("deployment", "deploy", "shop", "web", replicas=2, generation=4)
AGENT = Workload("daemonset", "ds", "shop", "agent", replicas=2)


def cluster() -> dict[str, Object]:
    """A worker with one pod of each kind, and one node that nothing is to be done with."""
    found: list[Object] = [
        node("a", labels={"pool": "a"}),
        node("b", labels={"pool": "b"}),
        WEB,
        replicaset(owner=Owner("Deployment", "web", "deploy")),
        AGENT,
        pod("web-x"),
        pod("web-y", "b"),
        pod("agent-a", owner=Owner("DaemonSet", "agent", "ds"), labels={"app": "agent"}),
        budget(at_least=1, allowed=1),
        budget("other", at_least=1, selector=equality_selector([("app", "other")])),
        service(),
    ]
    return {str(each.ref): each for each in found}


def state(objects: dict[str, Object]) -> ClusterState:
    return ClusterState(objects.values())


def changed(playbook: Playbook = PLAYBOOK, **by_name: Any) -> dict[str, str]:
    """What is told after these objects (by place in `NAMES`) were replaced, taken away (None) or added."""
    planned = targets(playbook, state(cluster()))
    now = cluster()
    for name, new in by_name.items():
        ref = NAMES[name]
        if new is None:
            del now[ref]
        elif isinstance(new, dict):
            now[ref] = replace(now[ref], **new)
        else:
            now[str(new.ref)] = new
    found = differences(planned, playbook, state(now), "plan again")
    assert all(each.remedy == "plan again" for each in found)
    return {each.object: each.reason for each in found}


def about(verb: str, **fields: Any) -> Playbook:
    return from_command_line("x", [{verb: fields}])


WHOLE = "deployment/shop/web"
OF_WORKLOADS = [
    about("rollout", workload=WHOLE, restart=True),
    about("scale", workload=WHOLE, by=1),
    about("rebalance", workload=WHOLE),
    about("quarantine", pod="shop/web-x"),
    about("quarantine", select="app=web"),
]
TEMPLATE = Template({}, PodSpec(), "t1", {"web": "shop/web:1"})
SCALER = Autoscaler("hpa", "shop", "web", Ref("deployment", "shop", "web"), 2, 5)


@pytest.mark.parametrize("playbook", OF_WORKLOADS)
@pytest.mark.parametrize(
    ("new", "told"),
    [
        ({"web": {"replicas": 3}}, {WHOLE: "replicas was 2, now 3"}),
        ({"web": {"paused": True}}, {WHOLE: "paused was false, now true"}),
        ({"web": {"strategy": "Recreate"}}, {WHOLE: 'strategy was "", now Recreate'}),
        ({"web": {"max_surge": Share(1)}}, {WHOLE: "maxSurge was not there, now 1"}),
        ({"web": {"template": TEMPLATE}}, {WHOLE: "image of web was not there, now shop/web:1"}),
        ({"web": {"template": replace(TEMPLATE, images={})}}, {WHOLE: 'template was "", now t1'}),
        ({"x": {"uid": "p2"}}, {"pod/shop/web-x": "is another one of this name (uid was uid-web-x, now p2)"}),
        ({"x": {"node": "b"}}, {"pod/shop/web-x": "node was a, now b"}),
        (
            {"budget": {"min_available": Share(2)}},
            {"poddisruptionbudget/shop/web": "minAvailable was 1, now 2"},
        ),
        ({"new": SCALER}, {"horizontalpodautoscaler/shop/web": "is new: it scales what the plan is about"}),
        ({"agent": {"uid": "another"}, "a": {"unschedulable": True}, "other": None}, {}),
    ],
)
def test_a_plan_for_a_workload_is_about_it_its_pods_and_what_governs_them(
    playbook: Playbook, new: dict[str, Any], told: dict[str, str]
) -> None:
    assert changed(playbook, **new) == told


def test_an_autoscaler_that_allows_another_number_is_told() -> None:
    now = replace(SCALER, max_replicas=9)
    planned = targets(OF_WORKLOADS[1], state(cluster() | {str(SCALER.ref): SCALER}))
    (found,) = differences(planned, OF_WORKLOADS[1], state(cluster() | {str(now.ref): now}), "")
    assert (found.object, found.reason) == (str(SCALER.ref), "maxReplicas was 5, now 9")


NAMES = {
    "a": "node/a",
    "b": "node/b",
    "web": "deployment/shop/web",
    "rs": "replicaset/shop/web-1",
    "agent": "pod/shop/agent-a",
    "x": "pod/shop/web-x",
    "y": "pod/shop/web-y",
    "budget": "poddisruptionbudget/shop/web",
    "other": "poddisruptionbudget/shop/other",
    "new": "",
}
POD, NODE, BUDGET, DEPLOYMENT = NAMES["x"], NAMES["a"], NAMES["budget"], NAMES["web"]


def test_a_plan_is_about_nodes_the_pods_that_leave_them_and_what_governs_these() -> None:
    found = {target.object: target for target in targets(PLAYBOOK, state(cluster()))}
    assert list(found) == [NODE, POD, DEPLOYMENT, BUDGET]
    assert found[POD].facts == {"node": "a", "verdict": "handoff", "label app": "web", f"label {HASH}": "1"}
    assert found[NODE].facts == {"unschedulable": "false", "ready": "true", "label pool": "a"}
    assert found[DEPLOYMENT].facts == {
        "replicas": "2",
        "generation": "4",
        "paused": "false",
        "strategy": "",
        "partition": "0",
        "minReadySeconds": "0",
        "template": "",
    }
    assert found[BUDGET].facts == {
        "selector": "app=web",
        "minAvailable": "1",
        "unhealthyPodEvictionPolicy": "IfHealthyBudget",
    }


@pytest.mark.parametrize(
    "new",
    [
        {},
        {"a": {"resource_version": "99", "conditions": {"MemoryPressure": "False"}}},
        {"a": {"taints": (Taint("node.kubernetes.io/memory-pressure", "NoSchedule"),)}},
        {"x": {"resource_version": "99", "restarts": 3}},
        {"budget": {"disruptions_allowed": 0, "current_healthy": 1, "resource_version": "99"}},
        {"web": {"ready": 1, "observed_generation": 9, "resource_version": "99"}},
        {"rs": {"generation": 7}},
        {"b": {"unschedulable": True}, "y": {"uid": "another"}},
        {"other": None},
        {"agent": {"uid": "another"}},
        {"new": budget("third", at_least=9, selector=equality_selector([("app", "third")]))},
    ],
)
def test_what_does_not_decide_changes_nothing(new: dict[str, Any]) -> None:
    assert changed(**new) == {}


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ({"a": {"unschedulable": True}}, {NODE: "unschedulable was false, now true"}),
        ({"a": {"ready": False}}, {NODE: "ready was true, now false"}),
        ({"a": {"labels": {"pool": "a", "disk": ""}}}, {NODE: 'label disk was not there, now ""'}),
        (
            {"a": {"taints": (Taint("gpu", "NoSchedule", "yes"), Taint("gpu", "NoExecute"))}},
            {NODE: 'taint gpu:NoSchedule was not there, now yes; taint gpu:NoExecute was not there, now ""'},
        ),
        ({"a": {"uid": "n2"}}, {NODE: "is another one of this name (uid was node-a, now n2)"}),
        ({"a": {"labels": {"pool": "c"}}}, {NODE: "label pool was a, now c"}),
        (
            {"b": {"labels": {"pool": "a"}}},
            {"node/b": "is new: it is selected now", NAMES["y"]: "is new on node/b (verdict handoff)"},
        ),
        ({"x": None}, {POD: "is gone"}),
        ({"x": {"uid": "p2"}}, {POD: "is another one of this name (uid was uid-web-x, now p2)"}),
        ({"x": {"phase": "Succeeded"}}, {POD: "verdict was handoff, now skip"}),
        (
            {"x": {"labels": {"app": "web"}}},
            {POD: f"verdict was handoff, now evict; label {HASH} was 1, now not there"},
        ),
        ({"x": {"deleting": NOW}}, {POD: "verdict was handoff, now wait"}),
        ({"new": pod("web-z")}, {"pod/shop/web-z": "is new on node/a (verdict handoff)"}),
        ({"web": {"replicas": 3, "generation": 5}}, {DEPLOYMENT: "replicas was 2, now 3; generation was 4, now 5"}),
        (
            {"web": {"uid": "d2"}},
            {
                DEPLOYMENT: "is another one of this name (uid was deploy, now d2)",
                NAMES["rs"]: "is new: it controls pods that the plan is about",
            },
        ),
        ({"budget": {"min_available": Share(50, percent=True)}}, {BUDGET: "minAvailable was 1, now 50%"}),
        (
            {"budget": {"min_available": None, "max_unavailable": Share(1)}},
            {BUDGET: "minAvailable was 1, now not there; maxUnavailable was not there, now 1"},
        ),
        ({"budget": {"selector": equality_selector([("a", "b")])}}, {BUDGET: "selector was app=web, now a=b"}),
        ({"budget": {"selector": None}}, {BUDGET: "selector was app=web, now nothing"}),
        ({"budget": None}, {BUDGET: "is gone"}),
        (
            {"budget": {"always_allow_unhealthy": True}},
            {BUDGET: "unhealthyPodEvictionPolicy was IfHealthyBudget, now AlwaysAllow"},
        ),
        (
            {"other": {"selector": equality_selector([(HASH, "1")])}},
            {NAMES["other"]: "is new: it covers pods that the plan is about", POD: "verdict was handoff, now blocked"},
        ),
    ],
)
def test_what_decides_is_told_with_what_it_was_and_is(new: dict[str, Any], told: dict[str, str]) -> None:
    assert changed(**new) == told


def test_a_pod_that_was_terminating_already_may_be_gone() -> None:
    before = cluster() | {"": pod("web-z", deleting=NOW)}
    planned = targets(PLAYBOOK, state(before))
    for now in (before, cluster()):
        assert differences(planned, PLAYBOOK, state(now), "plan again") == ()


def test_everything_is_told_at_once_nodes_first() -> None:
    new = {"a": {"ready": False}, "x": None, "budget": None, "web": {"replicas": 1}, "new": pod("web-z")}
    assert list(changed(**new)) == [NODE, BUDGET, DEPLOYMENT, POD, "pod/shop/web-z"]


def test_of_one_object_that_is_quite_another_only_the_first_differences_are_told() -> None:
    told = changed(a={"labels": {"pool": "a", **{f"l{number}": "1" for number in range(9)}}})[NODE]
    assert told.count(" was not there, now 1") == 5
    assert told.endswith("and 4 more differences")


def test_the_same_node_in_two_steps_is_one_target() -> None:
    twice = from_command_line("x", [{"nodes": {"select": {"names": ["a"]}}}] * 2)
    once = from_command_line("x", [{"nodes": {"select": {"names": ["a"]}}}])
    assert targets(twice, state(cluster())) == targets(once, state(cluster()))


def test_every_kind_of_target_is_found_by_its_name_when_the_playbook_is_no_longer_about_it() -> None:
    """The node has left the selection, and with it everything else: only what has changed itself is told."""
    assert changed(a={"labels": {}}) == {NODE: "label pool was a, now not there"}
    assert changed(a={"labels": {}}, x=None, web=None) == {
        NODE: "label pool was a, now not there",
        DEPLOYMENT: "is gone",
        POD: "is gone",
    }
