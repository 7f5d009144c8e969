"""The API server: carries out the writes of `cluster.actions` on the simulated objects, with their preconditions."""

from __future__ import annotations

from typing import TypeVar, assert_never

import msgspec

from underway.cluster.actions import (
    Action,
    Apply,
    CreateJob,
    CreateReplicaSet,
    DeleteJob,
    DeleteLease,
    DeleteReplicaSet,
    Evict,
    Outcome,
    PatchAutoscaler,
    PatchBudget,
    PatchLease,
    PatchNode,
    PatchPod,
    PatchWorkload,
    PutLease,
    RestoreTemplate,
    RollTemplate,
    TakeBack,
    Unmark,
)
from underway.cluster.model import Budget, Node, Pod, Ref, Workload
from underway.cluster.objects import Autoscaler
from underway.cluster.wire import from_mapping
from underway.simulated.applying import Applier
from underway.simulated.disruption import Disruptions
from underway.simulated.eviction import evict
from underway.simulated.job import Jobs
from underway.simulated.leases import Leases
from underway.simulated.workload_api import WorkloadApi
from underway.simulated.world import World, merged

_DONE = Outcome("done")
_T = TypeVar("_T", Node, Pod, Budget, Workload, Autoscaler)


class Api:
    def __init__(self, world: World, disruptions: Disruptions, jobs: Jobs) -> None:
        self._world = world
        self._disruptions = disruptions
        self._jobs = jobs
        self._workloads = WorkloadApi(world)
        self._leases = Leases(world)
        self._applier = Applier(world, jobs, self._leases)

    def carry_out(self, action: Action) -> Outcome:  # noqa: C901 - one flat case for each action
        match action:
            case PatchNode():
                return self._patch_node(action)
            case PatchPod():
                return self._patch_pod(action)
            case PatchBudget():
                return self._patch_budget(action)
            case PatchAutoscaler():
                return self._patch_autoscaler(action)
            case PatchWorkload() | RollTemplate() | RestoreTemplate() | CreateReplicaSet() | DeleteReplicaSet():
                return self._workloads.carry_out(action)
            case Evict():
                pod = self._present(Pod, action.object, action.uid)
                return (
                    pod
                    if isinstance(pod, Outcome)
                    else evict(self._world, self._disruptions, pod, action.grace_seconds)
                )
            case CreateJob():
                return self._create_job(action)
            case DeleteJob():
                return self._delete_job(action)
            case Apply() | TakeBack() | Unmark():
                return self._applier.carry_out(action)
            case PutLease() | PatchLease() | DeleteLease():
                return self._leases.carry_out(action)
            case never:
                assert_never(never)

    def _present(self, kind: type[_T], ref: Ref, uid: str, resource_version: str = "") -> _T | Outcome:
        found = self._world.get(kind, ref)
        if found is None:
            return Outcome("gone", f"{ref} not found")
        if found.uid != uid:
            return Outcome("gone", f"{ref} is another one now: its UID is {found.uid}, not {uid}")
        if resource_version and found.resource_version != resource_version:
            message = "the object has been modified; please apply your changes to the latest version and try again"
            return Outcome("conflict", f"Operation cannot be fulfilled on {ref}: {message}")
        return found

    def _patch_node(self, action: PatchNode) -> Outcome:
        node = self._present(Node, action.object, action.uid, action.resource_version)
        if isinstance(node, Outcome):
            return node
        self._world.put(
            msgspec.structs.replace(
                node,
                annotations=merged(node.annotations, action.annotations),
                unschedulable=node.unschedulable if action.unschedulable is None else action.unschedulable,
                taints=node.taints if action.taints is None else action.taints,
            )
        )
        return _DONE

    def _patch_pod(self, action: PatchPod) -> Outcome:
        pod = self._present(Pod, action.object, action.uid, action.resource_version)
        if isinstance(pod, Outcome):
            return pod
        labels, annotations = merged(pod.labels, action.labels), merged(pod.annotations, action.annotations)
        self._world.put(msgspec.structs.replace(pod, labels=labels, annotations=annotations))
        return _DONE

    def _patch_budget(self, action: PatchBudget) -> Outcome:
        budget = self._present(Budget, action.object, action.uid)
        if isinstance(budget, Outcome):
            return budget
        annotations = merged(budget.annotations, action.annotations)
        self._world.put(msgspec.structs.replace(budget, annotations=annotations))
        return _DONE

    def _patch_autoscaler(self, action: PatchAutoscaler) -> Outcome:
        found = self._present(Autoscaler, action.object, action.uid, action.resource_version)
        if isinstance(found, Outcome):
            return found
        self._world.put(
            msgspec.structs.replace(
                found,
                annotations=merged(found.annotations, action.annotations),
                min_replicas=found.min_replicas if action.min_replicas is None else action.min_replicas,
                max_replicas=found.max_replicas if action.max_replicas is None else action.max_replicas,
            )
        )
        return _DONE

    def _create_job(self, action: CreateJob) -> Outcome:
        if self._world.get(Workload, action.object) is not None:
            return _DONE
        job = from_mapping(action.manifest)
        if not isinstance(job, Workload) or job.ref != action.object or job.template is None:
            return Outcome("invalid", f"{action.object} cannot be made from this manifest")
        self._jobs.create(job, action.manifest)
        return _DONE

    def _delete_job(self, action: DeleteJob) -> Outcome:
        job = self._present(Workload, action.object, action.uid)
        if isinstance(job, Outcome):
            return job
        self._jobs.delete(job)
        return _DONE
