"""The verb `rollout`: a workload to a new version, each kind in its own way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from underway.cluster.actions import Need
from underway.cluster.state import ClusterState
from underway.errors import Blocker
from underway.playbook.models import RolloutStep
from underway.steps import rollout_daemonset, rollout_deployment, rollout_statefulset
from underway.steps.progress import StepEnd, Turn
from underway.steps.verb import Beginning, Scene, Verb

_KINDS: Mapping[str, Verb[RolloutStep, Any]] = {
    "deployment": Verb(
        rollout_deployment.begin,
        rollout_deployment.proceed,
        rollout_deployment.blockers,
        rollout_deployment.needs,
    ),
    "statefulset": Verb(
        rollout_statefulset.begin,
        rollout_statefulset.proceed,
        rollout_statefulset.blockers,
        rollout_statefulset.needs,
    ),
    "daemonset": Verb(
        rollout_daemonset.begin,
        rollout_daemonset.proceed,
        rollout_daemonset.blockers,
        rollout_daemonset.needs,
    ),
}


def _of(step: RolloutStep) -> Verb[RolloutStep, Any]:
    return _KINDS[step.workload.kind]


def _begin(step: RolloutStep, beginning: Beginning, state: ClusterState) -> object:
    work: object = _of(step).begin(step, beginning, state)
    return work


def _proceed(step: RolloutStep, work: object, turn: Turn) -> StepEnd | None:
    return _of(step).proceed(step, work, turn)


def _blockers(step: RolloutStep, scene: Scene) -> Iterable[Blocker]:
    if step.workload.kind not in _KINDS:
        reason = f"a {step.workload.kind} cannot be rolled out by this version"
        return [Blocker(str(step.workload), reason, "take the step out, or use a later version")]
    return _of(step).blockers(step, scene)


def _needs(step: RolloutStep, namespace: str) -> Iterator[Need]:
    yield from _of(step).needs(step, namespace) if step.workload.kind in _KINDS else ()


ROLLOUT: Verb[RolloutStep, object] = Verb(_begin, _proceed, _blockers, _needs)
