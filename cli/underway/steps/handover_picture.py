"""What stands of a handover: a Deployment, its ReplicaSets and its pods, each in the part that it plays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from underway.cluster.model import Pod, Workload
from underway.cluster.state import ClusterState
from underway.steps import marks, rollout_marks
from underway.steps.rollout_marks import HASH, NEW_HASH, OLD_HASH, OLD_TEMPLATE, ROLLOUT


@dataclass(frozen=True)
class Picture:
    """A Deployment in a handover. `target`: the ReplicaSet of its present template, or None while there is none.
    `active`: its other ReplicaSets that have replicas or pods; `history`: those that have not; `aside`: those of the
    history that the run has set aside; `ending`: those whose pods are being orphaned.
    """

    deployment: Workload
    target: Workload | None
    active: tuple[Workload, ...]
    history: tuple[Workload, ...]
    aside: tuple[Workload, ...]
    ending: tuple[Workload, ...]
    keepers: tuple[Pod, ...]
    """The pods of the target's version, whoever owns them, but for those that are leaving."""
    leavers: tuple[Pod, ...]
    """The pods of any other version that nobody owns any more; withdrawn ones too, and those that are leaving."""
    at_old: bool
    """Whether the Deployment's template is the one that it had before, or will be."""

    @property
    def wanted(self) -> int:
        return rollout_marks.replicas(self.deployment)

    def needed(self, *, back: bool) -> int:
        """How many of the target's version have to serve; on the way back no more than served before."""
        return rollout_marks.needed_back(self.deployment) if back else self.wanted


def picture(found: Workload, run: str, state: ClusterState, *, back: bool = False) -> Picture:
    """As the Deployment's template is; `back`: as it will be when that is the old one again."""
    owned = [one for one in state.workloads_of(found.uid) if one.kind == "replicaset"]
    aside = [
        one
        for one in state.marked_workloads()
        if one.kind == "replicaset" and one.namespace == found.namespace and _is_aside(one, found, run)
    ]
    names = {one.name for one in aside}
    visible = [one for one in owned if one.name not in names]
    standing = [one for one in visible if not one.deleting]
    template = found.template.hash if found.template else ""
    at_old = back or template == found.annotations.get(OLD_TEMPLATE)
    digest = target_hash(found, at_old=at_old, visible=visible)
    # one of the history may have the same template: it is set aside like the others, and the run's own is known by its
    # hash, so that its pods are too
    same = (one for one in standing if one.template is not None and one.template.hash == template)
    target = next((one for one in same if one.labels.get(HASH) == digest), None)
    others = [one for one in standing if one is not target]
    active = [one for one in others if one.replicas or state.pods_of(one.uid)]
    ending = [one for one in visible if one.deleting]
    keepers, leavers = _pods(found, digest, frozenset(one.uid for one in standing), state)
    return Picture(
        found,
        target,
        tuple(active),
        tuple(one for one in others if one not in active),
        tuple(aside),
        tuple(ending),
        keepers,
        leavers,
        at_old,
    )


def _is_aside(one: Workload, found: Workload, run: str) -> bool:
    return marks.run_of(one) == run and one.name.startswith(f"{found.name}-") and marks.LABELS in one.annotations


def target_hash(found: Workload, *, at_old: bool, visible: list[Workload]) -> str:
    """The pod-template-hash of the version that the Deployment asks for now."""
    if at_old:
        return found.annotations.get(OLD_HASH, "")
    new = found.annotations.get(NEW_HASH, "")
    made = next((one for one in visible if one.labels.get(HASH) == new), None)
    if made is None or (made.template and found.template and made.template.hash == found.template.hash):
        return new
    # somebody else has asked for a third version meanwhile
    return sha256(f"{new}/{found.template.hash if found.template else ''}".encode()).hexdigest()[:10]


def _pods(
    found: Workload, digest: str, standing: frozenset[str], state: ClusterState
) -> tuple[tuple[Pod, ...], tuple[Pod, ...]]:
    """A ReplicaSet that is being deleted makes no pods any more: those that it has, or had, count as nobody's."""
    versions = {found.annotations.get(OLD_HASH), found.annotations.get(NEW_HASH), digest} - {None, ""}
    keepers, leavers = [], []
    for pod in _pods_of(found, state):
        version = pod.labels.get(HASH)
        if version not in versions or (pod.finished and not marks.stage(pod)):
            continue
        if pod.deleting is not None and marks.stage(pod):
            leavers.append(pod)
        elif version == digest:
            keepers.append(pod)
        elif pod.owner is None or pod.owner.uid not in standing:
            leavers.append(pod)
    return tuple(keepers), tuple(leavers)


def _pods_of(found: Workload, state: ClusterState) -> Iterator[Pod]:
    """Those that the Deployment selects, and those that have been withdrawn from it."""
    yield from state.selection(found.namespace, found.selector).pods if found.selector else ()
    for pod in state.marked_pods():
        withdrawn = pod.namespace == found.namespace and pod.annotations.get(ROLLOUT) == found.name
        if withdrawn and not (found.selector and found.selector.matches(pod.labels)):
            yield pod
