"""What a workload's pods take to start, to become Ready and to stop: from annotations, its own pods, or assumed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from underway.cluster.model import Pod, Workload
from underway.cluster.state import MARK
from underway.simulated.settings import DURATION, EXIT, START_UP, WARM_UP
from underway.simulated.world import World
from underway.units import format_duration, parse_duration

_LONGEST = timedelta(minutes=15)
"""A pod that took longer than this to become Ready was disturbed; nothing is learned from it."""


@dataclass(frozen=True)
class Timing:
    start_up: timedelta
    warm_up: timedelta
    exit: timedelta
    duration: timedelta


class Timings:
    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, Timing] = {}

    def of(self, pod: Pod) -> Timing:
        inherited = self._known.get(pod.uid)
        if inherited:
            return inherited
        workload = self._workload(pod)
        key = workload.uid if workload else pod.uid
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._find(pod, workload)
        return found

    def remember(self, released: Pod) -> None:
        """A pod that loses its controller goes on as it was."""
        self._known[released.uid] = self.of(released)

    def forget(self, uid: str) -> None:
        self._known.pop(uid, None)

    def _workload(self, pod: Pod) -> Workload | None:
        """The topmost controller that is known."""
        workload = self._world.state.controller_of(pod)
        above = self._world.state.controller_of(workload) if workload else None
        return above or workload

    def _find(self, pod: Pod, workload: Workload | None) -> Timing:
        settings = self._world.settings
        given = {**(workload.annotations if workload else {}), **pod.annotations}
        name = str(workload.ref if workload else pod.ref)
        samples = self._samples(workload)
        start_up, warm_up = _given(given, START_UP), _given(given, WARM_UP)
        if start_up is None:
            start_up = _typical([one.started - one.scheduled for one in samples if one.started and one.scheduled])
        if warm_up is None:
            warm_up = _typical([one.ready_since - one.started for one in samples if one.ready_since and one.started])
        if start_up is None or warm_up is None:
            start_up = settings.start_up if start_up is None else start_up
            warm_up = settings.warm_up if warm_up is None else warm_up
            if workload is None or workload.kind != "job":
                took = f"{format_duration(start_up)} to start and {format_duration(warm_up)} to become Ready"
                self._world.assume(f"{name}: its pods take {took}")
        duration = _given(given, DURATION) or self._job_duration(workload)
        return Timing(start_up, warm_up, self._exit(pod, given, name), duration)

    def _job_duration(self, workload: Workload | None) -> timedelta:
        if workload is None or workload.kind != "job":
            return timedelta(0)
        if MARK in workload.labels:
            return self._world.settings.job_duration
        took = self._world.settings.other_job_duration
        self._world.assume(f"{workload.ref}: its pods run for {format_duration(took)}")
        return took

    def _samples(self, workload: Workload | None) -> list[Pod]:
        if workload is None:
            return []
        state = self._world.state
        makers = [workload.uid, *(below.uid for below in state.workloads_of(workload.uid))]
        return [pod for uid in makers for pod in state.pods_of(uid) if pod.restarts == 0]

    def _exit(self, pod: Pod, given: dict[str, str], name: str) -> timedelta:
        found = _given(given, EXIT)
        if found is not None:
            return found
        if pod.spec.pre_stop:
            serves_on = self._world.settings.pre_stop
            self._world.assume(f"{name}: its preStop hook takes {format_duration(serves_on)}")
            return serves_on
        if not self._world.settings.exit:
            self._world.assume(f"{name}: its pods stop serving at once when they are asked to stop")
        return self._world.settings.exit


def _given(annotations: dict[str, str], key: str) -> timedelta | None:
    try:
        return parse_duration(annotations[key]) if key in annotations else None
    except ValueError:
        return None


def _typical(samples: list[timedelta]) -> timedelta | None:
    usable = sorted(sample for sample in samples if timedelta(0) <= sample <= _LONGEST)
    return usable[len(usable) // 2] if usable else None
