"""The kinds that an API server serves: Kubernetes' own, which need not be asked for, and how objects are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from underway.cluster.model import Ref
from underway.cluster.wire import RESOURCES, Resource

Kinds: TypeAlias = Mapping[tuple[str, str], Resource]
"""By apiVersion and kind, as manifests write them."""

_NAMESPACED: Mapping[str, str] = {
    "v1": "ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController"
    " ResourceQuota Secret Service ServiceAccount",
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "autoscaling/v1": "HorizontalPodAutoscaler",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "batch/v1": "CronJob Job",
    "coordination.k8s.io/v1": "Lease",
    "discovery.k8s.io/v1": "EndpointSlice",
    "networking.k8s.io/v1": "Ingress NetworkPolicy",
    "policy/v1": "PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "Role RoleBinding",
}
_CLUSTER_WIDE: Mapping[str, str] = {
    "v1": "Namespace Node PersistentVolume",
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingWebhookConfiguration"
    " ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apiregistration.k8s.io/v1": "APIService",
    "flowcontrol.apiserver.k8s.io/v1": "FlowSchema PriorityLevelConfiguration",
    "networking.k8s.io/v1": "IngressClass",
    "node.k8s.io/v1": "RuntimeClass",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding",
    "scheduling.k8s.io/v1": "PriorityClass",
    "storage.k8s.io/v1": "CSIDriver CSINode StorageClass VolumeAttachment",
}


def guessed(kind: str) -> str:
    """The plural, as Kubernetes' own kinds have it."""
    lower = kind.lower()
    if lower.endswith("endpoints"):
        return lower
    if lower.endswith("y"):
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith(("s", "ch")) else f"{lower}s"


def _known() -> dict[tuple[str, str], Resource]:
    found = {}
    for table, namespaced in ((_NAMESPACED, True), (_CLUSTER_WIDE, False)):
        for api_version, kinds in table.items():
            group, _, version = api_version.rpartition("/")
            for kind in kinds.split():
                found[api_version, kind] = Resource(group, version, guessed(kind), namespaced, kind)
    return found


KUBERNETES: Kinds = _known()
_WATCHED = {(found.group, found.api_kind): kind for kind, found in RESOURCES.items()}


def watched_kind(resource: Resource) -> str | None:
    """The name under which Underway itself looks at objects of this kind, if it does."""
    return _WATCHED.get((resource.group, resource.api_kind))


def ref_of(resource: Resource, namespace: str, name: str) -> Ref:
    """As kubectl prints it; a kind of somebody else's API with its group: `certificate.cert-manager.io/shop/web`."""
    kind = watched_kind(resource) or resource.api_kind.lower()
    own = not resource.group or "." not in resource.group or resource.group.endswith(".k8s.io")
    return Ref(kind if own else f"{kind}.{resource.group}", namespace if resource.namespaced else "", name)
