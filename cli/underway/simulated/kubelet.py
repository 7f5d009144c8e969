"""The kubelets: start bound pods, let them become Ready, stop deleted ones; and what really serves, whatever is known.

A pod serves from the moment it is Ready until its process exits, which may be long before the API says so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec

from underway.cluster.model import Pod, Ref
from underway.simulated.attachments import Attachments
from underway.simulated.timings import Timing, Timings
from underway.simulated.world import World


class Kubelets:
    def __init__(self, world: World) -> None:
        self._world = world
        self._timings = Timings(world)
        self._attachments = Attachments(world, self._begin)
        self._exited: set[str] = set()
        self._silent: set[str] = set()
        self.on_exit: list[Callable[[Pod], None]] = []
        """Called just before a pod stops answering."""
        self.on_serve: list[Callable[[Pod], None]] = []
        """Called just before a pod begins to answer."""
        self.on_finish: list[Callable[[Pod], None]] = []
        """Called when a pod that runs to completion has succeeded."""
        self.never_ready: Callable[[Pod], bool] = lambda _: False
        world.watch(Pod, self._pod_changed)

    def answers(self, uid: str) -> bool:
        """Whether a request that reaches the pod now is answered."""
        pod = self._world.state.pod(uid)
        return pod is not None and pod.ready and uid not in self._exited and pod.node not in self._silent

    def silence(self, node: str) -> None:
        """The node is lost: nothing on it answers, starts or stops any more."""
        for pod in list(self._world.state.pods_on(node)):
            self._tell_exit(pod)
        self._silent.add(node)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old:
                self._exited.discard(old.uid)
                self._timings.forget(old.uid)
            return
        if old and old.owner and new.owner is None:
            self._timings.remember(old)
        if not new.node:
            return
        if new.node in self._silent:
            return
        if new.deleting is not None:
            if old is None or old.deleting != new.deleting:
                self._world.after(self._stopping_time(new), partial(self._exit, new.ref, new.uid))
        elif old is None or not old.node:
            self._begin(new)

    def _stopping_time(self, pod: Pod) -> timedelta:
        grace = max((pod.deleting or self._world.now) - self._world.now, timedelta(0))
        timing = self._timings.of(pod)
        if self.answers(pod.uid):
            self._world.assume(timing.exit_note)
        return min(grace, timing.exit) + self._world.settings.stopping_delay

    def _begin(self, pod: Pod) -> None:
        if pod.waiting:
            return
        if pod.phase == "Pending" and pod.spec.claims and self._attachments.keeps_waiting(pod):
            return
        if pod.phase == "Pending":
            self._world.after(self._timings.of(pod).start_up, partial(self._run, pod.ref, pod.uid))
        elif pod.phase == "Running" and pod.started and (not pod.ready or pod.spec.restart_policy != "Always"):
            self._go_on(pod, pod.started, self._timings.of(pod))

    def _go_on(self, pod: Pod, started: datetime, timing: Timing) -> None:
        """What a running pod still has before it. One that is late is not waited for: it is out of order."""
        now = self._world.now
        if pod.spec.restart_policy != "Always":
            self._world.assume(timing.duration_note)
            if started + timing.duration >= now:
                self._world.at(started + timing.duration, partial(self._finish, pod.ref, pod.uid))
        warm_up = timing.warm_up if pod.spec.restart_policy == "Always" else timedelta(0)
        if not pod.ready and started + warm_up >= now and not self.never_ready(pod):
            self._world.assume(timing.start_note)
            self._world.at(started + warm_up, partial(self._become_ready, pod.ref, pod.uid))

    def _present(self, ref: Ref, uid: str) -> Pod | None:
        pod = self._world.get(Pod, ref)
        return pod if pod and pod.uid == uid and pod.node not in self._silent else None

    def _run(self, ref: Ref, uid: str) -> None:
        pod = self._present(ref, uid)
        if pod is None or pod.deleting is not None:
            return
        address = f"10.{int(uid[:2], 16)}.{int(uid[2:4], 16)}.{int(uid[4:6], 16)}"
        now = self._world.now
        pod = self._world.put(msgspec.structs.replace(pod, phase="Running", started=now, ip=address))
        self._go_on(pod, now, self._timings.of(pod))

    def _become_ready(self, ref: Ref, uid: str) -> None:
        pod = self._present(ref, uid)
        if pod is not None and uid not in self._exited and pod.phase == "Running":
            for tell in self.on_serve:
                tell(pod)
            self._world.put(msgspec.structs.replace(pod, ready=True, ready_since=self._world.now))

    def _finish(self, ref: Ref, uid: str) -> None:
        pod = self._present(ref, uid)
        if pod is None or pod.deleting is not None:
            return
        for tell in self.on_finish:
            tell(pod)
        self._world.after(self._world.settings.finish_report, partial(self._report_finish, ref, uid))

    def _report_finish(self, ref: Ref, uid: str) -> None:
        pod = self._present(ref, uid)
        if pod is not None and pod.deleting is None:
            self._world.put(msgspec.structs.replace(pod, phase="Succeeded", ready=False, ready_since=None))

    def _exit(self, ref: Ref, uid: str) -> None:
        pod = self._present(ref, uid)
        if pod is None or uid in self._exited:
            return
        self._tell_exit(pod)
        self._exited.add(uid)
        settings = self._world.settings
        self._world.after(settings.exit_report, partial(self._report_exit, ref, uid))
        self._world.after(settings.exit_report + settings.removal, partial(self._remove, ref, uid))

    def _tell_exit(self, pod: Pod) -> None:
        if self.answers(pod.uid):
            for tell in self.on_exit:
                tell(pod)

    def _report_exit(self, ref: Ref, uid: str) -> None:
        """All its containers have ended, so that the pod is finished while it is being deleted."""
        pod = self._present(ref, uid)
        if pod is not None:
            phase = "Succeeded" if pod.spec.restart_policy == "Always" else "Failed"
            self._world.put(msgspec.structs.replace(pod, phase=phase, ready=False, ready_since=None))

    def _remove(self, ref: Ref, uid: str) -> None:
        pod = self._present(ref, uid)
        if pod is not None:
            self._world.remove(ref)
