"""A saved plan is written and read back whole, or told what is the matter with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underway.engine.plan import Plan
from underway.engine.saved_plan import SavedPlan, decode, encode
from underway.engine.targets import Target
from underway.errors import UsageError


def saved(**fields: Any) -> SavedPlan:
    plan = Plan(
        playbook="x",
        changes=True,
        duration_seconds=1,
        waves=(),
        nodes=(),
        pods=(),
        moves=0,
        least_moves=0,
        handed_off=0,
        evicted=0,
        blockers=(),
        steps=(),
        assumptions=(),
    )
    base: dict[str, Any] = {
        "version": "1",
        "again": "underway plan x",
        "context": "here",
        "files": (),
        "namespace": "default",
        "playbook": {"spec": {"steps": [{"soak": {"for": "1s"}}]}},
        "plan": plan,
        "targets": (Target(object="node/a", uid="u", facts={"ready": "true"}),),
    }
    return SavedPlan(**base | fields)


def test_what_is_written_is_read_back() -> None:
    assert decode(encode(saved()), "p", "1") == saved()


@given(st.data())
def test_what_is_cut_off_or_damaged_is_told_and_is_never_half_a_plan(data: st.DataObject) -> None:
    whole = encode(saved())
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(st.sampled_from([whole[:at], whole[:at] + b"\xff" + whole[at + 1 :], whole[:at] + b"[" * 9999]))
    with pytest.raises(UsageError) as caught:
        decode(damaged, "p", "1")
    assert caught.value.message.startswith("p: ")
    assert caught.value.hint == "make it anew: underway plan PLAYBOOK --out FILE"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "2"}, "was made by Underway 2, and this is 1"),
        ({"kind": "Snapshot"}, "is a Snapshot of underway.dev/v1alpha1, not a SavedPlan"),
        ({"apiVersion": "underway.dev/v9"}, "is a SavedPlan of underway.dev/v9"),
        ({"targets": [{"object": "node/a"}]}, "missing required field `uid`"),
        ({"later": 1}, "unknown field `later`"),
    ],
)
def test_what_another_version_or_a_hand_has_written_is_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        decode(json.dumps(json.loads(encode(saved())) | change).encode(), "p", "1")


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_number_that_json_does_not_have_is_not_lost_silently(number: float) -> None:
    with pytest.raises(UsageError, match="number"):
        encode(saved(playbook={"below": number}))


def test_numbers_of_any_size_come_back() -> None:
    playbook = {"large": 10**40, "exact": 0.1, "whole": 3.0}
    assert decode(encode(saved(playbook=playbook)), "p", "1").playbook == playbook
