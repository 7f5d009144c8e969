from __future__ import annotations

from pathlib import Path

import pytest
from scenes import KIND, SHOP, advance, evict, run, written

from underway.cluster.model import Ref
from underway.cluster.podspec import Taint
from underway.errors import UsageError
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.load import load, simulate


def shop(folder: Path) -> SimulatedCluster:
    return simulate(load(written(folder, kind=KIND, shop=SHOP)))


def test_a_kind_config_becomes_the_nodes_that_kind_makes(tmp_path: Path) -> None:
    nodes = shop(tmp_path).state().nodes
    assert list(nodes) == ["underway-control-plane", "underway-worker", "underway-worker2"]
    assert nodes["underway-control-plane"].taints == (Taint("node-role.kubernetes.io/control-plane", "NoSchedule"),)
    assert [node.kubelet_version for node in nodes.values()] == ["v1.34.4", "v1.33.13", "v1.33.13"]
    assert nodes["underway-worker"].labels["tier"] == "front"
    assert all(node.ready and node.allocatable["pods"] == 150 for node in nodes.values())


def test_the_cluster_is_handed_over_with_its_pods_ready_and_its_job_running(tmp_path: Path) -> None:
    state = shop(tmp_path).state()
    in_shop = sorted(state.pods_in("shop"), key=lambda pod: pod.name)
    assert [pod.name.split("-")[0] for pod in in_shop] == ["db", "db", "import", "web", "web"]
    assert all(pod.ready and pod.node.startswith("underway-worker") for pod in in_shop)
    (budget,) = state.budgets_in("shop")
    assert (budget.current_healthy, budget.disruptions_allowed) == (2, 1)
    (service,) = state.services_in("shop")
    assert [len(found.ready) for found in state.slices(service)] == [2]
    assert not state.workloads[Ref("job", "shop", "import")].complete


def test_annotations_say_how_long_pods_take(tmp_path: Path) -> None:
    web = next(pod for pod in shop(tmp_path).state().pods_in("shop") if pod.name.startswith("web"))
    assert web.ready_since is not None
    assert web.started is not None
    assert (web.ready_since - web.started).total_seconds() == 7
    assert web.scheduled is not None
    assert (web.started - web.scheduled).total_seconds() == 3


def test_what_was_ignored_and_assumed_is_told(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, kind=KIND, shop=SHOP))
    assert [found.object for found in loaded.ignored] == ["namespace/shop"]
    cluster = simulate(loaded)
    before = "\n".join(cluster.assumptions)
    assert "every node of the kind config has 2 cpu and 8Gi" in before
    assert "statefulset/shop/db" not in before, "nothing has been done to it yet"
    run(evict(cluster, cluster.state().pods[Ref("pod", "shop", "db-0")]))
    run(advance(cluster, 5))
    after = "\n".join(cluster.assumptions)
    assert "statefulset/shop/db: its pods take 1s to start and 2s to become Ready" in after
    assert "statefulset/shop/db: its pods stop serving at once" in after
    assert "deployment/shop/web" not in after


def test_the_ports_of_the_host_lead_to_services(tmp_path: Path) -> None:
    assert load(written(tmp_path, kind=KIND, shop=SHOP)).services() == {8080: Ref("service", "shop", "web")}


def test_a_pod_whose_node_is_given_passes_the_scheduler(tmp_path: Path) -> None:
    lines = "          containers:\n"
    fixed = SHOP.replace(lines, f"          nodeName: underway-control-plane\n{lines}", 1)
    cluster = simulate(load(written(tmp_path, kind=KIND, shop=fixed)))
    found = [pod for pod in cluster.state().pods_in("shop") if pod.name.startswith("web-")]
    assert [(pod.node, pod.ready) for pod in found] == [("underway-control-plane", True)] * 2


def test_a_directory_and_a_list_are_read_in_order(tmp_path: Path) -> None:
    written(tmp_path, b=SHOP, a=KIND)
    (tmp_path / "notes.txt").write_text("not a manifest")
    (tmp_path / "c.json").write_text(
        '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret",'
        ' "metadata": {"name": "s"}}]}'
    )
    loaded = load([tmp_path])
    assert Ref("deployment", "shop", "web") in loaded.objects
    assert [found.object for found in loaded.ignored] == ["namespace/shop", "secret/default/s"]


def test_loading_twice_gives_the_same_cluster(tmp_path: Path) -> None:
    assert list(shop(tmp_path).state().objects()) == list(shop(tmp_path).state().objects())


def test_a_pod_that_cannot_be_scheduled_is_told_and_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    greedy = SHOP.replace("cpu: 100m", 'cpu: "64"')
    cluster = simulate(load(written(tmp_path, kind=KIND, shop=greedy)))
    assert any("Insufficient cpu" in assumption for assumption in cluster.assumptions)
    assert any(pod.ready for pod in cluster.state().pods_in("shop"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{kind: Cluster, apiVersion: kind.x-k8s.io/v1alpha4, nodes: [{role: boss}]}", "'boss' - at `$.nodes[0].role`"),
        ("{kind: Kluster, apiVersion: kind.x-k8s.io/v1alpha4}", "'Kluster' - at `$.kind`"),
        ("{kind: Cluster, apiVersion: kind.x-k8s.io/v1alpha4, nodes: three}", "got `str` - at `$.nodes`"),
        ("apiVersion: underway.dev/v1alpha1\nkind: Playbook\n", "is a Playbook of Underway, not a part of a cluster"),
        ("hello: world\n", "`kind` or `apiVersion` is missing"),
        ("just words\n", "is no Kubernetes object"),
        ("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web, labe", "wrong.yaml:3:"),
        ("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\n", "Deployment web: `spec` is missing"),
        (
            "kind: Deployment\napiVersion: apps/v1\nspec: {replicas: 1}\n",
            "Deployment: Object missing required field `metadata`",
        ),
        ("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\nspec: {replicas: many}\n", "Deployment web: "),
        (
            "kind: Service\napiVersion: v1\nmetadata: {name: web}\nspec: {ports: 80}\n",
            "`spec.ports` is a number, and a list is needed",
        ),
        (
            "kind: Deployment\napiVersion: apps/v1\nmetadata: web\nspec: {}\n",
            "`metadata` is the text `web`, and a mapping is needed",
        ),
        ("", "the cluster has no nodes"),
    ],
)
def test_a_file_that_is_no_cluster_gets_a_clear_error(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load([tmp_path / "wrong.yaml"])
    assert expected in caught.value.message


def test_an_empty_directory_a_missing_file_and_binary_input_get_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no manifest in this directory"):
        load([tmp_path])
    with pytest.raises(UsageError, match="no such file"):
        load([tmp_path / "absent.yaml"])
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "cut-off.json").write_text('{"apiVersion": "v1", "kind": "List", "items": [{')
    with pytest.raises(UsageError, match=r"cut-off\.json:1:49: is no JSON: it ends too early"):
        load([tmp_path / "cut-off.json"])
    with pytest.raises(UsageError, match="cannot be read"):
        load([tmp_path / "binary.yaml"])


def test_an_autoscaler_has_had_its_way_before_anything_is_planned(tmp_path: Path) -> None:
    """As GitOps has it: the Deployment leaves out how many, its autoscaler says so."""
    autoscaler = """
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web, namespace: shop}
        spec:
          minReplicas: 3
          maxReplicas: 5
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
    """
    state = simulate(load(written(tmp_path, kind=KIND, shop=SHOP, autoscaler=autoscaler))).state()
    assert sum(pod.ready for pod in state.pods.values() if pod.labels.get("app") == "web") == 3
