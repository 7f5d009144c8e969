"""What is remembered from look to look saves work and decides nothing: all worked out anew, a run goes the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_scenes import Scene, harms, scenes
from stage import Stage, ending

from underway.cluster.derived import Derived
from underway.cluster.state import ClusterState
from underway.engine.events import Event
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.faults import Fault

_T = TypeVar("_T")


class Forgetful(Derived):
    def worked_out(self, namespace: str, key: object, work_out: Callable[[], _T]) -> _T:  # noqa: ARG002
        return work_out()

    def noted(self, key: object) -> tuple[dict[str, Any], frozenset[str]]:  # noqa: ARG002
        return {}, frozenset()


def course(scene: Scene, faults: tuple[Fault, ...], stopped: int, kind: type[Derived]) -> list[Event]:
    """All that is told, also while it is put back. `stopped`: the number of the event at which somebody stops it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("underway.cluster.state.Derived", kind)
        cluster = SimulatedCluster(ClusterState(scene.objects))
    cluster.settle()
    cluster.bring(faults)
    stage = Stage(cluster)
    run = stage.run(scene.playbook)
    stage.play(run, ending(run, stopped, "stopped"))
    return stage.told


@settings(max_examples=300)
@given(scenes(), st.data())
def test_a_run_that_works_out_all_anew_goes_the_same_way(scene: Scene, data: st.DataObject) -> None:
    faults = data.draw(st.one_of(st.just(()), harms(scene)))
    stopped = data.draw(st.integers(0, 60))
    assert course(scene, faults, stopped, Forgetful) == course(scene, faults, stopped, Derived)
