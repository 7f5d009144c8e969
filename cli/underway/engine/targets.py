"""What a playbook is about, as text to compare: of each object what decides, not what changes with every heartbeat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from underway.cluster.kinds import ref_of
from underway.cluster.model import Budget, Node, Pod, Ref, Workload
from underway.cluster.objects import Autoscaler
from underway.cluster.state import ClusterState
from underway.engine import judging
from underway.playbook.attach import manifests_of
from underway.playbook.manifests import Manifest
from underway.playbook.models import NodesStep, Playbook, QuarantineStep, RebalanceStep, RolloutStep, ScaleStep
from underway.steps import node_order, quarantine
from underway.steps.apply import resource_of
from underway.units import Share

TEMPLATE, IMAGE = "template", "image of "
"""Names of facts."""
_FROM_CONDITIONS = "node.kubernetes.io/"
"""Taints that follow from the cordon and the node's conditions, which are looked at themselves."""


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object that the playbook is about: what is decided by, as text. `object` as kubectl prints it."""

    object: str
    uid: str
    facts: Mapping[str, str]


def targets(playbook: Playbook, state: ClusterState) -> tuple[Target, ...]:
    """The nodes of the `nodes` steps, and the pods on them that do not simply stay; the workloads of the other steps,
    and their pods; the pods to be quarantined; and of all these pods the controllers, with their autoscalers, and the
    budgets. A pod that is terminating already is none: that it goes is nothing new. Of a chain of controllers it is the
    topmost that counts: it undoes what is done to those below.
    """
    return tuple(Look(playbook, state).targets.values())


class Look:
    """What a playbook is about now. `pods` has every pod on the nodes."""

    def __init__(self, playbook: Playbook, state: ClusterState) -> None:
        self.targets: dict[str, Target] = {}
        self.pods: dict[str, Target] = {}
        self._state = state
        for step in playbook.spec.steps:
            match step.body:
                case NodesStep():
                    self._add_nodes(step.body)
                case RolloutStep() | ScaleStep() | RebalanceStep():
                    self._add_whole(Ref(*step.body.workload))
                case QuarantineStep():
                    self._add_pods(quarantine.chosen(step.body, state))
                case _:
                    pass
        for manifest in manifests_of(playbook):
            self._add(_manifest(manifest))

    def _add(self, found: Target) -> None:
        self.targets.setdefault(found.object, found)

    def _add_nodes(self, step: NodesStep) -> None:
        for node in node_order.selected(step, self._state)[0]:
            self._add(_node(node))
            for pod, treated in judging.judged(node, step, self._state):
                found = _pod(pod, treated.verdict)
                self.pods.setdefault(found.object, found)
                if treated.verdict != "skip" and pod.deleting is None:
                    self._add(found)
                    self._add_around(pod)

    def _add_whole(self, ref: Ref) -> None:
        workload = self._state.workloads.get(ref)
        if workload is not None:
            self._add_controller(workload)
            below = self._state.workloads_of(workload.uid)
            self._add_pods(pod for own in (workload, *below) for pod in self._state.pods_of(own.uid))

    def _add_pods(self, pods: Iterable[Pod]) -> None:
        for pod in pods:
            if pod.deleting is None and not pod.finished:
                self._add(_pod(pod))
                self._add_around(pod)

    def _add_around(self, pod: Pod) -> None:
        controller = self._state.controller_of(pod)
        if controller is not None:
            self._add_controller(self._state.controller_of(controller) or controller)
        for budget in self._state.budgets_of(pod):
            self._add(_budget(budget))

    def _add_controller(self, workload: Workload) -> None:
        self._add(_workload(workload))
        scales = self._state.autoscaler_of(workload.ref)
        if scales is not None:
            self._add(_autoscaler(scales))


def _node(node: Node) -> Target:
    facts = {"unschedulable": _truth(node.unschedulable), "ready": _truth(node.ready)}
    for taint in node.taints:
        if not taint.key.startswith(_FROM_CONDITIONS):
            facts[f"taint {taint.key}:{taint.effect}"] = taint.value
    return Target(object=str(node.ref), uid=node.uid, facts=facts | _labels(node.labels))


def _manifest(manifest: Manifest) -> Target:
    """What will be applied: its file must not say another thing than when it was planned."""
    ref = ref_of(resource_of(manifest), manifest.namespace, manifest.name)
    return Target(object=f"manifest of {ref}", uid="", facts={"content": manifest.digest})


def _pod(pod: Pod, verdict: str = "") -> Target:
    """`verdict`: what is done with it to empty its node."""
    facts = {"node": pod.node} | ({"verdict": verdict} if verdict else {})
    return Target(object=str(pod.ref), uid=pod.uid, facts=facts | _labels(pod.labels))


def _workload(workload: Workload) -> Target:
    template = workload.template
    facts = {
        "replicas": str(workload.replicas),
        "generation": str(workload.generation),
        "paused": _truth(workload.paused),
        "strategy": workload.strategy,
        "partition": str(workload.partition),
        "minReadySeconds": str(workload.min_ready_seconds),
        TEMPLATE: template.hash if template else "",
    }
    facts |= {f"{IMAGE}{name}": image for name, image in template.images.items()} if template else {}
    facts |= dict(_shares(maxSurge=workload.max_surge, maxUnavailable=workload.max_unavailable))
    return Target(object=str(workload.ref), uid=workload.uid, facts=facts)


def _autoscaler(scales: Autoscaler) -> Target:
    facts = {
        "minReplicas": str(scales.min_replicas),
        "maxReplicas": str(scales.max_replicas),
        "scaleTargetRef": str(scales.target),
    }
    return Target(object=str(scales.ref), uid=scales.uid, facts=facts)


def _budget(budget: Budget) -> Target:
    facts = {"selector": "nothing" if budget.selector is None else str(budget.selector)}
    facts |= dict(_shares(minAvailable=budget.min_available, maxUnavailable=budget.max_unavailable))
    facts["unhealthyPodEvictionPolicy"] = "AlwaysAllow" if budget.always_allow_unhealthy else "IfHealthyBudget"
    return Target(object=str(budget.ref), uid=budget.uid, facts=facts)


def _shares(**given: Share | None) -> Iterator[tuple[str, str]]:
    yield from ((name, str(value)) for name, value in given.items() if value is not None)


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {f"label {key}": value for key, value in sorted(labels.items())}


def _truth(value: bool) -> str:  # noqa: FBT001 - it is the value
    return "true" if value else "false"


def elsewhere(was: Target, state: ClusterState) -> Target | None:
    """The object, if it is there although the playbook is no longer about it. Nothing judges such a pod."""
    kind, *namespace, name = was.object.split("/")
    ref = Ref(kind, "".join(namespace), name)
    match kind:
        case "node":
            node = state.nodes.get(name)
            return _node(node) if node else None
        case "pod":
            pod = state.pods.get(ref)
            return _pod(pod, was.facts.get("verdict", "")) if pod else None
        case "poddisruptionbudget":
            return next((_budget(found) for found in state.budgets_in(ref.namespace) if found.ref == ref), None)
        case "horizontalpodautoscaler":
            scales = state.autoscalers.get(ref)
            return _autoscaler(scales) if scales else None
        case _:
            workload = state.workloads.get(ref)
            return _workload(workload) if workload else None
