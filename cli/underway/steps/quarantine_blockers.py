"""What stands in the way of a quarantine: pods whose place nothing would fill, or that nothing may take out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from underway.cluster import traffic
from underway.cluster.model import Pod, Workload
from underway.cluster.room import Room, unschedulable_message
from underway.cluster.state import MARK, ClusterState
from underway.errors import Blocker
from underway.playbook.models import QuarantineStep
from underway.steps import marks, remedies
from underway.steps.handoff import Ledger, needed_by, single_writer
from underway.steps.verb import Scene

_DELETE = "delete it instead: kubectl delete pod"


def blockers(step: QuarantineStep, pods: Sequence[Pod], scene: Scene) -> Iterator[Blocker]:
    if not pods:
        name = f"pod/{step.pod}" if step.pod is not None else scene.name
        reason = "there is no such pod" if step.pod is not None else "no running pod is selected"
        yield Blocker(name, reason, "correct it: kubectl get pods -A --show-labels")
    room = Room(scene.state)
    for pod in pods:
        found = (
            _not_to_be_touched(pod)
            or _not_replaced(pod, scene.state)
            or remedies.for_unmet_budget(pod, scene.state)
            or _no_room(pod, scene.state, room)
        )
        if found is not None:
            yield Blocker(str(pod.ref), *found)


def _not_to_be_touched(pod: Pod) -> tuple[str, str] | None:
    earlier = marks.quarantined_by(pod) or pod.labels.get(MARK)
    if pod.mirror:
        return "static pod: its kubelet runs it from a file", "take the file away on its node"
    if earlier is not None:
        return f"run {earlier} has its marks on it already", f"see underway status {earlier}"
    if pod.deleting is not None or pod.phase != "Running":
        return f"it is {'terminating' if pod.deleting else pod.phase}: there is nothing to look at", _DELETE
    return None


def _not_replaced(pod: Pod, state: ClusterState) -> tuple[str, str] | None:
    """Why nothing would fill its place beside it, where something has to."""
    if pod.owner is None:
        needed = needed_by(pod, state, Ledger()) if pod.ready else None
        return (f"it has no controller to fill its place: {needed}", "add a replica first") if needed else None
    controller = state.controller_of(pod)
    if controller is None or controller.kind not in ("replicaset", "daemonset"):
        return f"its {pod.owner.kind} cannot replace it while it runs", _DELETE
    return _against(pod, controller, state)


def _against(pod: Pod, controller: Workload, state: ClusterState) -> tuple[str, str] | None:
    kind = pod.owner.kind if pod.owner is not None else ""
    key = traffic.detach_key(pod, controller, state)
    if key is None:
        reason = f"every label that its {kind} selects by is also used by a Service, budget or NetworkPolicy"
        return reason, f"give the selector of {controller.ref} a label of its own"
    if traffic.adoptable(pod, traffic.without(pod.labels, (key, *traffic.withdraw_keys(pod, state))), state):
        return "another controller would adopt it once it is out of traffic", _DELETE
    owner = state.controller_of(controller)
    if owner is not None and owner.strategy == "Recreate":
        return "its Deployment never runs two at once (strategy Recreate)", _DELETE
    claim = single_writer(pod, state)
    if claim is not None:
        return f"its volume claim {claim} can be used on one node only", _DELETE
    if controller.kind == "daemonset" and (pod.spec.host_network or pod.spec.host_ports):
        return "it holds ports of its node that another one needs", _DELETE
    return None


def _no_room(pod: Pod, state: ClusterState, room: Room) -> tuple[str, str] | None:
    if pod.owner is None:
        return None
    another = replace(pod, uid=f"{pod.uid}/replacement", name=f"{pod.name}-replacement", node="")
    if pod.owner.kind == "DaemonSet":
        node = state.nodes.get(pod.node)
        obstacle = room.obstacle(another, node) if node is not None else None
        return (f"its node has no room for another one: {obstacle}", "free room on it") if obstacle else None
    placed = room.place(another)
    if isinstance(placed, str):
        return None
    return f"there is no room for another one: {unschedulable_message(placed)}", "free room, or add a node"
