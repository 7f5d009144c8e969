"""Reports: what controllers and kubelets say of their progress, and no decision about pods rests on."""

from __future__ import annotations

import msgspec

from underway.cluster.model import Lease, Pod, Workload
from underway.cluster.objects import Object


def is_report(old: Object | None, new: Object) -> bool:
    """Whether an object that was there already differs in nothing else: the numbers in a workload's status, a Job's
    apart; that a pod's containers run, as long as it is not Ready, or have ended when it was asked to stop; that a
    Lease has been renewed.
    """
    match new:
        case Workload() if isinstance(old, Workload):
            return (
                new.kind != "job"
                and (new.generation, new.replicas, new.owner) == (old.generation, old.replicas, old.owner)
                and new.labels == old.labels
                and new.annotations == old.annotations
            )
        case Pod() if isinstance(old, Pod):
            return _is_progress(old, new)
        case Lease() if isinstance(old, Lease):
            return old == msgspec.structs.replace(new, renewed=old.renewed, resource_version=old.resource_version)
        case _:
            return False


def _is_progress(old: Pod, new: Pod) -> bool:
    if old.deleting is not None:
        told = {"phase": old.phase, "ready": old.ready, "ready_since": old.ready_since}
    elif old.phase == "Pending" and new.phase == "Running":
        told = {"phase": old.phase, "started": old.started, "ip": old.ip}
    else:
        return False
    return old == msgspec.structs.replace(new, resource_version=old.resource_version, **told)
