"""Why a new pod will not come up, and when that can be told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from states import NOW, pod

from underway.steps.diagnosis import fault, patience


@pytest.mark.parametrize(
    "waiting",
    [
        'ImagePullBackOff: Back-off pulling image "shop:9"',
        "InvalidImageName",
        "ErrImageNeverPull",
        'CreateContainerConfigError: secret "db" not found',
        "CrashLoopBackOff: back-off 10s restarting failed container",
        "RunContainerError",
    ],
)
def test_what_cannot_mend_itself_is_told_at_once(waiting: str) -> None:
    assert fault(pod("new", ready=False, waiting=waiting), NOW) == waiting


@pytest.mark.parametrize("waiting", ["", "ErrImagePull: timeout", "0/3 nodes are available: 3 Insufficient cpu."])
def test_what_may_pass_is_waited_for(waiting: str) -> None:
    assert fault(pod("new", ready=False, waiting=waiting), NOW) is None


def test_one_restart_may_happen_and_two_are_a_loop() -> None:
    assert fault(pod("new", restarts=1), NOW) is None
    assert "2 times" in (fault(pod("new", restarts=2), NOW) or "")


@pytest.mark.parametrize(("usual", "seconds"), [(None, 60), (1, 30), (10, 50)])
def test_it_may_take_five_times_as_long_as_the_old_ones(usual: int | None, seconds: int) -> None:
    took = None if usual is None else timedelta(seconds=usual)
    assert patience(took) == timedelta(seconds=seconds)
    late = pod("new", ready=False, started=NOW - timedelta(seconds=seconds))
    early = pod("new", ready=False, started=NOW - timedelta(seconds=seconds - 1))
    assert "not Ready within" in (fault(late, NOW, took) or "")
    assert fault(early, NOW, took) is None


def test_one_that_was_ready_and_is_no_longer_is_no_good() -> None:
    assert fault(pod("new", ready=False, started=NOW - timedelta(hours=1)), NOW) is not None
    assert fault(pod("new", ready=True, started=NOW - timedelta(hours=1)), NOW) is None
