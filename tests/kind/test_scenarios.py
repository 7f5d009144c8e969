"""Three of the scenarios, planned and run; `tests/kind/scenarios.py` plays them all and compares the times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from repertoire import SCENARIOS, Scenario
from scenarios import played
from staging import empty_stage

_QUICKEST = ("refused", "no-warm-up", "single-replica")


@pytest.fixture(scope="module")
def stage(cluster: None) -> Iterator[None]:  # noqa: ARG001 - it has to be there
    with empty_stage():
        yield


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.name in _QUICKEST], ids=lambda each: each.name)
@pytest.mark.usefixtures("stage")
def test_a_run_goes_as_it_was_planned(scenario: Scenario, tmp_path: Path) -> None:
    assert played(scenario, tmp_path).differences == ()
