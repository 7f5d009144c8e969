from __future__ import annotations

from scenes import advance, at_least, budget, evict, label, node, pods, run, settled, workload

from underway.cluster.actions import Evict, PatchBudget
from underway.cluster.model import Budget, Pod, Ref
from underway.cluster.state import ClusterState
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import BudgetTightened, NeverReady
from underway.units import Share

NODES = (node("a"), node("b"), node("c"))


def only_budget(cluster: SimulatedCluster) -> Budget:
    (found,) = cluster.state().budgets()
    return found


def test_a_second_eviction_is_blocked_by_name_until_the_replacement_is_ready() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 3), at_least("web", 2))
        first, second, _ = pods(cluster)
        assert (await evict(cluster, first)).status == "done"
        refused = await evict(cluster, second)
        assert refused.status == "blocked"
        assert refused.message.startswith("Cannot evict pod as it would violate the pod's disruption budget.")
        assert "The disruption budget web needs 2 healthy pods" in refused.message
        await advance(cluster, 5)
        assert (await evict(cluster, second)).status == "done"

    run(story())


def test_two_budgets_on_one_pod_are_an_error_of_the_server() -> None:
    cluster = settled(*NODES, workload("deployment", "web", 3), at_least("web", 1), _other_budget())
    outcome = run(evict(cluster, pods(cluster)[0]))
    assert outcome.status == "failed"
    assert "more than one PodDisruptionBudget" in outcome.message


def _other_budget() -> Budget:
    return Budget("budget-2", "shop", "web-2", at_least("web", 1).selector, Share(1), generation=1)


def test_an_eviction_with_another_uid_finds_the_pod_gone() -> None:
    cluster = settled(*NODES, workload("deployment", "web", 1))
    (pod,) = pods(cluster)
    assert run(cluster.perform(Evict(pod.ref, "another", ""))).status == "gone"
    assert run(cluster.perform(Evict(Ref("pod", "shop", "no-such"), "x", ""))).status == "gone"
    assert pods(cluster) == [pod]


def test_a_pending_pod_passes_every_budget() -> None:
    cluster = settled(workload("deployment", "web", 1), at_least("web", 1))
    (pending,) = pods(cluster)
    assert pending.waiting == "0/0 nodes are available: there is none"
    assert run(evict(cluster, pending)).status == "done"


def test_an_unready_pod_may_go_when_enough_others_are_healthy() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 3), at_least("web", 3))
        cluster.bring([NeverReady()])
        detached = pods(cluster)[0]
        await label(cluster, detached, pod_template_hash=None)
        await advance(cluster, 10)
        (unready,) = (pod for pod in pods(cluster) if not pod.ready)
        assert only_budget(cluster).current_healthy == 3
        assert only_budget(cluster).disruptions_allowed == 0
        assert (await evict(cluster, unready)).status == "done"
        assert (await evict(cluster, detached)).status == "blocked"

    run(story())


def test_an_unready_pod_stays_when_too_few_are_healthy_unless_the_budget_always_allows_it() -> None:
    async def story(*, always: bool) -> str:
        cluster = settled(
            *NODES,
            workload("deployment", "web", 2),
            budget("web", min_available=Share(2), always_allow_unhealthy=always),
            faults=[NeverReady()],
        )
        return (await evict(cluster, pods(cluster)[0])).status

    assert run(story(always=False)) == "blocked"
    assert run(story(always=True)) == "done"


def test_a_budget_not_yet_looked_at_blocks_for_ten_seconds() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 3), at_least("web", 1))
        cluster.bring([BudgetTightened(only_budget(cluster).ref, Share(3))])
        outcome = await evict(cluster, pods(cluster)[0])
        assert outcome.status == "blocked"
        assert outcome.retry_after == 10
        await advance(cluster, 1)
        assert only_budget(cluster).disruptions_allowed == 0

    run(story())


def test_percentages_of_a_budget_round_up() -> None:
    least = settled(*NODES, workload("deployment", "web", 3), budget("web", min_available=Share(50, percent=True)))
    assert (only_budget(least).desired_healthy, only_budget(least).disruptions_allowed) == (2, 1)
    most = settled(*NODES, workload("deployment", "web", 3), budget("web", max_unavailable=Share(50, percent=True)))
    assert (only_budget(most).desired_healthy, only_budget(most).disruptions_allowed) == (1, 2)


def test_a_budget_over_a_daemon_set_allows_nothing_unless_it_counts_by_number() -> None:
    share = settled(*NODES, workload("daemonset", "web"), budget("web", max_unavailable=Share(1)))
    assert only_budget(share).disruptions_allowed == 0
    number = settled(*NODES, workload("daemonset", "web"), budget("web", min_available=Share(1)))
    assert only_budget(number).disruptions_allowed == 2


def test_a_detached_pod_and_its_ready_replacement_satisfy_a_budget_that_blocks_every_other_tool() -> None:
    async def story(**limit: Share) -> None:
        cluster = settled(*NODES, workload("deployment", "web", 1), budget("web", **limit))
        (pod,) = pods(cluster)
        assert (await evict(cluster, pod)).status == "blocked"
        await label(cluster, pod, pod_template_hash=None)
        await advance(cluster, 5)
        assert only_budget(cluster).current_healthy == 2
        assert (await evict(cluster, pod)).status == "done"

    run(story(min_available=Share(1)))
    run(story(min_available=Share(100, percent=True)))
    run(story(max_unavailable=Share(0)))


def test_a_pod_that_leaves_a_budget_is_not_counted_out_until_the_budget_is_touched() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 1), at_least("web", 1))
        (pod,) = pods(cluster)
        await label(cluster, pod, pod_template_hash=None)
        await advance(cluster, 5)
        await label(cluster, pod, app=None)
        await advance(cluster, 60)
        assert only_budget(cluster).disruptions_allowed == 1, "the trap: stale, and anyone could evict the last one"
        stale = only_budget(cluster)
        await cluster.perform(PatchBudget(stale.ref, stale.uid, "", annotations={"underway.dev/recount": "1"}))
        await advance(cluster, 0.3)
        assert only_budget(cluster).disruptions_allowed == 0

    run(story())


def test_an_eviction_takes_from_the_budget_before_its_controller_has_looked() -> None:
    async def story() -> None:
        cluster = settled(*NODES, workload("deployment", "web", 3), at_least("web", 2))
        first = pods(cluster)[0]
        await evict(cluster, first)
        assert only_budget(cluster).disruptions_allowed == 0
        assert first.name in only_budget(cluster).disrupted_pods
        await advance(cluster, 1)
        assert only_budget(cluster).disrupted_pods == frozenset()

    run(story())


def test_a_finished_pod_passes() -> None:
    done = Pod("done", "shop", "web-done", "a", {"app": "web"}, phase="Succeeded")
    cluster = SimulatedCluster(ClusterState([*NODES, done, at_least("web", 5)]))
    assert run(evict(cluster, done)).status == "done"
    assert pods(cluster) == []
