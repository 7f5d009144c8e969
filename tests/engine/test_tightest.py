"""Free room at the tightest moment: counted change by change it is what counting all of it anew would give."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from random_scenes import Scene, scenes
from scenes import advance, cordon, evict, node, pods, run, settled, workload

from underway.cluster.model import Node, Pod
from underway.cluster.podspec import PodSpec
from underway.cluster.state import ClusterState
from underway.commands.planning import plan
from underway.commands.tightest import FreeRoom
from underway.simulated.cluster import SimulatedCluster


class CountedAnew:
    """At the end of every moment."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._began = cluster.now()
        self._found: dict[datetime, tuple[float, float, float, set[str]]] = {}
        self._look()
        cluster.watch(Pod, lambda _, __: self._look())
        cluster.watch(Node, lambda _, __: self._look())

    def _look(self) -> None:
        state = self._cluster.state()
        there = [found for found in state.nodes.values() if found.ready and not found.unschedulable]
        running = [pod for found in there for pod in state.pods_on(found.name) if not pod.finished]
        shares = []
        for resource in ("cpu", "memory", "pods"):
            given = sum(found.allocatable[resource] for found in there)
            taken = sum(1 if resource == "pods" else pod.spec.requests.get(resource, 0) for pod in running)
            shares.append(round(float(Fraction(given - taken, given)), 4) if given else 0.0)
        cpu, memory, number = shares
        away = state.nodes.keys() - {found.name for found in there}
        self._found[self._cluster.now()] = cpu, memory, number, away

    def tightest(self) -> tuple[Any, ...]:
        moment = min(self._found, key=lambda at: (min(self._found[at][:3]), at))
        cpu, memory, number, away = self._found[moment]
        return round((moment - self._began).total_seconds(), 3), cpu, memory, number, away


@settings(max_examples=100)
@given(scenes())
def test_it_is_what_counting_everything_anew_would_give(scene: Scene) -> None:
    cluster = SimulatedCluster(ClusterState(scene.objects))
    cluster.settle()
    anew = CountedAnew(cluster)
    found = plan(scene.playbook, "random", cluster, "default").tightest
    if found is not None:
        shares = (found.cpu_free, found.memory_free, found.pods_free)
        assert (found.at_seconds, *shares, set(found.nodes_away)) == anew.tightest()


def test_the_tightest_moment_is_told_with_what_was_free_and_who_was_away() -> None:
    amounts = {"cpu": 1000, "memory": 1000, "pods": 10}
    nodes = [node(name, allocatable=amounts) for name in "abc"]
    cluster = settled(*nodes, workload("deployment", "web", 2, PodSpec(requests={"cpu": 500, "memory": 100})))
    room = FreeRoom(cluster)

    async def maintain() -> None:
        await advance(cluster, 1)
        (leaving, _) = pods(cluster)
        await cordon(cluster, leaving.node)
        await evict(cluster, leaving)
        await advance(cluster, 60)

    run(maintain())
    found = room.tightest()
    assert (found.cpu_free, found.memory_free, found.pods_free) == (0.5, 0.9, 0.9)
    assert 1 < found.at_seconds < 2
    assert len(found.nodes_away) == 1
