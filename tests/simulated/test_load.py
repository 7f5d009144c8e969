from __future__ import annotations

import io
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from scenes import advance, evict, run

from underway.cluster.model import Ref
from underway.cluster.podspec import Taint
from underway.cluster.snapshot import write
from underway.errors import UsageError
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.load import load, simulate

KIND = """
    kind: Cluster
    apiVersion: kind.x-k8s.io/v1alpha4
    name: underway
    kubeadmConfigPatches:
    - |
      kind: KubeletConfiguration
      maxPods: 150
    nodes:
    - role: control-plane
      image: underway/node:v1.34.4
      extraPortMappings: [{containerPort: 30080, hostPort: 8080, listenAddress: 127.0.0.1}]
    - {role: worker, image: underway/node:v1.33.13, labels: {tier: front}}
    - {role: worker, image: underway/node:v1.33.13}
"""

SHOP = """
    apiVersion: v1
    kind: Namespace
    metadata: {name: shop}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
      namespace: shop
      annotations: {underway.dev/simulated-start-up: 3s}
    spec:
      replicas: 2
      selector: {matchLabels: {app: web}}
      template:
        metadata:
          labels: {app: web}
          annotations: {underway.dev/simulated-warm-up: 7s}
        spec:
          containers:
          - {name: web, image: shop/web:1, resources: {requests: {cpu: 100m, memory: 64Mi}}}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: web, namespace: shop}
    spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
    ---
    apiVersion: policy/v1
    kind: PodDisruptionBudget
    metadata: {name: web, namespace: shop}
    spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
    ---
    apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: db, namespace: shop}
    spec:
      replicas: 2
      podManagementPolicy: Parallel
      serviceName: db
      selector: {matchLabels: {app: db}}
      template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: shop/db:1}]}}
    ---
    apiVersion: batch/v1
    kind: Job
    metadata: {name: import, namespace: shop}
    spec: {template: {spec: {restartPolicy: Never, containers: [{name: i, image: shop/import:1}]}}}
"""


def written(folder: Path, **texts: str) -> list[Path]:
    paths = []
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.write_text(dedent(text))
        paths.append(path)
    return paths


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
        ("kind: Service\napiVersion: v1\nmetadata: {name: web}\nspec: {ports: 80}\n", "got `int` - at `$.spec.ports`"),
        ("kind: Deployment\napiVersion: apps/v1\nmetadata: web\nspec: {}\n", "got `str` - at `$.metadata`"),
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


def piped(data: bytes) -> Path:
    """A pipe with this in it, as the shell's <(…) gives it: what has been read from it is gone."""
    reads, writes = os.pipe()
    with os.fdopen(writes, "wb") as pipe:
        pipe.write(data)
    return Path(f"/dev/fd/{reads}")


def test_a_pipe_is_read_from_its_first_line_on() -> None:
    loaded = load([piped(dedent(KIND).encode()), piped(dedent(SHOP).encode().lstrip())])
    assert Ref("deployment", "shop", "web") in loaded.objects
    assert loaded.services() == {8080: Ref("service", "shop", "web")}


def test_a_snapshot_comes_through_a_pipe_too(tmp_path: Path) -> None:
    state = shop(tmp_path).state()
    lines = write(state.objects(), datetime(2026, 1, 1, tzinfo=UTC), "shop")
    loaded = load([piped(b"".join(line + b"\n" for line in lines))])
    assert loaded.at_rest
    assert list(loaded.objects) == [found.ref for found in state.objects()]


def test_standard_input_is_a_file_of_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(dedent(KIND).encode())))
    assert len([found for found in load([Path("-")]).objects if found.kind == "node"]) == 3


def test_json_through_a_pipe_is_read_as_json_one_after_another() -> None:
    node = '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "%s"}}\n'
    assert [found.name for found in load([piped((node % "a" + node % "b").encode())]).objects] == ["a", "b"]


def test_documents_of_yaml_may_be_written_as_json(tmp_path: Path) -> None:
    node = '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "%s"}}'
    (tmp_path / "nodes.yaml").write_text(f"{node % 'a'}\n---\n{node % 'b'}\n")
    assert [found.name for found in load([tmp_path / "nodes.yaml"]).objects] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deep.yaml", "a: " + "[" * 5000 + "]" * 5000),
        ("deep.json", '{"a": ' + "[" * 50_000 + "]" * 50_000 + "}"),
        ("recursive.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: &s {me: *s}\n"),
    ],
)
def test_what_is_nested_without_end_is_told_as_a_mistake(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}.*: this is nested too deeply") as caught:
        load([tmp_path / name])
    assert caught.value.hint is None


def test_aliases_that_stand_for_millions_of_values_are_told_before_they_are_read(tmp_path: Path) -> None:
    levels = [
        f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join(['*' + chr(97 + level)] * 10)}]" for level in range(8)
    ]
    (tmp_path / "bomb.yaml").write_text("\n".join(["a: &a [x, x, x, x, x, x, x, x, x, x]", *levels]))
    with pytest.raises(UsageError, match=r"bomb\.yaml:\d+:\d+: this grows too large"):
        load([tmp_path / "bomb.yaml"])


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("a.yaml", "kind: Deployment\nmetadata: {name: web", "is the file cut off?"),
        ("a.json", '{"kind": "Deployment", "metadata": {"na', "is the file cut off?"),
        ("a.yaml", "kind: [a\nb: c\nmetadata: {name: web}\n", None),
        ("a.json", '{"kind": "Deployment" "metadata": {}}', None),
        ("a.yaml", "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: 80}}", None),
    ],
)
def test_only_what_ends_too_early_may_be_cut_off(tmp_path: Path, name: str, text: str, hint: str | None) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        load([tmp_path / name])
    assert caught.value.hint == hint, caught.value.message


OLD = """
    apiVersion: policy/v1beta1
    kind: PodDisruptionBudget
    metadata: {name: web, namespace: shop}
    spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
    ---
    apiVersion: extensions/v1beta1
    kind: Deployment
    metadata: {name: old}
    spec: {replicas: 2}
    ---
    apiVersion: serving.knative.dev/v1
    kind: Service
    metadata: {name: other, namespace: shop}
"""


def test_what_no_api_server_takes_any_more_is_ignored_and_told(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, kind=KIND, old=OLD))
    assert not [
        ref for ref in loaded.objects if ref.kind in ("poddisruptionbudget", "deployment") and ref.name != "coredns"
    ]
    assert [(found.object, found.reason) for found in loaded.ignored] == [
        (
            "poddisruptionbudget/shop/web",
            "no API server takes policy/v1beta1 any more, policy/v1 is its successor",
        ),
        ("deployment/default/old", "no API server takes extensions/v1beta1 any more, apps/v1 is its successor"),
        ("service.serving.knative.dev/shop/other", ""),
    ]


BUDGET = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: x}, spec: {%s}}"
OF = "selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: %s}}, spec: {containers: []}}"
AUTOSCALER = (
    "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: x},"
    " spec: {minReplicas: 3, maxReplicas: 2}}"
)
DEPLOYMENT = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {%s}}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BUDGET % "minAvailable: lots", "PodDisruptionBudget x: `spec.minAvailable` is `lots`, which is neither"),
        (BUDGET % "minAvailable: '2'", "`spec.minAvailable` is `2`, which is neither a number nor a percentage"),
        (BUDGET % "maxUnavailable: 150%", "`spec.maxUnavailable` is 150%, and 100% are the most"),
        (BUDGET % "minAvailable: -1", "`spec.minAvailable` is -1, and 0 is the least"),
        (BUDGET % "minAvailable: 1, maxUnavailable: 1", "`minAvailable` and `maxUnavailable` cannot both be given"),
        (
            DEPLOYMENT % (OF % "shop"),
            "Deployment x: `spec.selector` (app=web) does not match the labels of its template",
        ),
        (DEPLOYMENT % (OF % "web").replace("selector: {matchLabels: {app: web}}, ", ""), "`spec.selector` is missing"),
        (DEPLOYMENT % ("replicas: -3, " + OF % "web"), "`spec.replicas` is -3, and 0 is the least"),
        (
            DEPLOYMENT % ("strategy: {rollingUpdate: {maxSurge: few}}, " + OF % "web"),
            "`spec.strategy.rollingUpdate.maxSurge` is `few`",
        ),
        (
            AUTOSCALER,
            "`spec.minReplicas` is 3, more than the 2 of `maxReplicas`",
        ),
    ],
)
def test_what_an_api_server_refuses_is_refused_with_its_place_and_a_hint(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, kind=KIND, wrong=f"\n{text}\n"))
    assert f"{tmp_path}/wrong.yaml:2: " in caught.value.message
    assert told in caught.value.message
    assert caught.value.hint


def test_all_that_an_api_server_refuses_is_told_at_once(tmp_path: Path) -> None:
    wrong = [BUDGET % "minAvailable: lots", DEPLOYMENT % ("replicas: -3, " + OF % "shop")]
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, a=wrong[0], b=wrong[1]))
    assert len(caught.value.message.splitlines()) == 3


@pytest.mark.parametrize("nodes", ["nodes: []", "nodes:", "name: kind"])
def test_a_kind_config_without_nodes_is_one_control_plane_that_takes_pods(tmp_path: Path, nodes: str) -> None:
    text = f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n{nodes}\n"
    (node,) = simulate(load(written(tmp_path, kind=text))).state().nodes.values()
    assert (node.name, node.taints) == ("kind-control-plane", ())


def test_nodes_of_manifests_have_been_ready_for_long(tmp_path: Path) -> None:
    node = "\napiVersion: v1\nkind: Node\nmetadata: {name: a}\n"
    cluster = simulate(load(written(tmp_path, kind=KIND, node=node)))
    since = [found.ready_since for found in cluster.state().nodes.values()]
    assert len(since) == 4
    assert all(moment and cluster.now() - moment > timedelta(hours=1) for moment in since)


PATCHED = """
    kind: Cluster
    apiVersion: kind.x-k8s.io/v1alpha4
    name: k
    kubeadmConfigPatches:
    - |
      kind: ClusterConfiguration
      apiServer: {extraArgs: {v: "5"}}
    nodes:
    - role: control-plane
      kubeadmConfigPatches:
      - |
        kind: InitConfiguration
        nodeRegistration: {taints: []}
    - role: worker
      labels: {tier: front}
      kubeadmConfigPatches:
      - |
        kind: JoinConfiguration
        nodeRegistration:
          kubeletExtraArgs: {register-with-taints: "dedicated=db:NoSchedule,slow:PreferNoSchedule", max-pods: 5, v: 4}
    - role: worker
      labels: {tier: front}
      kubeadmConfigPatches:
      - |
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: JoinConfiguration
        nodeRegistration:
          taints: [{key: dedicated, value: db, effect: NoExecute}]
          kubeletExtraArgs: [{name: node-labels, value: "pool=db,fast="}]
        ---
        kind: KubeletConfiguration
        maxPods: 7
        registerWithTaints: [{key: new, effect: NoSchedule}]
        systemReserved: {cpu: "1"}
      - |
        kind: InitConfiguration
        nodeRegistration: {taints: [{key: of-another, effect: NoSchedule}]}
"""


def test_the_patches_of_a_kind_config_make_its_nodes_as_kubeadm_would(tmp_path: Path) -> None:
    cluster = simulate(load(written(tmp_path, kind=PATCHED)))
    first, second, third = cluster.state().nodes.values()
    assert first.taints == ()
    assert second.taints == (Taint("dedicated", "NoSchedule", "db"), Taint("slow", "PreferNoSchedule"))
    assert (second.labels["tier"], second.allocatable["pods"]) == ("front", 5)
    assert third.taints == (Taint("dedicated", "NoExecute", "db"), Taint("new", "NoSchedule"))
    assert third.allocatable["pods"] == 7
    assert third.labels.items() >= {"pool": "db", "fast": ""}.items()
    assert "tier" not in third.labels, "kind hands its labels over as node-labels, which the patch replaces"
    (note,) = [found for found in cluster.assumptions if "patches" in found]
    assert "ClusterConfiguration.apiServer, JoinConfiguration.nodeRegistration.kubeletExtraArgs.v" in note
    assert "KubeletConfiguration.systemReserved" in note


@pytest.mark.parametrize(
    ("node", "told"),
    [
        ("{role: worker, replicas: 3}", "unknown field `replicas` - at `$.nodes[0]`"),
        ("{kubeadmConfigPatches: ['a: [']}", "a kubeadm patch is no YAML"),
        ("{kubeadmConfigPatches: ['maxPods: 3']}", "a kubeadm patch has no `kind`"),
        ("{kubeadmConfigPatches: ['{kind: KubeletConfiguration, maxPods: many}']}", "`maxPods` is `many`"),
        (
            "{kubeadmConfigPatches: ['{kind: InitConfiguration, nodeRegistration: {taints: [{key: a}]}}']}",
            "a taint has a key and an effect",
        ),
    ],
)
def test_what_kind_does_not_take_is_told(tmp_path: Path, node: str, told: str) -> None:
    text = f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{node}]\n"
    with pytest.raises(UsageError, match=re.escape(told)):
        load(written(tmp_path, kind=text))
