"""The maintenance Job: what it is made of, how long it is waited for, and what is said of it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from states import NOW, RUN, node, owned, pod

from underway.cluster.model import Workload
from underway.cluster.state import ClusterState
from underway.playbook.models import MaintainJob
from underway.steps import maintenance

SECOND = timedelta(seconds=1)
WORK = MaintainJob.model_validate(
    {"image": "kubelets", "command": ["nsenter", "install"], "privileged": True, "hostPID": True, "timeout": "20s"}
)


def made(ready: bool = True) -> Workload:  # noqa: FBT001, FBT002 - it is the node's condition
    on = node("a", ready=ready)
    manifest = maintenance.create(on, WORK, maintenance.job_ref(on, RUN, 0, "ops"), RUN, NOW).manifest
    about = manifest["metadata"]
    return Workload("job", "j", about["namespace"], about["name"], about["labels"], about["annotations"])


def test_it_runs_once_on_its_node_whatever_the_taints_and_leaves_its_last_words_in_its_status() -> None:
    on = node("a")
    spec = maintenance.create(on, WORK, maintenance.job_ref(on, RUN, 0, "ops"), RUN, NOW).manifest["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 20)
    inside = spec["template"]["spec"]
    assert (inside["nodeName"], inside["restartPolicy"], inside["hostPID"]) == ("a", "Never", True)
    assert inside["tolerations"] == [{"operator": "Exists"}]
    (container,) = inside["containers"]
    assert container["securityContext"] == {"privileged": True}
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize(("ready", "patience"), [(True, 80), (False, 20)])
def test_one_that_does_not_end_is_waited_for_and_no_longer_than_anybody_can_end_it(ready: bool, patience: int) -> None:  # noqa: FBT001 - it is a case
    job, on = made(), node("a", ready=ready)
    assert maintenance.at_work(job, on, NOW + (patience - 1) * SECOND)
    assert not maintenance.at_work(job, on, NOW + patience * SECOND)
    assert maintenance.deadline(WORK, on) == patience * SECOND


def test_one_whose_marks_do_not_tell_is_waited_for() -> None:
    job = msgspec.structs.replace(made(), annotations={})
    assert maintenance.at_work(job, node("a", ready=False), NOW + timedelta(days=1))


def test_what_is_waited_for_names_the_job_and_says_that_the_node_is_silent() -> None:
    job = made()
    assert maintenance.progress(job, node("a"), ClusterState([])) == f"{job.ref} is at work"
    waiting = pod("p", owner=owned(job, "Job"), waiting="ImagePullBackOff: no such image")
    said = maintenance.progress(job, node("a", ready=False), ClusterState([job, waiting]))
    assert said == f"{job.ref} is at work: ImagePullBackOff: no such image, the node is not Ready"


def test_one_that_failed_is_told_of_with_its_containers_last_words() -> None:
    job = msgspec.structs.replace(made(), failure="Job has reached the specified backoff limit")
    assert maintenance.failure(job, ClusterState([job])) == job.failure
    ended = pod("p", owner=owned(job, "Job"), phase="Failed", ending="exit status 1: no kubelet v1.35.9")
    assert maintenance.failure(job, ClusterState([job, ended])) == "exit status 1: no kubelet v1.35.9"


def test_what_has_become_of_a_kubelet() -> None:
    now = node("a", kubelet_version="v1.34.4")
    assert maintenance.upgraded("v1.33.13", now) == "kubelet was v1.33.13, is v1.34.4"
    assert maintenance.upgraded("v1.34.4", now) == ""
