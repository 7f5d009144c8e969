"""`underway rollout` on the command line: what it takes, and what it says of mistakes, without a cluster."""

from __future__ import annotations

import pytest
from invoke import underway


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("web", "--image", "web=shop:2"), "`web` is no workload"),
        (("deployment/web", "-n", "shop"), "a rollout changes nothing"),
        (("deployment/web", "--image", "shop:2"), "has no name, or no value"),
        (("deployment/web", "--image", "web=UPPER CASE"), "is not an image"),
        (("pod/web", "--restart"), "is not a kind that can stand here"),
        (("deployment/web", "--restart", "--batch", "many"), "many"),
        (("deployment/web", "--restart", "--soak", "long"), "long"),
    ],
)
def test_a_mistake_is_said_before_any_cluster_is_asked(arguments: tuple[str, ...], said: str) -> None:
    ended = underway("rollout", *arguments)
    assert ended.status == 2, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_what_can_be_done_asks_the_cluster() -> None:
    ended = underway("rollout", "deploy/shop/web", "--image", "web=shop:2", "--batch", "25%")
    assert ended.status != 2, ended.err


@pytest.mark.parametrize("command", ["approve", "pause", "resume"])
def test_a_word_to_a_run_needs_a_cluster(command: str) -> None:
    assert underway(command, "261123-0000-aaaa").status not in (0, 2)
