"""The simulated shop with a StatefulSet or a DaemonSet to roll out, and playbooks that do."""

from __future__ import annotations

from typing import Any

import msgspec
from stage import HERE, Stage

from underway.cluster.model import Pod, Ref, Workload
from underway.playbook.load import from_command_line
from underway.playbook.models import Playbook
from underway.simulated.load import load, simulate

DB, AGENT = Ref("statefulset", "shop", "db"), Ref("daemonset", "shop", "agent")
OLD, NEW, BAD = "underway/shop:1", "underway/shop:2", "underway/shop:bad"
REVISION = "controller-revision-hash"


def scene(ref: Ref, **changes: Any) -> Stage:
    """The shipped shop with this workload changed."""
    loaded = load([HERE / "kind-config.yaml", HERE / "manifests"])
    found = loaded.objects[ref]
    assert isinstance(found, Workload)
    loaded.objects[ref] = msgspec.structs.replace(found, **changes)
    stage = Stage(simulate(loaded), dict(loaded.services()))
    stage.cluster.kubelets.never_ready = lambda pod: BAD in pod.spec.images
    return stage


def release(ref: Ref, image: str = NEW, **fields: Any) -> Playbook:
    step: dict[str, Any] = {"workload": str(ref), "images": {ref.name: image}}
    return from_command_line("release", [{"rollout": step | fields}])


def pods(stage: Stage, ref: Ref) -> list[Pod]:
    return sorted((pod for pod in stage.cluster.state().pods_of(workload(stage, ref).uid)), key=lambda pod: pod.name)


def workload(stage: Stage, ref: Ref) -> Workload:
    return stage.cluster.state().workloads[ref]
