"""The plan is the run: the same verdicts and moves, the same bytes each time, and exit statuses for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from invoke import HERE, underway

PLAYBOOK = "playbooks/maintain-workers.yaml"
SHOP = ("--cluster", "kind-config.yaml", "--cluster", "manifests/")


def planned(*arguments: str, status: int = 0) -> Any:
    found = underway("plan", PLAYBOOK, *SHOP, "-o", "json", *arguments)
    assert found.status == status, found.err
    return json.loads(found.out)


def test_the_plan_says_what_the_rehearsal_then_does() -> None:
    plan = planned()
    rehearsed = [json.loads(line) for line in underway("rehearse", PLAYBOOK, *SHOP, "-o", "json").out.splitlines()]
    receipt = rehearsed[-1]
    assert plan["changes"] is True
    assert plan["moves"] == receipt["podsMoved"]
    assert (plan["handedOff"], plan["evicted"]) == (receipt["handedOff"], receipt["evicted"])
    assert [node for wave in plan["waves"] for node in wave["nodes"]] == receipt["nodes"]
    judged = {event["uid"]: event["verdict"] for event in rehearsed if event["type"] == "podPlanned"}
    assert {pod["uid"]: pod["verdict"] for pod in plan["pods"]} == {
        uid: verdict for uid, verdict in judged.items() if uid in {pod["uid"] for pod in plan["pods"]}
    }
    assert abs(plan["durationSeconds"] - receipt["durationSeconds"]) < 0.1 * receipt["durationSeconds"]


def test_every_pod_of_the_nodes_is_in_the_plan_once_with_its_reason() -> None:
    pods = planned()["pods"]
    assert len({pod["uid"] for pod in pods}) == len(pods)
    assert all(pod["reason"] and pod["strategy"] == "auto" for pod in pods)
    verdicts = {pod["name"].split("-")[0]: pod["verdict"] for pod in pods}
    assert verdicts["web"] == verdicts["cart"] == "handoff"
    assert verdicts["db"] == "evict"
    assert verdicts["agent"] == "skip"
    assert planned()["leastMoves"] == sum(pod["verdict"] in ("handoff", "evict") for pod in pods)


def test_the_free_room_at_the_tightest_moment_is_told() -> None:
    plan = planned()
    tightest = plan["tightest"]
    assert 0 < tightest["atSeconds"] < plan["durationSeconds"]
    assert set(tightest["nodesAway"]) <= {node["name"] for node in plan["nodes"]}
    assert len(tightest["nodesAway"]) == 1
    assert all(0 < tightest[share] < 1 for share in ("cpuFree", "memoryFree", "podsFree"))
    text = " ".join(underway("plan", PLAYBOOK, *SHOP).out.split())
    assert f"Room {int(tightest['cpuFree'] * 100)}% of cpu, " in text
    assert f"with {tightest['nodesAway'][0]} away" in text


def test_planning_twice_gives_the_same_bytes_in_every_form() -> None:
    for form in ("text", "wide", "json", "yaml"):
        first, second = (underway("plan", PLAYBOOK, *SHOP, "-o", form).out for _ in range(2))
        assert first == second
    assert yaml.safe_load(underway("plan", PLAYBOOK, *SHOP, "-o", "yaml").out) == planned()


def test_text_fits_80_columns() -> None:
    lines = underway("plan", PLAYBOOK, *SHOP).out.splitlines()
    assert max(map(len, lines)) <= 80


def test_a_script_can_tell_whether_anything_would_change(tmp_path: Path) -> None:
    assert underway("plan", PLAYBOOK, *SHOP, "--detailed-exitcode").status == 10
    soak = tmp_path / "soak.yaml"
    soak.write_text(
        "apiVersion: underway.dev/v1alpha1\nkind: Playbook\nmetadata: {name: soak}\n"
        "spec: {steps: [{soak: {for: 1h}}]}\n"
    )
    found = underway("plan", str(soak), *SHOP, "--detailed-exitcode")
    assert found.status == 0
    assert "would change nothing" in found.out


def test_what_stands_in_the_way_is_in_the_plan_and_its_exit_status(tmp_path: Path) -> None:
    bare = tmp_path / "bare.yaml"
    bare.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: shop}\n"
        "spec: {nodeName: underway-worker, containers: [{name: a, image: a}]}\n"
    )
    plan = planned("--cluster", str(bare), status=4)
    assert [blocker["object"] for blocker in plan["blockers"]] == ["pod/shop/bare"]
    assert plan["tightest"] is None
    assert all(blocker["reason"] and blocker["remedy"] for blocker in plan["blockers"])
    assert {pod["name"]: pod["verdict"] for pod in plan["pods"]}["bare"] == "blocked"
    assert plan["changes"] is False


def test_a_pod_without_room_is_blocked_and_says_why(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: big, namespace: shop}\n"
        "spec: {replicas: 1, selector: {matchLabels: {app: big}}, template: {metadata: {labels: {app: big}}, spec: "
        "{nodeSelector: {kubernetes.io/hostname: underway-worker}, containers: [{name: a, image: a}]}}}\n"
    )
    plan = planned("--cluster", str(big), status=4)
    (blocker,) = plan["blockers"]
    (pod,) = (pod for pod in plan["pods"] if pod["name"].startswith("big-"))
    assert blocker["object"] == f"pod/shop/{pod['name']}"
    assert (pod["verdict"], pod["reason"]) == ("blocked", blocker["reason"])
    assert "no room for its replacement" in pod["reason"]


def test_the_files_of_a_cluster_may_follow_one_flag() -> None:
    one_flag = underway("plan", PLAYBOOK, "--cluster", "kind-config.yaml", "manifests/", "-o", "json")
    assert one_flag.status == 0, one_flag.err
    assert json.loads(one_flag.out) == planned()
    none = underway("plan", PLAYBOOK, "manifests/")
    assert none.status == 2
    assert "`manifests` is one argument too many" in none.err


def test_how_a_step_comes_out_is_in_the_plan(tmp_path: Path) -> None:
    steps = [
        {"name": "spread", "rebalance": {"workload": "deployment/shop/web"}},
        {"quarantine": {"select": "app=cart"}},
    ]
    playbook = tmp_path / "verbs.yaml"
    playbook.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "underway.dev/v1alpha1",
                "kind": "Playbook",
                "metadata": {"name": "verbs"},
                "spec": {"steps": steps},
            }
        )
    )
    spread, out = json.loads(underway("plan", str(playbook), *SHOP, "-o", "json").out)["steps"]
    assert spread["result"] == "3 replicas on 3 nodes, 1 to 1 each"
    assert out["result"].startswith("pod/shop/cart-")
    assert out["result"].endswith(" out of traffic and running")
    text = " ".join(underway("plan", str(playbook), *SHOP).out.split())
    assert f"on; {spread['result']} " in text


def test_the_cluster_comes_through_standard_input() -> None:
    kind = (HERE / "kind-config.yaml").read_text()
    piped = underway("plan", PLAYBOOK, "--cluster", "-", "--cluster", "manifests/", "-o", "json", piped=kind)
    assert piped.status == 0, piped.err
    assert json.loads(piped.out)["moves"] == planned()["moves"] > 0


def test_standard_input_is_the_playbook_or_the_cluster_not_both() -> None:
    for command in ("plan", "rehearse"):
        ended = underway(command, "-", "--cluster", "-", piped="")
        assert ended.status == 2
        assert "standard input can be read only once" in ended.err


def test_what_a_simulation_leaves_out_is_told_by_every_command(tmp_path: Path) -> None:
    objects = (("ReplicationController", "old"), ("LimitRange", "limits"), ("ConfigMap", "a"), ("ConfigMap", "b"))
    more = tmp_path / "more.yaml"
    more.write_text(
        "\n---\n".join(f"{{apiVersion: v1, kind: {kind}, metadata: {{name: {name}}}}}" for kind, name in objects)
    )
    words = [
        "replicationcontroller/default/old: the pods that it makes are not in the simulation",
        "limitrange/default/limits: the requests and limits that it gives to pods are not in the simulation",
        "2 ConfigMap",
    ]
    cluster = (*SHOP, "--cluster", str(more))
    told = " ".join(underway("plan", PLAYBOOK, *cluster).out.partition("Not looked at:")[2].split())
    assert all(each in told for each in words)
    ignored = json.loads(underway("plan", PLAYBOOK, *cluster, "-o", "json").out)["ignored"]
    assert {"object": "configmap/default/a", "apiVersion": "v1", "kind": "ConfigMap", "reason": ""} in ignored
    for command in (("rehearse", PLAYBOOK), ("doctor",)):
        said = underway(*command, *cluster).err
        assert all(f"not looked at: {each}" in said for each in words[:2])
        assert "2 ConfigMap" in said


def test_a_plan_can_be_told_in_a_line_or_with_every_pod() -> None:
    whole, wide = underway("plan", PLAYBOOK, *SHOP).out, underway("plan", PLAYBOOK, *SHOP, "-o", "wide").out
    assert underway("plan", PLAYBOOK, *SHOP, "-q", "--no-color").out == f"{whole.splitlines()[0]}\n"
    assert underway("plan", PLAYBOOK, *SHOP, "-v").out == wide


def test_who_maintains_a_held_node_is_done_before_the_time_is_up(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(
        "apiVersion: underway.dev/v1alpha1\nkind: Playbook\nmetadata: {name: x}\nspec: {steps: [{nodes:"
        " {select: {names: [underway-worker]}, maintain: {hold: {timeout: 30s}}}}]}\n"
    )
    found = underway("plan", str(playbook), "--cluster", "kind-config.yaml")
    assert found.status == 0, found.out
    assert "node/underway-worker: whoever it is held for is done after 15s" in found.out


def test_a_snapshot_is_told_from_a_playbook(tmp_path: Path) -> None:
    snapshot = tmp_path / "shop.snapshot"
    snapshot.write_text('{"apiVersion":"underway.dev/v1alpha1","kind":"Snapshot","cluster":"x"}\n{"requests":{}}\n')
    found = underway("validate", str(snapshot))
    assert found.status == 3
    assert "this is a snapshot of a cluster, not a playbook" in found.err
    assert f"underway plan PLAYBOOK --cluster {snapshot}" in found.err


def test_an_empty_file_of_variables_gets_a_hint_about_variables(tmp_path: Path) -> None:
    (tmp_path / "vars.yaml").touch()
    found = underway("validate", PLAYBOOK, "--vars", str(tmp_path / "vars.yaml"))
    assert "hint: write each variable as name: value" in found.err
    assert "hint: a playbook begins with apiVersion" in underway("validate", str(tmp_path / "vars.yaml")).err
