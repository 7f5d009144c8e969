"""Whatever does not come about, the step ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from underway.cluster.model import Node, Workload
from underway.cluster.state import MARK, ClusterState
from underway.playbook.load import from_command_line
from underway.playbook.models import NodesStep
from underway.steps import maintenance, marks, nodes
from underway.steps.node_work import NodesWork
from underway.steps.progress import Turn

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_job_whose_kubelet_is_dead_does_not_hold_the_step_for_ever() -> None:
    playbook = from_command_line(
        "x", [{"nodes": {"select": {"names": ["a"]}, "maintain": {"job": {"image": "x", "timeout": "1m"}}}}]
    )
    body = playbook.spec.steps[0].body
    assert isinstance(body, NodesStep)
    annotations = {MARK: "r", marks.CORDONED: "true", marks.PHASE: "maintaining"}
    node = Node(uid="a", name="a", ready=True, unschedulable=True, annotations=annotations)
    ref = maintenance.job_ref(node, "r", 0, "default")
    job = Workload(
        kind="job",
        uid="j",
        namespace=ref.namespace,
        name=ref.name,
        labels={MARK: "r"},
        annotations={marks.JOB_NODE: "a"},
    )
    work = NodesWork(0, "default", ("a",))
    for minute in range(30):
        turn = Turn("r", ClusterState([node, job]), NOW + timedelta(minutes=minute), {}, lambda _: None)
        end = nodes.proceed(body, work, turn, lambda _: nodes.Checked(holds=True))
        if end is not None:
            break
    assert end is not None
    assert end.outcome == "timedOut"
    assert "did not end within 1m" in end.reason
