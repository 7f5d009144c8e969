"""A StatefulSet to another version on the real cluster: member by member, and what is bad ends at its first member."""

from __future__ import annotations

from typing import Any

import pytest
from in_place import pods, rollout, versions
from kubernetes_cluster import NAMESPACE, get, snapshot, until_settled
from load_generator import Load
from watcher import Watcher


def test_every_member_gets_the_new_version_and_never_two_are_away(shop: dict[str, Any]) -> None:
    before = pods("db")
    with Watcher() as watcher, Load("web", "cart") as load:
        ended = rollout("statefulset", "db", "2")
    assert ended.status == 0, (ended.stdout, ended.stderr)
    assert watcher.violations == []  # the budget of db allows one to be away
    assert load.lost == 0, load.counted
    assert versions("db") == ["2", "2", "2"]
    assert not before.items() & pods("db").items()
    assert ended.receipt["podsMoved"] == 3
    db = get("-n", NAMESPACE, "statefulset", "db")
    assert db["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert not [key for key in db["metadata"]["annotations"] if key.startswith("underway.dev/")]
    # and back, two at a time between pauses
    with Watcher() as watcher:
        ended = rollout("statefulset", "db", "1", batch=2, soak="1s")
    assert ended.status == 0, (ended.stdout, ended.stderr)
    assert watcher.violations == []
    until_settled(60)
    now = snapshot()
    assert now["workloads"] == shop["workloads"]
    assert now["pods"] == shop["pods"]


@pytest.mark.parametrize(
    ("image", "said"), [("crash", "CrashLoopBackOff"), ("does-not-exist", "ImagePullBackOff"), ("unready", "not Ready")]
)
def test_a_bad_version_ends_at_its_first_member_and_is_undone(image: str, said: str, shop: dict[str, Any]) -> None:
    before = pods("db")
    with Watcher() as watcher:
        ended = rollout("statefulset", "db", image)
    assert ended.status == 5, (ended.stdout, ended.stderr)
    assert said in ended.receipt["reason"]
    assert "pod/shop/db-2" in ended.receipt["reason"]
    assert watcher.violations == []
    until_settled(60)
    assert snapshot() == shop
    # the members that were not its turn have not been touched
    assert [pods("db")[name] == before[name] for name in sorted(before)] == [True, True, False]
