"""How long things take in a simulation, where the cluster itself does not tell.

The defaults were measured on a kind cluster of four nodes (Kubernetes v1.34) or are Kubernetes' own. What a
workload needs is taken, in this order, from its annotations (`START_UP`, `WARM_UP`, `EXIT`, `DURATION`), from what its
own pods took, and from here; the last is noted as an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START_UP = "underway.dev/simulated-start-up"
"""From being bound to a node until its containers run: a duration such as 800ms."""
WARM_UP = "underway.dev/simulated-warm-up"
"""From running until Ready."""
EXIT = "underway.dev/simulated-exit"
"""How long it serves on after it is asked to stop (never longer than its grace period)."""
DURATION = "underway.dev/simulated-duration"
"""How long a Job's pod runs."""
TIMINGS = (START_UP, WARM_UP, EXIT, DURATION)
"""On a workload, or in its pod template."""


@dataclass(frozen=True)
class Settings:
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """What the virtual clock shows at first, unless the given cluster is younger."""
    seed: str = "underway"
    """UIDs and name suffixes are derived from it."""
    speed: float | None = None
    """Virtual seconds in one real second; None is as fast as it can."""

    api_latency: timedelta = timedelta(milliseconds=10)
    controller_delay: timedelta = timedelta(milliseconds=20)
    """From a change until a controller has acted on it."""
    scheduling_delay: timedelta = timedelta(milliseconds=15)
    endpoints_delay: timedelta = timedelta(milliseconds=30)
    proxy_delay: timedelta = timedelta(milliseconds=50)
    proxy_min_sync_period: timedelta = timedelta(seconds=1)
    """kube-proxy's minSyncPeriod: its rules are written at most this often."""

    start_up: timedelta = timedelta(seconds=1)
    warm_up: timedelta = timedelta(seconds=2)
    exit: timedelta = timedelta(0)
    """The hard case: a pod stops serving at once when it is asked to stop."""
    pre_stop: timedelta = timedelta(seconds=5)
    """How long a pod with a preStop hook serves on."""
    stopping_delay: timedelta = timedelta(milliseconds=60)
    """From a pod's deletion until its containers get SIGTERM."""
    exit_report: timedelta = timedelta(milliseconds=200)
    """From the exit of a pod's containers until its status says so."""
    removal: timedelta = timedelta(milliseconds=500)
    """From then until the pod is gone from the API."""
    job_duration: timedelta = timedelta(seconds=3)
    """Of the Jobs that Underway itself creates."""
    other_job_duration: timedelta = timedelta(minutes=30)
    """Of a Job that was there before."""
    job_backoff: timedelta = timedelta(seconds=10)
    """Until a Job replaces a pod that has failed."""

    scheduler_backoff: timedelta = timedelta(seconds=1)
    """Doubled with every attempt, up to ten times."""
    disrupted_pod_timeout: timedelta = timedelta(minutes=2)
    """How long the disruption controller believes in an eviction that deleted nothing."""
    node_monitor_grace: timedelta = timedelta(seconds=50)
    """How long a kubelet may be silent before its node is no longer Ready."""
    lost_node_toleration: timedelta = timedelta(seconds=300)
    """The tolerationSeconds that admission gives every pod for an unreachable node."""

    parallel_statefulsets: frozenset[str] = frozenset()
    """NAMESPACE/NAME of those with podManagementPolicy Parallel."""
