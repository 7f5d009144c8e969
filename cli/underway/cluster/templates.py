"""Pod templates as the API has them: what a rollout makes of one, the note of what it was, and a ReplicaSet for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from underway.cluster.actions import RECORD, CreateReplicaSet, PatchWorkload, RestoreTemplate, RollTemplate

HASH = "pod-template-hash"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def workload_patch(action: PatchWorkload) -> dict[str, Any]:
    """The merge patch of an action that leaves the template."""
    metadata: dict[str, Any] = {"uid": action.uid}
    if action.resource_version:
        metadata["resourceVersion"] = action.resource_version
    if action.labels:
        metadata["labels"] = dict(action.labels)
    if action.annotations:
        metadata["annotations"] = dict(action.annotations)
    spec = _asked(action)
    return {"metadata": metadata} | ({"spec": spec} if spec else {})


def template_patch(found: Mapping[str, Any], action: RollTemplate | RestoreTemplate) -> dict[str, Any]:
    """The merge patch that gives an object, read just now, its new template or its old one. Raises ValueError if the
    object has no such container, or no note of an old template.
    """
    now = found["spec"]["template"]
    metadata = found["metadata"]
    annotations: dict[str, Any] = dict(action.annotations)
    if isinstance(action, RollTemplate):
        wanted = _rolled(now, action)
        if RECORD not in (metadata.get("annotations") or {}):
            annotations[RECORD] = json.dumps(now, separators=(",", ":"))
    else:
        wanted = recorded(found)
    spec = _asked(action)
    changes = difference(now, wanted)
    if changes:
        spec["template"] = changes
    return {
        "metadata": {
            "uid": action.uid,
            "resourceVersion": metadata["resourceVersion"],
            **({"annotations": annotations} if annotations else {}),
        },
        **({"spec": spec} if spec else {}),
    }


def recorded(found: Mapping[str, Any]) -> dict[str, Any]:
    """The template that a rollout has replaced. Raises ValueError if none is noted."""
    text = (found["metadata"].get("annotations") or {}).get(RECORD)
    template = json.loads(text) if text else None
    if not isinstance(template, dict):
        raise ValueError("it has no note of its previous template (annotation underway.dev/record)")  # noqa: TRY004
    return template


def replicaset_manifest(deployment: Mapping[str, Any], action: CreateReplicaSet) -> dict[str, Any]:
    """The ReplicaSet that the Deployment controller takes for its own: owner, selector and template as it makes them
    (pkg/controller/deployment/sync.go, getNewReplicaSet). Raises ValueError as `recorded`.
    """
    spec, own = deployment["spec"], deployment["metadata"]
    template = recorded(deployment) if action.recorded else spec["template"]
    about = dict(template.get("metadata") or {})
    labels = {**(about.get("labels") or {}), HASH: action.hash}
    selector = dict(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: action.hash}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": action.object.name,
            "namespace": action.object.namespace,
            "labels": labels,
            "annotations": dict(action.annotations),
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": own["name"],
                    "uid": own["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "replicas": action.replicas,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": selector,
            "template": {**template, "metadata": {**about, "labels": labels}},
        },
    }


def _asked(action: PatchWorkload | RollTemplate | RestoreTemplate) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if action.replicas is not None:
        spec["replicas"] = action.replicas
    if action.paused is not None:
        spec["paused"] = action.paused or None
    if action.partition is not None:
        spec["updateStrategy"] = {"rollingUpdate": {"partition": action.partition}}
    return spec


def _rolled(template: Mapping[str, Any], action: RollTemplate) -> dict[str, Any]:
    spec = dict(template["spec"])
    lacking = set(action.images)
    for part in ("initContainers", "containers"):
        if spec.get(part):
            spec[part] = [_container(found, action, part) for found in spec[part]]
            lacking -= {found["name"] for found in spec[part]}
    if lacking:
        raise ValueError(f"it has no container named {', '.join(sorted(lacking))}")
    about = dict(template.get("metadata") or {})
    if action.restarted_at:
        about["annotations"] = {**(about.get("annotations") or {}), RESTARTED_AT: action.restarted_at}
    return {**template, "metadata": about, "spec": spec}


def _container(found: Mapping[str, Any], action: RollTemplate, part: str) -> dict[str, Any]:
    new = dict(found)
    if found["name"] in action.images:
        new["image"] = action.images[found["name"]]
    if action.env and part == "containers":
        kept = [one for one in found.get("env") or [] if one["name"] not in action.env]
        new["env"] = [*kept, *({"name": name, "value": value} for name, value in action.env.items())]
    return new


def difference(now: Any, wanted: Any) -> Any:
    """The merge patch (RFC 7386) that makes `wanted` of `now`; for what is no object, `wanted` itself."""
    if not isinstance(now, Mapping) or not isinstance(wanted, Mapping):
        return wanted
    changes: dict[str, Any] = dict.fromkeys(now.keys() - wanted.keys())
    for key, value in wanted.items():
        if key not in now:
            changes[key] = value
        elif now[key] != value:
            changes[key] = difference(now[key], value)
    return changes
