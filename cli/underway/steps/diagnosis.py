"""Diagnosis: why a pod of a new version will not come up, told as early as it can be told."""

from __future__ import annotations

from datetime import datetime, timedelta

from underway.cluster.model import Pod
from underway.units import format_duration

_HOPELESS = (
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
)
_RESTARTS = 2
_PATIENCE = timedelta(seconds=30)
_TIMES = 5


def patience(usual: timedelta | None) -> timedelta:
    """How long a new pod may take to become Ready, given what the old ones took."""
    return max(_PATIENCE, _TIMES * usual) if usual is not None else 2 * _PATIENCE


def hopeless(pod: Pod) -> bool:
    """Whether what its kubelet waits for does not come by itself."""
    return any(reason in pod.waiting for reason in _HOPELESS)


def fault(pod: Pod, now: datetime, usual: timedelta | None = None) -> str | None:
    """Why it will not serve, None while it still may. `usual`: what the old version's pods took to become Ready."""
    if hopeless(pod):
        return pod.waiting
    if pod.restarts >= _RESTARTS:
        return f"its containers have ended and been started again {pod.restarts} times"
    if not pod.ready and pod.started is not None and now >= pod.started + patience(usual):
        return f"not Ready within {format_duration(patience(usual))}"
    return None
