"""Admission: new pods get what `cluster.admission` sees at others of their template, which may be gone by then."""

from __future__ import annotations

from underway.cluster.admission import as_admitted, is_made_of, sample, wishes
from underway.cluster.model import Pod, Workload
from underway.cluster.podspec import PodSpec
from underway.simulated.world import World


class Admission:
    def __init__(self, world: World) -> None:
        self._world = world
        self._shown: dict[str, list[tuple[PodSpec, PodSpec]]] = {}
        """By the topmost controller's UID: what a template wishes for, and the spec of a pod of it."""
        world.watch(Workload, self._workload_changed, only_changes=True)
        world.watch(Pod, self._pod_changed, only_changes=True)

    def admit(self, maker: Workload, asked: PodSpec) -> PodSpec:
        """What a new pod asks for, of a template that asks for this much."""
        wanted = wishes(asked)
        shown = self._known(maker, wanted)
        if shown is None:
            for each in (maker, *(self._world.state.workloads_of(maker.owner.uid) if maker.owner else ())):
                self._learn(each)
            shown = self._known(maker, wanted)
        return asked if shown is None else as_admitted(asked, shown)

    def _known(self, maker: Workload, wanted: PodSpec) -> PodSpec | None:
        return next((shown for known, shown in self._shown.get(_top(maker), ()) if known == wanted), None)

    def _workload_changed(self, old: Workload | None, new: Workload | None) -> None:
        if old is not None and (new is None or new.template != old.template):
            self._learn(old)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """The last pod of a template may be on its way, or about to be released."""
        if old is None or old.owner is None:
            return
        if new is None or new.owner != old.owner or (new.labels is not old.labels and new.labels != old.labels):
            maker = self._world.state.controller_of(old)
            if maker is not None and is_made_of(old, maker):
                self._note(maker, old)

    def _learn(self, maker: Workload) -> None:
        pod = sample(maker, self._world.state)
        if pod is not None:
            self._note(maker, pod)

    def _note(self, maker: Workload, pod: Pod) -> None:
        if maker.template is not None:
            wanted = wishes(maker.template.spec)
            if self._known(maker, wanted) is None:
                self._shown.setdefault(_top(maker), []).append((wanted, pod.spec))


def _top(maker: Workload) -> str:
    return maker.owner.uid if maker.owner else maker.uid
