"""One look at a StatefulSet or a DaemonSet in the middle of a rollout: what is done next, and what is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from states import NOW, RUN, budget, endpoints, node, owned, pod, service, turn, waits

from underway.cluster.actions import RECORD, Evict, PatchWorkload, RestoreTemplate, RollTemplate
from underway.cluster.model import Node, Pod, Template, Workload
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec
from underway.playbook.load import from_command_line
from underway.playbook.models import RolloutStep
from underway.steps import rollout_daemonset, rollout_statefulset
from underway.steps.progress import StepEnd, Turn
from underway.steps.verb import Beginning
from underway.units import Share, equality_selector

OLD, NEW = "db-old", "db-new"
BEGINNING = Beginning(0, "default", NOW)


def step(kind: str = "statefulset", **fields: Any) -> RolloutStep:
    body = {"workload": f"{kind}/shop/db", "images": {"db": "db:2"}} | fields
    found = from_command_line("x", [{"rollout": body}]).spec.steps[0].body
    assert isinstance(found, RolloutStep)
    return found


def db(**fields: Any) -> Workload:
    """In the middle of a rollout, its partition still above every member."""
    marks = {"underway.dev/run": RUN, "underway.dev/phase": "rolling", "underway.dev/old-template": "1"}
    marks |= {"underway.dev/old-revisions": OLD, "underway.dev/partition": "0", RECORD: "{}"}
    base: dict[str, Any] = {
        "kind": "statefulset",
        "uid": "sts",
        "namespace": "shop",
        "name": "db",
        "annotations": marks,
        "selector": equality_selector([("app", "db")]),
        "template": Template({"app": "db"}, PodSpec(), "2", {"db": "db:2"}),
        "replicas": 3,
        "partition": 3,
        "strategy": "RollingUpdate",
        "current_revision": OLD,
        "update_revision": NEW,
        "generation": 2,
        "observed_generation": 2,
    }
    return Workload(**base | fields)


def before(**fields: Any) -> Workload:
    """Not begun."""
    template = Template({"app": "db"}, PodSpec(), "1", {"db": "db:1"})
    return db(annotations={}, template=template, partition=0, update_revision=OLD, **fields)


def member(ordinal: int, revision: str = OLD, **fields: Any) -> Pod:
    labels = {"app": "db", "controller-revision-hash": revision}
    return pod(f"db-{ordinal}", labels=labels, owner=owned(db(), "StatefulSet"), **fields)


def looked(found: Workload, *others: Object, **fields: Any) -> tuple[Turn, StepEnd | None]:
    look = turn(found, *others)
    work = rollout_statefulset.begin(step(), BEGINNING, look.state)
    return look, rollout_statefulset.proceed(step(**fields), work, look)


def undone(found: Workload, *others: Object) -> Turn:
    old = Template({"app": "db"}, PodSpec(), "1", {"db": "db:1"})
    look = turn(msgspec.structs.replace(found, template=old), *others)
    assert rollout_statefulset.put_back(look, False)
    return look


def test_the_template_comes_with_a_partition_that_keeps_every_member() -> None:
    look, end = looked(before(), member(0), member(1), member(2))
    (action,) = look.actions
    assert isinstance(action, RollTemplate)
    assert (action.partition, action.images) == (3, {"db": "db:2"})
    assert action.annotations["underway.dev/run"] == RUN
    assert action.annotations["underway.dev/partition"] == "0"
    assert action.annotations["underway.dev/old-revisions"] == OLD
    assert end is None


def test_the_highest_member_of_the_old_version_is_let_go() -> None:
    for revisions, partition in (((OLD, OLD, OLD), 2), ((OLD, OLD, NEW), 1), ((OLD, NEW, NEW), 0)):
        look, _ = looked(db(partition=partition + 1), *map(member, range(3), revisions))
        (action,) = look.actions
        assert isinstance(action, PatchWorkload)
        assert action.partition == partition


@pytest.mark.parametrize(
    "other",
    [member(2, NEW, ready=False), member(2, NEW, deleting=NOW), None, member(2, NEW, ready=True, ready_since=NOW)],
    ids=["not Ready", "terminating", "not there", "not yet available"],
)
def test_nobody_else_goes_while_a_member_is_away(other: Pod | None) -> None:
    others = [one for one in (member(0), member(1), other) if one is not None]
    look, end = looked(db(partition=2, min_ready_seconds=5), *others)
    assert look.actions == []
    assert end is None
    assert any("db-2" in name for name in waits(look))


def test_no_member_goes_that_its_budget_cannot_spare() -> None:
    covered = budget("db", allowed=0, selector=equality_selector([("app", "db")]), desired_healthy=3, current_healthy=3)
    look, _ = looked(db(), member(0), member(1), member(2), covered)
    assert look.actions == []
    assert "allows none now" in waits(look)["pod/shop/db-2"]


def test_what_its_controller_has_not_seen_yet_is_waited_for() -> None:
    look, _ = looked(db(observed_generation=1), member(0), member(1), member(2))
    assert look.actions == []


def test_a_member_that_serves_no_requests_yet_holds_the_next_one() -> None:
    mine = service("db", selector={"app": "db"})
    look, _ = looked(db(partition=2), member(0), member(1), member(2, NEW), mine, endpoints(member(0), name="db"))
    assert look.actions == []


def test_when_all_are_new_the_partition_is_as_it_was() -> None:
    look, _ = looked(db(partition=0), member(0, NEW), member(1, NEW), member(2, NEW))
    (action,) = look.actions
    assert isinstance(action, PatchWorkload)
    assert (action.partition, action.annotations) == (0, {"underway.dev/phase": "rolled"})


def test_a_bad_member_ends_the_step() -> None:
    _, end = looked(db(partition=2), member(0), member(1), member(2, NEW, ready=False, waiting="CrashLoopBackOff: x"))
    assert end is not None
    assert (end.outcome, end.reason) == ("failed", "pod/shop/db-2: CrashLoopBackOff: x")


def test_paused_nothing_new_begins() -> None:
    look = turn(db(), member(0), member(1), member(2))
    look.paused = True
    rollout_statefulset.proceed(step(), rollout_statefulset.begin(step(), BEGINNING, look.state), look)
    assert look.actions == []


def test_undone_the_old_template_comes_with_a_partition_that_keeps_every_member() -> None:
    look = turn(db(partition=2), member(0), member(1), member(2, NEW, ready=False))
    rollout_statefulset.put_back(look, False)
    (action,) = look.actions
    assert isinstance(action, RestoreTemplate)
    assert action.partition == 3


def test_a_stuck_member_is_evicted_first_and_the_others_only_when_it_is_back() -> None:
    back = db(update_revision=OLD)
    look = undone(back, member(0), member(1, NEW, ready=False), member(2, NEW))
    assert [(type(one), one.object.name) for one in look.actions] == [(Evict, "db-1")]
    look = undone(back, member(0), member(1, ready=False), member(2, NEW))
    assert look.actions == []
    look = undone(back, member(0), member(1), member(2, NEW))
    assert [(type(one), one.object.name) for one in look.actions] == [(Evict, "db-2")]


def test_a_stuck_member_waits_for_a_budget_that_forbids_even_that() -> None:
    selector = equality_selector([("app", "db")])
    covered = budget("db", allowed=0, selector=selector, desired_healthy=3, current_healthy=2, max_unavailable=Share(0))
    look = undone(db(update_revision=OLD), member(0), member(1), member(2, NEW, ready=False), covered)
    assert look.actions == []
    assert "allows none now" in waits(look)["pod/shop/db-2"]


def test_a_rollout_that_was_complete_goes_back_by_partition() -> None:
    """Evicted, a member below the partition would be made again of the current revision: the new one."""
    back = db(current_revision=NEW, update_revision=OLD)
    look = undone(back, member(0, NEW), member(1, NEW), member(2, NEW))
    (action,) = look.actions
    assert isinstance(action, PatchWorkload)
    assert action.partition == 2


def test_the_marks_go_with_the_partition_as_it_was() -> None:
    look = undone(db(update_revision=OLD), member(0), member(1), member(2))
    (action,) = look.actions
    assert isinstance(action, PatchWorkload)
    assert action.partition == 0
    assert set(action.annotations) == set(db().annotations)
    assert set(action.annotations.values()) == {None}


# -- DaemonSets --------------------------------------------------------------------------------------------------


def agent(number: int = 5, **fields: Any) -> Workload:
    marks = {"underway.dev/run": RUN, "underway.dev/phase": "rolling", "underway.dev/old-template": "1"}
    marks |= {"underway.dev/old-revisions": "4", "underway.dev/batch": "1"}
    base: dict[str, Any] = {"kind": "daemonset", "uid": "ds", "strategy": "OnDelete", "annotations": marks}
    return db(**base | {"update_revision": str(number)} | fields)


def on(where: str, number: int = 4, **fields: Any) -> Pod:
    labels = {"app": "db", "pod-template-generation": str(number)}
    return pod(f"agent-{where}", where, labels=labels, owner=owned(agent(), "DaemonSet"), **fields)


NODES: tuple[Node, ...] = (node("a"), node("b"), node("c"))


def rolling(found: Workload, *others: Object) -> Turn:
    look = turn(found, *NODES, *others)
    work = rollout_daemonset.begin(step("daemonset"), BEGINNING, look.state)
    rollout_daemonset.proceed(step("daemonset"), work, look)
    return look


def evicted(look: Turn) -> list[str]:
    return [one.object.name for one in look.actions if isinstance(one, Evict)]


def test_one_node_after_another_is_given_the_new_version() -> None:
    assert evicted(rolling(agent(), on("a"), on("b"), on("c"))) == ["agent-a"]
    assert evicted(rolling(agent(), on("a", deleting=NOW), on("b"), on("c"))) == []
    assert evicted(rolling(agent(), on("b"), on("c"))) == []
    assert evicted(rolling(agent(), on("a", 5, ready=False), on("b"), on("c"))) == []
    assert evicted(rolling(agent(), on("a", 5), on("b"), on("c"))) == ["agent-b"]


def test_pods_that_do_not_serve_anyway_go_first() -> None:
    assert evicted(rolling(agent(), on("a"), on("b", ready=False), on("c"))) == ["agent-b"]


def test_a_node_that_is_not_ready_is_left_and_named() -> None:
    lost = node("c", ready=False)
    look = turn(agent(), *NODES[:2], lost, on("a", 5), on("b", 5), on("c"))
    work = rollout_daemonset.begin(step("daemonset"), BEGINNING, look.state)
    assert rollout_daemonset.proceed(step("daemonset"), work, look) is None
    assert [type(one) for one in look.actions] == [PatchWorkload]
    assert "the pods on c" in work.reason


def test_undone_only_pods_that_the_run_has_made_are_replaced() -> None:
    old = Template({"app": "db"}, PodSpec(), "1")
    look = turn(agent(6, template=old), *NODES, on("a", 5), on("b", 3), on("c", 4))
    rollout_daemonset.put_back(look, False)
    assert evicted(look) == ["agent-a"]
    look = turn(agent(6, template=old), *NODES, on("a", 6), on("b", 3), on("c", 4))
    rollout_daemonset.put_back(look, False)
    assert [type(one) for one in look.actions] == [PatchWorkload]
