"""The verb `apply`, turn by turn: a note before each write, one object after another, then all of them healthy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from states import NOW, RUN, owned, pod, replicaset, turn

from underway.cluster.actions import Apply, Need, PatchLease, TakeBack, Unmark
from underway.cluster.applied import APPLIED
from underway.cluster.model import Lease, Pod, Ref, Template, Workload
from underway.cluster.notes import Note, note_key, notes_of, written
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec
from underway.cluster.state import MARK, ClusterState
from underway.playbook.manifests import Manifest
from underway.playbook.models import ApplyStep
from underway.steps import apply, taking_back
from underway.steps.progress import StepEnd, Turn
from underway.steps.verb import Beginning, Scene

LEASE = Ref("lease", "default", f"underway-{RUN}")
NEW = Template({"app": "web"}, PodSpec(), "new")


def manifest(kind: str = "ConfigMap", name: str = "web", version: str = "v1", plural: str = "configmaps") -> Manifest:
    return Manifest(version, kind, "shop", name, "objects.yaml", 7, {"kind": kind}, plural=plural)


def step(*manifests: Manifest) -> ApplyStep:
    return ApplyStep.model_validate({"files": ["objects.yaml"]}).with_manifests(manifests)


DEPLOYMENT = manifest("Deployment", version="apps/v1", plural="deployments")


def lease(*states: str, **fields: Any) -> Lease:
    note = apply.note_of(DEPLOYMENT)
    notes = {note_key(0, place): written(note, state=state, **fields) for place, state in enumerate(states)}
    return Lease("u", "default", LEASE.name, RUN, annotations=notes)


def deployment(**fields: Any) -> Workload:
    healthy = {"replicas": 2, "updated": 2, "current": 2, "ready": 2, "available": 2}
    base = {"kind": "deployment", "uid": "d", "namespace": "shop", "name": "web", "template": NEW, **healthy}
    return Workload(**base | fields)


def work() -> apply.Work:
    return apply.begin(step(), Beginning(0, "shop", NOW), ClusterState([]))


def look(
    *objects: Object, manifests: tuple[Manifest, ...] = (DEPLOYMENT,), **fields: Any
) -> tuple[Turn, StepEnd | None]:
    found = turn(*objects, **fields)
    return found, apply.proceed(step(*manifests), work(), found)


def test_every_object_is_noted_before_the_first_is_applied() -> None:
    found, end = look(lease(), manifests=(manifest(), DEPLOYMENT))
    (action,) = found.actions
    assert isinstance(action, PatchLease)
    assert set(action.annotations) == {note_key(0, 0), note_key(0, 1)}
    assert end is None


def test_one_is_applied_after_another() -> None:
    found, end = look(lease("applied", "intended", "intended"), manifests=(DEPLOYMENT, DEPLOYMENT, DEPLOYMENT))
    (action,) = found.actions
    assert isinstance(action, Apply)
    assert action.key == note_key(0, 1)
    assert "objects.yaml:7" in action.says
    assert end is None


def test_what_is_refused_ends_the_step_with_the_reason_and_the_place() -> None:
    _, end = look(lease("refused", reason="it has its reasons"))
    assert end == StepEnd("failed", "deployment/shop/web (objects.yaml:7) is not applied: it has its reasons")


def test_while_the_run_is_paused_nothing_more_is_applied() -> None:
    found = turn(lease("applied", "intended"))
    found.paused = True
    assert apply.proceed(step(DEPLOYMENT, DEPLOYMENT), work(), found) is None
    assert found.actions == []


def test_a_server_that_accepts_nothing_is_not_waited_for_for_ever() -> None:
    remembered = work()
    assert apply.proceed(step(DEPLOYMENT), remembered, turn(lease("intended"))) is None
    late = turn(lease("intended"), now=NOW + apply.ACCEPT_LIMIT)
    end = apply.proceed(step(DEPLOYMENT), remembered, late)
    assert end is not None
    assert end.outcome == "timedOut"


def test_what_is_healthy_is_done() -> None:
    _, end = look(lease("applied"), deployment())
    assert end == StepEnd("done", "1 object applied and healthy")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"generation": 2, "observed_generation": 1}, "has not seen the change"),
        ({"updated": 1}, "1 of 2 replicas are up to date"),
        ({"current": 3}, "1 old replicas are still there"),
        ({"available": 1}, "1 of 2 replicas are available"),
    ],
)
def test_what_is_not_healthy_yet_is_waited_for(fields: dict[str, int], says: str) -> None:
    found, end = look(lease("applied"), deployment(**fields))
    assert end is None
    assert says in found.waits[-1].reason


def test_where_nothing_moves_the_deployments_own_deadline_ends_it() -> None:
    remembered, stuck = work(), deployment(available=1, progress_deadline_seconds=60)
    assert apply.proceed(step(DEPLOYMENT), remembered, turn(lease("applied"), stuck)) is None
    late = turn(lease("applied"), stuck, now=NOW + timedelta(minutes=1))
    end = apply.proceed(step(DEPLOYMENT), remembered, late)
    assert end is not None
    assert end.outcome == "timedOut"
    assert "1 of 2 replicas are available" in end.reason


def failing() -> tuple[Workload, Pod]:
    new = replicaset(name="web-new", template=NEW, owner=owned(deployment(), "Deployment"))
    return new, replace(pod("web-x", owner=owned(new)), ready=False, waiting="ImagePullBackOff")


def test_a_pod_that_cannot_come_up_ends_it_early_and_is_named() -> None:
    _, end = look(lease("applied"), deployment(updated=1), *failing())
    assert end == StepEnd(
        "failed", "deployment/shop/web: pod/shop/web-x: ImagePullBackOff", Ref("pod", "shop", "web-x")
    )


def test_an_old_pod_that_ails_is_not_the_new_versions_fault() -> None:
    old, ailing = failing()
    old = replace(old, template=replace(NEW, hash="old"))
    _, end = look(lease("applied"), deployment(updated=1), old, ailing)
    assert end is None


def test_a_job_is_waited_for_and_its_failure_told() -> None:
    job = manifest("Job", version="batch/v1", plural="jobs")
    noted = Lease("u", "default", LEASE.name, RUN)
    noted = replace(noted, annotations={note_key(0, 0): written(apply.note_of(job), state="applied")})
    running = Workload("job", "j", "shop", "web")
    remembered = work()
    for later in (timedelta(), timedelta(hours=1)):
        waiting = turn(noted, running, now=NOW + later)
        assert apply.proceed(step(job), remembered, waiting) is None
        # a moment that is over would have it look without a pause
        assert waiting.wake is None or waiting.wake > waiting.now
    assert look(noted, replace(running, complete=True), manifests=(job,))[1] is not None
    _, end = look(noted, replace(running, failure="BackoffLimitExceeded"), manifests=(job,))
    assert end is not None
    assert "BackoffLimitExceeded" in end.reason


def scene(*objects: Object) -> Scene:
    return Scene("step/1", 0, ClusterState(objects), RUN, NOW)


def test_a_kind_that_the_server_does_not_know_is_in_the_way() -> None:
    (blocker,) = apply.blockers(step(manifest("Widget", version="acme.io/v1", plural="")), scene())
    assert "Widget of acme.io/v1 (objects.yaml:7)" in blocker.reason
    assert blocker.object == "widget.acme.io/shop/web"


def test_what_another_run_has_left_changed_is_in_the_way() -> None:
    (blocker,) = apply.blockers(step(DEPLOYMENT), scene(deployment(annotations={APPLIED: "other"})))
    assert blocker.remedy == "underway restore other"


def test_it_needs_what_it_does_and_to_clear_away_what_a_controller_copies() -> None:
    found = set(apply.needs(step(manifest(), DEPLOYMENT), "default"))
    assert Need("patch", "apps", "replicasets", "shop") in found
    assert {need.verb for need in found if need.resource == "configmaps"} == {"get", "create", "patch", "delete"}
    assert {need.namespace for need in found} == {"shop"}


# -- back --------------------------------------------------------------------------------------------------------


def backward(*objects: Object, good: bool = False) -> Turn:
    found = turn(*objects)
    assert taking_back.put_back(found, good) == [Ref("deployment", "shop", "web")]
    return found


@pytest.mark.parametrize("state", ["intended", "applied", "refused"])
def test_whatever_may_have_been_applied_is_taken_back(state: str) -> None:
    (action,) = backward(lease(state)).actions
    assert isinstance(action, TakeBack)


def test_what_was_changed_further_goes_back_earlier() -> None:
    found = backward(lease("applied"), deployment(annotations={MARK: RUN}))
    assert found.actions == []


def test_the_marks_stay_until_the_controller_has_rolled_it_back() -> None:
    assert backward(lease("undone"), deployment(updated=1)).actions == []
    (action,) = backward(lease("undone"), deployment()).actions
    assert isinstance(action, Unmark)


def test_at_a_good_end_all_of_it_is_kept_at_once() -> None:
    (action,) = backward(lease("applied"), good=True).actions
    assert isinstance(action, PatchLease)
    (after,) = notes_of(Lease("u", "default", "x", RUN, annotations=dict(action.annotations))).values()  # type: ignore[arg-type]
    assert after.state == "kept"


def test_what_is_kept_only_loses_its_marks_even_if_the_run_has_died_meanwhile() -> None:
    (action,) = backward(lease("kept"), good=False).actions
    assert isinstance(action, Unmark)


def test_copies_of_the_marks_go_before_the_note() -> None:
    copied = replicaset(owner=owned(deployment(), "Deployment"), annotations={APPLIED: RUN})
    (first,) = backward(lease("kept"), deployment(annotations={APPLIED: RUN}), copied).actions
    assert isinstance(first, Unmark)
    assert first.keep_note
    (second,) = backward(lease("kept"), deployment(), copied).actions
    assert second.object == copied.ref
    (last,) = backward(lease("kept"), deployment(), replace(copied, annotations={})).actions
    assert isinstance(last, Unmark)
    assert not last.keep_note


def test_a_note_that_somebody_has_spoilt_is_none() -> None:
    assert notes_of(Lease("u", "default", "x", RUN, annotations={note_key(0, 0): "{"})) == {}
    assert Note("", "v1", "secrets", "Secret", "shop", "x").ref == Ref("secret", "shop", "x")
