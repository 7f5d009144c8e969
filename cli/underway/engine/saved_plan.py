"""A saved plan: one JSON document with the playbook, the plan, and what its targets were like when it was made.

What the playbook is about is compared by what decides: not by resourceVersion, which changes with every heartbeat. So
a plan that is carried out later is the plan that was read, or is refused with everything that has changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from underway.cluster.kinds import ref_of
from underway.cluster.model import Budget, Node, Pod, Ref, Workload
from underway.cluster.state import ClusterState
from underway.engine import judging
from underway.engine.events import SCHEMA
from underway.engine.plan import Plan
from underway.errors import Blocker, UsageError
from underway.playbook.attach import manifests_of
from underway.playbook.manifests import Manifest
from underway.playbook.models import NodesStep, Playbook
from underway.steps import node_order
from underway.steps.apply import resource_of

KIND = "SavedPlan"
_HINT = "make it anew: underway plan PLAYBOOK --out FILE"
_FROM_CONDITIONS = "node.kubernetes.io/"
"""Taints that follow from the cordon and the node's conditions, which are looked at themselves."""
_MOST = 5
"""How many differences of one object are told."""
_NEW = {
    "node": "is new: it is selected now",
    "poddisruptionbudget": "is new: it covers pods that have to leave",
}
_ORDER = {kind: place for place, kind in enumerate(("node", "poddisruptionbudget", "workload", "pod"))}


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object that the playbook is about: what is decided by, as text. `object` as kubectl prints it."""

    object: str
    uid: str
    facts: Mapping[str, str]


class _Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str
    kind: str
    version: str


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """`version`: of Underway, since another may decide otherwise. `again`: the command that makes such a plan, without
    where it is written. `context`: the cluster it was made on; `files`: or those that a simulated one was made of.
    `namespace`: where Jobs run if the playbook does not say. `playbook`: the document, its variables filled in.
    """

    api_version: str = SCHEMA
    kind: str = KIND
    version: str
    again: str
    context: str
    files: tuple[str, ...]
    namespace: str
    playbook: dict[str, Any]
    plan: Plan
    targets: tuple[Target, ...]


def encode(saved: SavedPlan) -> bytes:
    """Raises UsageError for a playbook with a number that JSON does not have."""
    data = msgspec.json.encode(saved)
    if msgspec.json.decode(data)["playbook"] != saved.playbook:
        raise UsageError("the plan cannot be saved: the playbook has a number without an end, such as .inf or .nan")
    return data


def decode(data: bytes, name: str, version: str) -> SavedPlan:
    """Raises UsageError for what is cut off, damaged, or made by another version. `name`: what messages call it."""
    try:
        header = msgspec.json.decode(data, type=_Header)
        if header.kind != KIND or header.api_version != SCHEMA:
            raise UsageError(f"{name}: is a {header.kind} of {header.api_version}, not a {KIND} of {SCHEMA}", _HINT)
        if header.version != version:
            raise UsageError(
                f"{name}: was made by Underway {header.version}, and this is {version}, which may decide otherwise",
                _HINT,
            )
        return msgspec.json.decode(data, type=SavedPlan)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name}: is not a saved plan as this version writes it: {error}", _HINT) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name}: the saved plan is cut off or damaged: {error}", _HINT) from error


# -- targets -----------------------------------------------------------------------------------------------------


def targets(playbook: Playbook, state: ClusterState) -> tuple[Target, ...]:
    """The nodes of the `nodes` steps, the pods on them that do not simply stay, and these pods' controllers and
    budgets. A pod that is terminating already is none: that it goes is nothing new. Of a chain of controllers it is the
    topmost that counts: it undoes what is done to those below.
    """
    found = _Look(playbook, state)
    return tuple(found.targets.values())


class _Look:
    """What a playbook is about now. `pods` has every pod on the nodes."""

    def __init__(self, playbook: Playbook, state: ClusterState) -> None:
        self.targets: dict[str, Target] = {}
        self.pods: dict[str, Target] = {}
        steps = [step.body for step in playbook.spec.steps if isinstance(step.body, NodesStep)]
        for step in steps:
            for node in node_order.selected(step, state)[0]:
                self._add(_node(node))
                for pod, treated in judging.judged(node, step, state):
                    found = _pod(pod, treated.verdict)
                    self.pods.setdefault(found.object, found)
                    if treated.verdict != "skip" and pod.deleting is None:
                        self._add(found)
                        self._add_around(pod, state)
        for manifest in manifests_of(playbook):
            self._add(_manifest(manifest))

    def _add(self, found: Target) -> None:
        self.targets.setdefault(found.object, found)

    def _add_around(self, pod: Pod, state: ClusterState) -> None:
        controller = state.controller_of(pod)
        if controller is not None:
            self._add(_workload(state.controller_of(controller) or controller))
        for budget in state.budgets_of(pod):
            self._add(_budget(budget))


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


def _pod(pod: Pod, verdict: str) -> Target:
    facts = {"node": pod.node, "verdict": verdict}
    return Target(object=str(pod.ref), uid=pod.uid, facts=facts | _labels(pod.labels))


def _workload(workload: Workload) -> Target:
    facts = {"replicas": str(workload.replicas), "generation": str(workload.generation)}
    return Target(object=str(workload.ref), uid=workload.uid, facts=facts)


def _budget(budget: Budget) -> Target:
    facts = {"selector": "nothing" if budget.selector is None else str(budget.selector)}
    if budget.min_available is not None:
        facts["minAvailable"] = str(budget.min_available)
    if budget.max_unavailable is not None:
        facts["maxUnavailable"] = str(budget.max_unavailable)
    facts["unhealthyPodEvictionPolicy"] = "AlwaysAllow" if budget.always_allow_unhealthy else "IfHealthyBudget"
    return Target(object=str(budget.ref), uid=budget.uid, facts=facts)


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {f"label {key}": value for key, value in sorted(labels.items())}


def _truth(value: bool) -> str:  # noqa: FBT001 - it is the value
    return "true" if value else "false"


# -- what has changed --------------------------------------------------------------------------------------------


def differences(planned: Sequence[Target], playbook: Playbook, state: ClusterState, remedy: str) -> tuple[Blocker, ...]:
    """Every target that is not what it was when the plan was made, those that have come since included."""
    look = _Look(playbook, state)
    found: list[Blocker] = []
    for was in planned:
        now = look.targets.get(was.object) or look.pods.get(was.object) or _elsewhere(was, state)
        changed = ["is gone"] if now is None else list(_differences(was, now))
        if changed:
            found.append(Blocker(was.object, "; ".join(_few(changed)), remedy))
    known = {was.object for was in planned}
    found += (Blocker(now.object, _new(now), remedy) for now in look.targets.values() if now.object not in known)
    return tuple(sorted(found, key=_place))


def _elsewhere(was: Target, state: ClusterState) -> Target | None:
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
        case _:
            workload = state.workloads.get(ref)
            return _workload(workload) if workload else None


def _differences(was: Target, now: Target) -> Iterator[str]:
    if was.uid != now.uid:
        yield f"is another one of this name (uid was {was.uid}, now {now.uid})"
    for name in dict.fromkeys((*was.facts, *now.facts)):
        before, after = was.facts.get(name), now.facts.get(name)
        if before != after:
            yield f"{name} was {_shown(before)}, now {_shown(after)}"


def _shown(value: str | None) -> str:
    return "not there" if value is None else value or '""'


def _few(changed: Sequence[str]) -> Iterable[str]:
    yield from changed[:_MOST]
    if len(changed) > _MOST:
        yield f"and {len(changed) - _MOST} more differences"


def _new(now: Target) -> str:
    if now.object.startswith("pod/"):
        return f"is new on node/{now.facts['node']} (verdict {now.facts['verdict']})"
    return _NEW.get(now.object.partition("/")[0], "is new: it controls pods that have to leave")


def _place(found: Blocker) -> tuple[int, str]:
    kind = found.object.partition("/")[0]
    return _ORDER.get(kind, _ORDER["workload"]), found.object
