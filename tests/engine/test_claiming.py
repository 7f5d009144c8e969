"""A run claims its Lease before it changes anything."""

from __future__ import annotations

from datetime import UTC, datetime

from underway.cluster.actions import PutLease
from underway.cluster.state import ClusterState
from underway.engine.claiming import CLAIM_LIMIT
from underway.engine.decide import decide
from underway.engine.run import Run
from underway.gates.history import History
from underway.gates.http import HttpCount
from underway.playbook.load import from_command_line

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Unmeasured:
    def http(self, gate: str) -> HttpCount | None:  # noqa: ARG002 - the protocol's
        return None

    def history(self, gate: str) -> History | None:  # noqa: ARG002 - the protocol's
        return None


def test_a_lease_that_is_never_granted_is_not_waited_for_for_ever() -> None:
    run = Run("r", from_command_line("x", [{"soak": {"for": "1s"}}]), "me", "default", NOW)
    first = decide(run, ClusterState([]), Unmeasured(), NOW)
    assert [type(action) for action in first.actions] == [PutLease]
    assert first.wake is not None
    assert first.wake <= NOW + CLAIM_LIMIT
    last = decide(run, ClusterState([]), Unmeasured(), NOW + CLAIM_LIMIT)
    assert run.phase == "ended"
    assert run.outcome == "refused"
    assert [blocker.object for blocker in run.blockers] == [str(run.lease)]
    assert not last.actions
