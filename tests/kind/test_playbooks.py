"""The shipped playbooks on the real cluster, as an operator would run them. Those about nodes have tests of their own
besides (test_maintenance, test_upgrade).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes_cluster import REPOSITORY, get, items, kubectl, snapshot, until, until_settled
from load_generator import Load
from underway_cli import Ended, underway
from watcher import Watcher

HOLD = "underway.dev/hold"
ZONE = "topology.kubernetes.io/zone"


def maintain(names: list[str]) -> None:
    """Whoever the nodes are held for: looks that they are empty, and says that it is done."""

    def held() -> bool:
        return all(get("node", name)["metadata"]["annotations"].get(HOLD) == "waiting" for name in names)

    until(held, 90, "the nodes are held")
    pods = [pod for pod in items("-n", "shop", "pods") if pod["spec"].get("nodeName") in names]
    left = [pod["metadata"]["name"] for pod in pods if pod["metadata"]["labels"]["app"] != "agent"]
    kubectl("annotate", "--overwrite", "node", *names, f"{HOLD}=done")
    assert left == []


def carried_out(name: str, *arguments: str) -> Ended:
    """Run under load, and nothing is lost."""
    with Watcher() as watcher, Load("web", "cart") as load:
        ended = underway("run", str(REPOSITORY / "playbooks" / f"{name}.yaml"), "--yes", "-o", "json", *arguments)
    assert ended.status == 0, ended.stderr
    assert load.lost == 0, load.counted
    assert watcher.violations == []
    assert ended.receipt["leftChanged"] == []
    return ended


def test_a_zone_is_emptied_at_once_held_and_given_back(shop: dict[str, Any]) -> None:
    if not (there := items("nodes", "-l", f"{ZONE}=zone-b")):
        pytest.skip(f"no node has the label {ZONE}=zone-b: the cluster is older than kind-config.yaml")
    names = sorted(node["metadata"]["name"] for node in there)
    with ThreadPoolExecutor() as others:
        maintained = others.submit(maintain, names)
        ended = carried_out("drain-zone", "--set", "zone=zone-b")
        maintained.result()
    assert sorted(ended.receipt["nodes"]) == names
    until_settled(60)
    assert snapshot() == shop


@pytest.mark.parametrize("name", ["release-web", "migrate-and-release"])
def test_a_release_serves_the_new_version_alone(shop: dict[str, Any], name: str) -> None:  # noqa: ARG001 - put right
    carried_out(name)
    until_settled(60)
    images = {pod["spec"]["containers"][0]["image"] for pod in items("-n", "shop", "pods", "-l", "app=web")}
    assert images == {"underway/shop:2"}
    web = get("-n", "shop", "deployment", "web")
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "underway/shop:2"
    assert "underway.dev/run" not in str(web["metadata"])
    assert "revision" in kubectl("-n", "shop", "rollout", "history", "deployment/web").lower()


def test_everything_is_restarted_once(shop: dict[str, Any]) -> None:  # noqa: ARG001 - put right
    def uids() -> dict[str, set[str]]:
        pods = {app: items("-n", "shop", "pods", "-l", f"app={app}") for app in ("web", "cart", "db", "agent")}
        return {app: {pod["metadata"]["uid"] for pod in found} for app, found in pods.items()}

    before = uids()
    carried_out("restart-everything")
    until_settled(60)
    after = uids()
    assert {app: len(found) for app, found in after.items()} == {app: len(found) for app, found in before.items()}
    assert not any(before[app] & after[app] for app in before)
