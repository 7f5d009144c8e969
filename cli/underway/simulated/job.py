"""The Job controller: runs a Job's pods until enough of them have succeeded.

A Job that is privileged on its node and names a Kubernetes version in its command is taken for an upgrade: its node's
kubelet has that version when it is done. One that does nothing but `sleep` says how long it takes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from underway.cluster.model import Pod, Ref, Template, Workload
from underway.simulated.kubelet import Kubelets
from underway.simulated.pods import create_pod, delete_pod, is_active
from underway.simulated.settings import DURATION
from underway.simulated.world import WorkQueue, World

_OVERDUE = "Job was active longer than specified deadline"
"""The Job controller's words (reason DeadlineExceeded)."""
_VERSION = re.compile(r"\bv1\.\d+\.\d+\b")
_NAME_LABELS = ("batch.kubernetes.io/job-name", "job-name")
_UID_LABELS = ("batch.kubernetes.io/controller-uid", "controller-uid")
_SLEEP = 2
"""A sleep has at least so many words."""


class Jobs:
    def __init__(self, world: World, kubelets: Kubelets) -> None:
        self._world = world
        self._queue = WorkQueue[Ref](world, self._sync, world.settings.controller_delay)
        self._nodes: dict[str, str] = {}
        self._upgrades: dict[str, str] = {}
        self._ended: dict[str, Counter[str]] = {}
        """By a Job's UID: how many of its pods succeeded and failed in this simulation."""
        self._not_before: dict[str, datetime] = {}
        """When a Job whose pod has failed gets its next one."""
        self._overdue: set[str] = set()
        """By UID, the Jobs whose activeDeadlineSeconds are over: each has failed when its last pod has ended."""
        kubelets.on_finish.append(self._upgrade)
        world.watch(Workload, self._workload_changed)
        world.watch(Pod, self._pod_changed)

    def create(self, job: Workload, manifest: Mapping[str, Any]) -> None:
        spec = manifest["spec"]["template"]["spec"]
        words = [word for container in spec["containers"] for word in _words(container)]
        annotations = {**_sleeping(words), **job.annotations}
        created = self._world.put(
            msgspec.structs.replace(job, uid=self._world.new_uid(), annotations=annotations, generation=1)
        )
        if spec.get("nodeName"):
            self._nodes[created.uid] = spec["nodeName"]
        versions = [version for word in words for version in _VERSION.findall(word)]
        if versions and spec.get("hostPID"):
            self._upgrades[created.uid] = versions[-1]
        deadline = manifest["spec"].get("activeDeadlineSeconds")
        if deadline is not None:
            self._world.after(timedelta(seconds=deadline), partial(self._expire, created))

    def delete(self, job: Workload) -> None:
        """Its pods follow, as the garbage collector deletes them."""
        self._world.remove(job.ref)
        self._world.after(self._world.settings.controller_delay, partial(self._collect, job.uid))

    def _expire(self, created: Workload) -> None:
        job = self._world.get(Workload, created.ref)
        if job is None or job.uid != created.uid or job.complete or job.failure:
            return
        self._overdue.add(job.uid)
        for pod in list(self._world.state.pods_of(job.uid)):
            if not pod.finished:
                delete_pod(self._world, pod)
        self._queue.add(job.ref)

    def _collect(self, uid: str) -> None:
        for pod in list(self._world.state.pods_of(uid)):
            delete_pod(self._world, pod)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        if new and new.kind == "job" and old is None:
            if new.failed and self._world.starting and not any(map(is_active, self._world.state.pods_of(new.uid))):
                # it waits since one has failed, nobody knows for how long already: for half of it, on the average
                self._not_before[new.uid] = self._world.now + self._backoff(new.failed) / 2
            self._queue.add(new.ref)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        if pod is None or pod.owner is None or pod.owner.kind != "Job":
            return
        job = self._world.state.workload(pod.owner.uid)
        forgiving = job is not None and job.forgiving
        ended = _ending(new, forgiving=forgiving)
        if old and ended and not _ending(old, forgiving=forgiving):
            self._ended.setdefault(pod.owner.uid, Counter())[ended] += 1
            if ended == "Failed":
                failures = self._ended[pod.owner.uid][ended] + (job.failed if job is not None else 0)
                self._not_before[pod.owner.uid] = self._world.now + self._backoff(failures)
        self._queue.add(Ref("job", pod.namespace, pod.owner.name), self._world.settings.job_sync_period)

    def _backoff(self, failures: int) -> timedelta:
        """How long a Job waits after that many of its pods have failed (backoff_utils.go)."""
        settings = self._world.settings
        return min(settings.job_backoff * (1 << min(failures - 1, 10)), settings.most_job_backoff)

    def _sync(self, ref: Ref) -> None:
        job = self._world.get(Workload, ref)
        if job is None or job.complete or job.failure or job.paused:
            return
        if job.uid in self._overdue:
            self._fail_overdue(job)
            return
        pods = [pod for pod in self._world.state.pods_of(job.uid) if is_active(pod)]
        ended = self._ended.pop(job.uid, Counter())
        succeeded, failed = job.succeeded + ended["Succeeded"], job.failed + ended["Failed"]
        active, wanted = len(pods), _wanted(job, len(pods), succeeded)
        complete = succeeded >= job.completions if job.completions is not None else succeeded > 0 == active
        failure = "" if failed <= job.backoff_limit else "Job has reached the specified backoff limit"
        if not complete and not failure:
            active += self._fill(job, wanted - active - self._leaving(job))
        self._world.put(
            msgspec.structs.replace(
                job,
                succeeded=succeeded,
                failed=failed,
                ready=sum(1 for pod in pods if pod.ready),
                current=active,
                complete=complete,
                failure=failure,
            )
        )

    def _leaving(self, job: Workload) -> int:
        """The pods that have to end before they are replaced (podReplacementPolicy Failed, as a policy has it)."""
        pods = self._world.state.pods_of(job.uid) if job.forgiving else ()
        return sum(1 for pod in pods if pod.deleting is not None and not pod.finished)

    def _fail_overdue(self, job: Workload) -> None:
        if all(pod.finished for pod in self._world.state.pods_of(job.uid)):
            self._world.put(msgspec.structs.replace(job, ready=0, current=0, failure=_OVERDUE))

    def _fill(self, job: Workload, missing: int) -> int:
        """Make the missing pods, or come back later if one has just failed. Returns how many were made."""
        wait = self._not_before.get(job.uid, self._world.now) - self._world.now
        if missing > 0 and wait > timedelta(0):
            self._queue.add(job.ref, wait)
            return 0
        for _ in range(missing):
            self._create_pod(job)
        return max(missing, 0)

    def _create_pod(self, job: Workload) -> None:
        pod = create_pod(self._world, job, self._world.new_name("pod", job.namespace, job.name), _named(job))
        node = self._nodes.get(job.uid)
        if pod is not None and node is not None:
            self._world.put(msgspec.structs.replace(pod, node=node, scheduled=self._world.now))

    def _upgrade(self, pod: Pod) -> None:
        version = self._upgrades.get(pod.owner.uid) if pod.owner else None
        node = self._world.state.nodes.get(pod.node)
        if version is not None and node is not None:
            self._world.assume(f"{pod.owner.name if pod.owner else pod.name}: leaves kubelet {version} on its node")
            self._world.put(msgspec.structs.replace(node, kubelet_version=version))


def _named(job: Workload) -> Template | None:
    """Its template with the labels that name the Job, as the API server completes it (generateSelector in
    pkg/registry/batch/job/strategy.go). A Job that has a selector is complete, or has one of its own (manualSelector).
    """
    if job.template is None or job.selector is not None:
        return job.template
    names = dict.fromkeys(_NAME_LABELS, job.name) | dict.fromkeys(_UID_LABELS, job.uid)
    return msgspec.structs.replace(job.template, labels={**names, **job.template.labels})


def _wanted(job: Workload, active: int, succeeded: int) -> int:
    """How many of its pods should be active (manageJob)."""
    if job.completions is None:
        return active if succeeded else job.replicas
    return min(max(job.completions - succeeded, 0), job.replicas)


def _ending(pod: Pod | None, *, forgiving: bool) -> str:
    """How it ended, if it has: a pod that is being deleted counts as failed, as one that is gone; unless its Job
    forgives that.
    """
    if forgiving and (pod is None or (pod.deleting is not None and pod.phase != "Succeeded")):
        return ""
    if pod is not None and pod.finished:
        return pod.phase
    return "Failed" if pod is None or pod.deleting is not None else ""


def _sleeping(words: Sequence[str]) -> dict[str, str]:
    """The annotation that says how long it runs, for a command such as `sleep 90s` or `sleep 90`."""
    if len(words) < _SLEEP or words[0] != "sleep":
        return {}
    return {DURATION: f"{words[1]}s" if words[1].isdigit() else words[1]}


def _words(container: Mapping[str, Any]) -> list[str]:
    return [str(word) for part in ("command", "args") for word in container.get(part) or ()]
