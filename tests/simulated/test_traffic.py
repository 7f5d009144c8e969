from __future__ import annotations

from datetime import timedelta

from scenes import advance, at_least, cordon, evict, label, node, pods, run, service, settled, workload

from underway.cluster.model import Ref
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import EXIT
from underway.simulated.traffic import NO_ENDPOINTS, Requests

WEB = Ref("service", "shop", "web")
LATENCY = timedelta(milliseconds=20)


async def under_load(cluster: SimulatedCluster) -> Requests:
    await advance(cluster, 5)
    return cluster.traffic.start(WEB, 200, LATENCY)


def shop(**fields: object) -> SimulatedCluster:
    web = workload("deployment", "web", 3, **fields)
    return settled(node("a"), node("b"), node("c"), node("d"), web, service("web"), at_least("web", 2))


def test_an_evicted_pod_that_exits_at_once_loses_the_requests_until_the_proxies_know() -> None:
    async def story() -> None:
        cluster = shop()
        requests = await under_load(cluster)
        await evict(cluster, pods(cluster)[0])
        await advance(cluster, 10)
        cluster.traffic.look()
        assert 1 <= requests.lost <= 20
        assert requests.sent + 4 >= 2000
        assert timedelta(0) < requests.longest_gap < timedelta(seconds=1)
        assert sum(requests.reasons.values()) == requests.lost
        assert any("the proxies still sent it requests" in reason for reason in requests.reasons)
        assert any("exited while it was answering" in reason for reason in requests.reasons)

    run(story())


def test_a_pod_that_serves_on_until_the_proxies_know_loses_nothing() -> None:
    async def story() -> None:
        cluster = shop(annotations={EXIT: "3s"})
        requests = await under_load(cluster)
        await evict(cluster, pods(cluster)[0])
        await advance(cluster, 10)
        cluster.traffic.look()
        assert requests.lost == 0
        assert requests.longest_gap == timedelta(0)

    run(story())


def test_a_handoff_with_three_seconds_to_settle_loses_nothing() -> None:
    async def story() -> None:
        cluster = shop()
        requests = await under_load(cluster)
        moved = pods(cluster)[0]
        await cordon(cluster, moved.node)
        await label(cluster, moved, pod_template_hash=None)
        await advance(cluster, 6)
        await label(cluster, moved, app=None)
        await advance(cluster, 3)
        assert (await evict(cluster, moved)).status == "done"
        await advance(cluster, 5)
        cluster.traffic.look()
        assert (requests.lost, requests.longest_gap) == (0, timedelta(0))
        assert requests.sent > 2700

    run(story())


def test_rules_that_were_just_written_are_not_written_again_for_a_second() -> None:
    async def story() -> None:
        cluster = shop()
        await advance(cluster, 5)
        first, second, _ = pods(cluster)
        await label(cluster, first, app=None)
        await advance(cluster, 0.2)
        assert first.uid not in cluster.proxies.routes(WEB)
        await label(cluster, second, app=None)
        await advance(cluster, 0.5)
        assert second.uid in cluster.proxies.routes(WEB)
        await advance(cluster, 0.6)
        assert second.uid not in cluster.proxies.routes(WEB)

    run(story())


def test_a_service_without_endpoints_loses_everything_and_its_gap_is_the_outage() -> None:
    async def story() -> None:
        cluster = settled(node("a"), workload("deployment", "web", 1), service("web"))
        requests = await under_load(cluster)
        await advance(cluster, 1)
        await evict(cluster, pods(cluster)[0])
        await advance(cluster, 20)
        cluster.traffic.look()
        assert NO_ENDPOINTS in requests.reasons
        assert timedelta(seconds=3) < requests.longest_gap < timedelta(seconds=5)
        assert abs(requests.lost - requests.longest_gap.total_seconds() * 200) <= 10

    run(story())


def test_the_first_answer_and_a_loss_wake_who_waits_for_a_change() -> None:
    async def story() -> None:
        cluster = shop()
        begin = cluster.now()
        await cluster.changed(begin)
        cluster.traffic.start(WEB, 200, LATENCY)
        await cluster.changed(begin + timedelta(minutes=1))
        assert cluster.now() - begin < timedelta(seconds=1)

    run(story())
