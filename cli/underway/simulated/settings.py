"""How long things take in a simulation, where the cluster itself does not tell.

The defaults are Kubernetes' own, or means that `tests/kind/delays.py` measured on a kind cluster of four nodes with
2 cores (Kubernetes v1.34, kubelets v1.33; 20 pods and 20 Jobs one after another): those that say `measured`. What a
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
    look_delay: timedelta = timedelta(milliseconds=30)
    """From a change until a run looks, which then sees what followed from it too: a pod is Ready, its budget has
    recounted, its Services list it. Half the looks, and each a little later than a live run's.
    """
    controller_delay: timedelta = timedelta(milliseconds=20)
    """From a change until a controller has acted on it."""
    operator_delay: timedelta = timedelta(seconds=1)
    """From the end of a pod until its operator makes it again."""
    orphaning: timedelta = timedelta(milliseconds=200)
    """From the deletion of a ReplicaSet that leaves its pods until the garbage collector has orphaned them."""
    scheduling_delay: timedelta = timedelta(milliseconds=15)
    """Measured from the pod being made until it is bound: 0.02 s."""
    endpoints_delay: timedelta = timedelta(milliseconds=30)
    """Measured from a pod being Ready until it is in the EndpointSlice: 0.02 s."""
    proxy_delay: timedelta = timedelta(milliseconds=50)
    proxy_min_sync_period: timedelta = timedelta(seconds=1)
    """kube-proxy's minSyncPeriod: its rules are written at most this often."""

    autoscaler_period: timedelta = timedelta(seconds=15)
    """How often an autoscaler looks (horizontal-pod-autoscaler-sync-period)."""

    start_up: timedelta = timedelta(seconds=1)
    """Of an image that is on the node; measured 1.26 s from being bound until the API says that it runs, which the
    kubelet, looking once a second, tells up to a second late.
    """
    warm_up: timedelta = timedelta(seconds=2)
    exit: timedelta = timedelta(0)
    """The hard case: a pod stops serving at once when it is asked to stop."""
    pre_stop: timedelta = timedelta(seconds=5)
    """How long a pod with a preStop hook serves on."""
    stopping_delay: timedelta = timedelta(milliseconds=60)
    """From a pod's deletion until its containers get SIGTERM."""
    exit_report: timedelta = timedelta(milliseconds=330)
    """From the exit of a deleted pod's containers until its status says so; measured, with `stopping_delay`: 0.39 s."""
    removal: timedelta = timedelta(milliseconds=620)
    """From then until the pod is gone from the API; measured 0.62 s. The kubelet looks once a second whether anything
    of it is left, so it is any time between 0.2 and 1.1 s.
    """
    finish_report: timedelta = timedelta(milliseconds=1500)
    """From the exit of a pod that ends by itself until its status says so. Measured 2.53 s from being bound, without
    the time it ran, less `start_up`: the kubelet has to notice first, and then takes down what is left of the pod.
    """
    job_sync_period: timedelta = timedelta(seconds=1)
    """The Job controller gathers what happens to a Job's pods for so long (its syncJobBatchPeriod); measured from the
    end of the pod until the Job is complete: 0.93 s.
    """
    job_duration: timedelta = timedelta(seconds=3)
    """Of the Jobs that Underway itself creates."""
    other_job_duration: timedelta = timedelta(minutes=30)
    """Of a Job that was there before."""
    hold_duration: timedelta = timedelta(minutes=1)
    """Of maintenance that somebody else does (`maintain.hold`)."""
    job_backoff: timedelta = timedelta(seconds=10)
    """Until a Job replaces the first pod that fails, doubled with every further one (DefaultJobPodFailureBackOff)."""
    most_job_backoff: timedelta = timedelta(minutes=10)
    """MaxJobPodFailureBackOff"""

    scheduler_backoff: timedelta = timedelta(0)
    """How long a pod that fitted nowhere rests before it is tried again, doubled with every attempt, up to ten times.
    The scheduler's podInitialBackoffSeconds is 1 s; but since Kubernetes v1.33 a scheduler that has nothing else to do
    does not wait for it (KEP-5142): on kind such a pod was bound 0.15 s after its node was uncordoned.
    """
    disrupted_pod_timeout: timedelta = timedelta(minutes=2)
    """How long the disruption controller believes in an eviction that deleted nothing."""
    node_monitor_grace: timedelta = timedelta(seconds=50)
    """How long a kubelet may be silent before its node is no longer Ready."""
    lost_node_toleration: timedelta = timedelta(seconds=300)
    """The tolerationSeconds that admission gives every pod for an unreachable node."""
