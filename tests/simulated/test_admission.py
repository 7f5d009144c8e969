"""New pods are as admission makes them, which the pods that are there show."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from scenes import advance, evict, label, node, pods, run, settled, workload

from underway.cluster.actions import RollTemplate
from underway.cluster.model import Pod, Template, Workload
from underway.cluster.podspec import PodSpec, PodTerm, Taint, Toleration
from underway.cluster.state import ClusterState
from underway.cluster.templates import HASH
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.settings import Settings
from underway.steps.rollout_choice import room_for
from underway.units import Share, equality_selector

GPU = Toleration("gpu", "Exists")
NODES = (node("a", taints=(Taint("gpu", "NoSchedule"),)), node("b", taints=(Taint("gpu", "NoSchedule"),)))
ASKED = PodSpec(requests={"cpu": 100}, tolerations=(Toleration("mine", "Exists"),), images=("web:1",))
SHOWN = {"cpu": 1600, "memory": 128 * 1024**2}
"""With an injected sidecar, and what a LimitRange adds."""


def with_sidecars(kind: str, replicas: int = 1) -> SimulatedCluster:
    template = Template({"app": "web"}, ASKED, "first", {"web": "web:1"})
    open_nodes = (replace(found, taints=()) for found in NODES)
    state = settled(*open_nodes, workload(kind, "web", replicas, template=template)).state()

    def admitted(pod: Pod) -> Pod:
        return replace(pod, spec=replace(pod.spec, requests=SHOWN, tolerations=(*ASKED.tolerations, GPU), priority=7))

    rest = [admitted(found) if isinstance(found, Pod) else found for found in state.objects()]
    return SimulatedCluster(ClusterState([*rest, *NODES]), settings=Settings(seed="another"), at_rest=True)


def asked_by(cluster: SimulatedCluster) -> list[tuple[Any, int]]:
    return [(pod.spec.requests, pod.spec.priority) for pod in pods(cluster) if pod.deleting is None]


@pytest.mark.parametrize("kind", ["deployment", "statefulset"])
def test_a_replacement_asks_for_what_its_predecessor_was_given(kind: str) -> None:
    async def story() -> None:
        cluster = with_sidecars(kind)
        (old,) = pods(cluster)
        await evict(cluster, old)
        await advance(cluster, 20)
        (new,) = pods(cluster)
        assert new.uid != old.uid
        assert new.ready
        assert asked_by(cluster) == [(SHOWN, 7)]

    run(story())


def test_so_does_that_of_a_pod_that_was_handed_off() -> None:
    async def story() -> None:
        cluster = with_sidecars("deployment")
        (old,) = pods(cluster)
        await label(cluster, old, pod_template_hash=None)
        await advance(cluster, 5)
        assert asked_by(cluster) == [(SHOWN, 7)] * 2

    run(story())


def test_so_do_the_pods_of_a_new_version_which_therefore_find_no_room() -> None:
    async def story() -> None:
        cluster = with_sidecars("deployment", 3)
        (web,) = (found for found in cluster.state().workloads.values() if found.kind == "deployment")
        # 4000m on each of two nodes: four such pods, not ten
        assert room_for(web, 10, cluster.state()) == 1
        await cluster.perform(RollTemplate(web.ref, web.uid, web.generation, "roll", images={"web": "web:2"}))
        await advance(cluster, 1)
        new = [pod for pod in pods(cluster) if pod.spec.images == ("web:2",)]
        assert [pod.spec.requests for pod in new] == [SHOWN]

    run(story())


def test_a_template_that_asks_for_something_else_gets_that() -> None:
    async def story() -> None:
        cluster = with_sidecars("statefulset")
        (web,) = cluster.state().workloads.values()
        assert isinstance(web, Workload)
        assert web.template is not None
        more = replace(web.template, spec=replace(ASKED, requests={"cpu": 300}, tolerations=(GPU,)), hash="second")
        changed = SimulatedCluster(
            ClusterState([*cluster.state().objects(), replace(web, template=more, generation=2)])
        )
        await advance(changed, 30)
        assert [pod.spec.requests for pod in pods(changed)] == [{"cpu": 300}]

    run(story())


def test_a_new_version_is_not_kept_away_by_the_old_one_where_label_keys_tell_them_apart() -> None:
    async def story() -> None:
        apart = PodTerm(equality_selector([("app", "web")]), "kubernetes.io/hostname", (), match_keys=(HASH,))
        spec = PodSpec(anti_affinity=(apart,), images=("web:1",))
        template = Template({"app": "web"}, spec, "first", {"web": "web:1"})
        web = workload("deployment", "web", 2, template=template, max_surge=Share(1), max_unavailable=Share(0))
        cluster = settled(node("a"), node("b"), web)
        assert [pod.node for pod in pods(cluster)] in (["a", "b"], ["b", "a"])
        (found,) = (found for found in cluster.state().workloads.values() if found.kind == "deployment")
        assert room_for(found, 5, cluster.state()) == 2
        await cluster.perform(RollTemplate(found.ref, found.uid, found.generation, "roll", images={"web": "web:2"}))
        await advance(cluster, 60)
        assert [pod.spec.images for pod in pods(cluster)] == [("web:2",)] * 2
        assert {pod.node for pod in pods(cluster)} == {"a", "b"}

    run(story())
