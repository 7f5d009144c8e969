"""Three of the scenarios, planned and run; `tests/kind/scenarios.py` plays them all and compares the times, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from courses import Course, differences
from repertoire import SCENARIOS, Scenario
from scenarios import Compared, played, verdict
from staging import empty_stage

_QUICKEST = ("refused", "no-warm-up", "single-replica")
_COURSE = Course({"uid": "evict"}, ("node",), 1, 0, 1, "done", 0, (), 10.0)


@pytest.fixture(scope="module")
def stage(cluster: None) -> Iterator[None]:  # noqa: ARG001 - it has to be there
    with empty_stage():
        yield


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.name in _QUICKEST], ids=lambda each: each.name)
@pytest.mark.usefixtures("stage")
def test_a_run_goes_as_it_was_planned(scenario: Scenario, tmp_path: Path) -> None:
    assert played(scenario, tmp_path).differences == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"verdicts": {"uid": "handoff"}}, "pod uid: evict predicted, handoff in fact"),
        ({"verdicts": {}}, "pod uid: evict predicted, none in fact"),
        ({"nodes": ()}, "nodes: ('node',) predicted, () in fact"),
        ({"moves": 2}, "moves: 1 predicted, 2 in fact"),
        ({"status": 5}, "status: 0 predicted, 5 in fact"),
    ],
)
def test_what_went_another_way_is_told(change: dict[str, Any], says: str) -> None:
    assert list(differences(_COURSE, replace(_COURSE, **change))) == [says]


def test_how_long_it_took_is_no_difference_but_has_its_limits() -> None:
    def judged(*seconds: float) -> bool:
        runs = zip(SCENARIOS, (replace(_COURSE, seconds=each) for each in seconds), strict=False)
        found = [Compared(scenario, _COURSE, ran, tuple(differences(_COURSE, ran))) for scenario, ran in runs]
        return verdict(found)[1]

    assert judged(9.6, 10, 12.4)
    assert not judged(9.6, 10, 14), "one is off by more than 25 %"
    assert not judged(8.5, 8.6, 8.7), "all are off by more than 10 %"
