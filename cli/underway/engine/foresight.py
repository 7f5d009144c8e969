"""Foresight: the state in which a later step will find the cluster, as far as the steps before it say so.

A step that gives a workload more replicas, or applies a budget, is there for the sake of those that follow: they are
judged with it. What cannot be foreseen, as pods that are yet to be made of a new manifest, is judged when it is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from underway.cluster.kinds import ref_of
from underway.cluster.model import Budget, Pod, Ref, Service, Workload
from underway.cluster.room import Room
from underway.cluster.state import ClusterState
from underway.cluster.wire import from_mapping
from underway.playbook.manifests import Manifest
from underway.playbook.models import ApplyStep, Playbook, ScaleStep, Step
from underway.steps import scale
from underway.steps.apply import resource_of
from underway.steps.rollout_choice import replicaset_in_use


def states(playbook: Playbook, state: ClusterState) -> Iterator[tuple[Step, ClusterState | None]]:
    """Each step with the state in which it will be; None where it is about what is yet to be applied."""
    applied: set[Ref] = set()
    for step in playbook.spec.steps:
        target = getattr(step.body, "workload", None)
        about = Ref(target.kind, target.namespace, target.name) if target is not None else None
        yield step, None if about in applied else state
        if isinstance(step.body, ScaleStep) and about not in applied:
            state = _scaled(step.body, state)
        elif isinstance(step.body, ApplyStep):
            applied |= {ref_of(resource_of(one), one.namespace, one.name) for one in step.body.manifests if one.plural}
            state = _applied(step.body, state)


def is_foreseen(playbook: Playbook, index: int) -> bool:
    """Whether a step was judged by what the steps before it were to do."""
    return any(isinstance(step.body, ScaleStep | ApplyStep) for step in playbook.spec.steps[:index])


def _scaled(step: ScaleStep, before: ClusterState) -> ClusterState:
    found = before.workloads.get(Ref(step.workload.kind, step.workload.namespace, step.workload.name))
    if found is None:
        return before
    state = before.copy()
    _give_replicas(found, scale.wanted(step, found), state)
    return state


def _applied(step: ApplyStep, before: ClusterState) -> ClusterState:
    state = before.copy()
    for manifest in step.manifests:
        _put(manifest, state)
    return state


def _put(manifest: Manifest, state: ClusterState) -> None:
    try:
        new = from_mapping(manifest.content)
    except ValueError:
        return  # which the server will say of it
    old = state.get(ref_of(resource_of(manifest), manifest.namespace, manifest.name)) if manifest.plural else None
    match new, old:
        case Workload(), Workload() if "replicas" in (manifest.content.get("spec") or {}):
            _give_replicas(old, new.replicas, state)
        case Service(), Service():
            state.put(replace(old, selector=new.selector))
        case Budget(), Budget():
            asked = ("selector", "min_available", "max_unavailable", "always_allow_unhealthy")
            fields: dict[str, Any] = {name: getattr(new, name) for name in asked}
            state.put(replace(old, **fields))
        case Budget(), None:
            state.put(replace(new, namespace=manifest.namespace, uid=f"{new.name} to be applied"))
        case _:
            pass


def _give_replicas(found: Workload, count: int, state: ClusterState) -> None:
    """The pods too: Ready, where there is room for them, and endpoints of the Services that select them."""
    maker = replicaset_in_use(found, state) if found.kind == "deployment" else found
    more = count - found.replicas
    state.put(replace(found, replicas=count))
    if maker is None:
        return
    if maker.uid != found.uid:
        state.put(replace(maker, replicas=max(0, maker.replicas + more)))
    pods = sorted(state.pods_of(maker.uid), key=lambda pod: (len(pod.name), pod.name))
    model = next((pod for pod in pods if pod.ready), None)
    room = Room(state)
    if model is not None and more > 0:
        for number in range(len(pods), count):
            _add(model, f"{found.name}-{number}", room, state)
    for pod in pods[count:] if more < 0 else ():
        _serve(pod, state, leaves=True)
        state.drop(pod.ref)


def _add(model: Pod, name: str, room: Room, state: ClusterState) -> None:
    """A member of a StatefulSet has claims of its own: on volumes that are yet to be made, they bind it to no node."""
    of_statefulset = model.owner is not None and model.owner.kind == "StatefulSet"
    spec = replace(model.spec, claims=()) if of_statefulset else model.spec
    new = replace(model, uid=f"{name} to be made", name=name, node="", spec=spec)
    placed = room.place(new)
    if isinstance(placed, str):
        state.put(replace(new, node=placed))
        _serve(new, state)


def _serve(pod: Pod, state: ClusterState, *, leaves: bool = False) -> None:
    for service in state.services_of(pod):
        for found in tuple(state.slices(service))[: None if leaves else 1]:
            state.put(replace(found, ready=found.ready - {pod.uid} if leaves else found.ready | {pod.uid}))
