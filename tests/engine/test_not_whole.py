"""What no `restore` can mend is told as such: it is named only where it has marks to go by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from stage import shop

from underway.engine.events import Ailing, Receipt, from_json, to_json
from underway.engine.receipt import Tally, receipt
from underway.engine.standing import standings
from underway.playbook.load import from_command_line
from underway.report.forms import render
from underway.simulated.faults import NeverReady

DB = Ailing(object="statefulset/shop/db", reason="has 2 of 3 replicas Ready", pods=("pod/shop/db-1",))
HINT = "underway restore r"
FORMS = ("text", "md", "html", "junit")


def handed_over(*left: str, ailing: tuple[Ailing, ...] = ()) -> Receipt:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    left = (*left, *(f"{one.object} {one.reason}" for one in ailing))
    return receipt(Tally(), run="r", playbook="p", at=at, outcome="failed", reason="", left_changed=left, ailing=ailing)


@pytest.mark.parametrize("form", FORMS)
def test_restore_is_named_where_something_carries_marks_and_nowhere_else(form: str) -> None:
    alone, both = handed_over(ailing=(DB,)), handed_over("node/a", ailing=(DB,))
    for found, marked in ((alone, False), (both, True), (handed_over("node/a"), True)):
        told = render(found, [], form)  # type: ignore[arg-type]
        assert (HINT in told) is marked
        assert ("kubectl describe -n shop statefulset/db pod/db-1" in told) is (found.ailing == (DB,))
        assert found.exit_status == 6
    assert "1 object is still changed, but 1 workload is not whole" in render(both, [], "text")


def test_after_a_member_that_never_gets_ready_it_is_said_that_there_is_nothing_to_put_back() -> None:
    stage = shop()
    stage.cluster.bring([NeverReady("shop", "db", timedelta(seconds=5))])
    step = {"nodes": {"select": {"labels": "!node-role.kubernetes.io/control-plane"}, "drain": {"timeout": "1m"}}}
    found = stage.play(stage.run(from_command_line("drain", [step])))
    assert (found.outcome, found.exit_status) == ("failed", 6)
    assert [(one.object, one.reason) for one in found.ailing or ()] == [(DB.object, DB.reason)]
    (pod,) = (found.ailing or ())[0].pods
    assert "r" not in standings(stage.cluster.state(), stage.cluster.now())
    text = " ".join(render(found, [], "text").split())
    assert HINT not in text
    assert "Everything was put back, but 1 workload is not whole." in text
    assert f"{pod} is not Ready" in text
    assert "Nothing of it is left to put back. Look at it with: kubectl describe -n shop statefulset/db pod/db-" in text
    assert from_json(to_json(found)) == found


def test_what_is_left_with_marks_is_put_back_with_restore() -> None:
    stage = shop()
    step = {"nodes": {"select": {"labels": "!node-role.kubernetes.io/control-plane"}}, "timeout": "5s"}
    found = stage.play(stage.run(from_command_line("drain", [step | {"onFailure": "stop"}])))
    assert found.left_changed
    assert not found.ailing
    assert f"Put it back with: {HINT}" in render(found, [], "text")
    assert standings(stage.cluster.state(), stage.cluster.now())["r"].unfinished
