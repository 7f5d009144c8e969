"""What a workload's pods take to start, to become Ready and to stop: from annotations, its own pods, or assumed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from underway.cluster.applied import APPLIED
from underway.cluster.model import Pod, Workload
from underway.cluster.state import MARK
from underway.simulated.settings import DURATION, EXIT, START_UP, WARM_UP
from underway.simulated.world import World
from underway.units import format_duration, parse_duration

_LONGEST = timedelta(minutes=15)
"""A pod that took longer than this to become Ready was disturbed; nothing is learned from it."""
_RESOLUTION = timedelta(seconds=1)
"""Of the API's moments."""


@dataclass(frozen=True)
class Timing:
    """The notes say in an operator's words what was assumed; empty if the cluster told."""

    start_up: timedelta
    warm_up: timedelta
    exit: timedelta
    duration: timedelta
    start_note: str = ""
    exit_note: str = ""
    duration_note: str = ""


class Timings:
    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, Timing] = {}

    def of(self, pod: Pod) -> Timing:
        inherited = self._known.get(pod.uid)
        if inherited:
            return inherited
        workload = self._workload(pod)
        key = workload.uid if workload else pod.owner.uid if pod.owner else pod.uid
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
        samples = self._samples(pod, workload)
        given = _annotations(*samples[:1], pod, workload)
        name = str(workload.ref if workload else pod.ref)
        start_up, warm_up = _given(given, START_UP), _given(given, WARM_UP)
        if start_up is None:
            start_up = _typical([one.started - one.scheduled for one in samples if one.started and one.scheduled])
        if warm_up is None:
            warm_up = _typical([one.ready_since - one.started for one in samples if one.ready_since and one.started])
        note = ""
        if start_up is None or warm_up is None:
            start_up = settings.start_up if start_up is None else start_up
            if warm_up is None:
                warm_up = max(settings.warm_up, timedelta(seconds=pod.spec.probe_delay))
            took = f"{format_duration(start_up)} to start and {format_duration(warm_up)} to become Ready"
            note = f"{name}: its pods take {took}"
        serves_on, exit_note = self._exit(pod, given, name)
        duration, duration_note = self._duration(workload, given)
        return Timing(start_up, warm_up, serves_on, duration, note, exit_note, duration_note)

    def _duration(self, workload: Workload | None, given: dict[str, str]) -> tuple[timedelta, str]:
        if workload is None or workload.kind != "job":
            return timedelta(0), ""
        told = _given(given, DURATION)
        if told is not None:
            return told, ""
        settings = self._world.settings
        ours = MARK in workload.labels or APPLIED in workload.annotations
        took = settings.job_duration if ours else settings.other_job_duration
        return took, f"{workload.ref}: its pods run for {format_duration(took)}"

    def _samples(self, pod: Pod, workload: Workload | None) -> list[Pod]:
        """The workload's pods, with `pod`, which may just have lost its controller; those of a controller that is not
        known, too.
        """
        state = self._world.state
        if workload is not None:
            makers = [workload.uid, *(below.uid for below in state.workloads_of(workload.uid))]
        elif pod.owner is not None:
            makers = [pod.owner.uid]
        else:
            return []
        found = {pod.uid: pod} | {own.uid: own for uid in makers for own in state.pods_of(uid)}
        return [own for own in found.values() if own.restarts == 0]

    def _exit(self, pod: Pod, given: dict[str, str], name: str) -> tuple[timedelta, str]:
        told = _given(given, EXIT)
        if told is not None:
            return told, ""
        settings = self._world.settings
        if pod.spec.pre_stop_seconds:
            sleeps = timedelta(seconds=pod.spec.pre_stop_seconds)
            after = f"when their preStop hook has slept for {format_duration(sleeps)}"
            return sleeps + settings.exit, f"{name}: its pods stop serving {after}"
        if pod.spec.pre_stop:
            return settings.pre_stop, f"{name}: its preStop hook takes {format_duration(settings.pre_stop)}"
        if settings.exit:
            return settings.exit, f"{name}: its pods serve on for {format_duration(settings.exit)} when asked to stop"
        return timedelta(0), f"{name}: its pods stop serving at once when they are asked to stop"


def _annotations(*sources: Pod | Workload | None) -> dict[str, str]:
    """The last one that says something counts."""
    return {key: value for source in sources if source is not None for key, value in source.annotations.items()}


def _given(annotations: dict[str, str], key: str) -> timedelta | None:
    try:
        return parse_duration(annotations[key]) if key in annotations else None
    except ValueError:
        return None


def _typical(samples: list[timedelta]) -> timedelta | None:
    """The mean of those that differ from the median by no more than its own uncertainty.

    The API's moments are whole seconds, so what took 3.6 s is told as 3 s or as 4 s; only their mean is 3.6 s.
    """
    usable = sorted(sample for sample in samples if timedelta(0) <= sample <= _LONGEST)
    if not usable:
        return None
    median = usable[len(usable) // 2]
    near = [sample for sample in usable if abs(sample - median) <= _RESOLUTION]
    return sum(near, timedelta(0)) / len(near)
