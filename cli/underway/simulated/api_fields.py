"""The fields of the API's objects, as far as every one of a level is known: what else stands there is a mistake.

They are those of Kubernetes 1.34 and of the versions since, so that a manifest for a newer server is not refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias


class Plain(Enum):
    """What stands in a field that is not looked into."""

    WHOLE = "a whole number"
    TRUTH = "true or false"
    TEXT = "text"
    EITHER = "a number or text"
    TEXTS = "a mapping of text to text"
    AMOUNTS = "a mapping of quantities"
    WORDS = "a list of text"
    MAPPING = "a mapping"
    LIST = "a list"


Field: TypeAlias = "Plain | Level | list[Level]"
Level: TypeAlias = Mapping[str, Field]


def _level(levels: Mapping[str, Field] | None = None, /, **names: str) -> Level:
    """`names`: of `Plain`, each with the fields that are so."""
    plain = {name: Plain[key.upper()] for key, found in names.items() for name in found.split()}
    return {**plain, **(levels or {})}


METADATA = _level(
    whole="deletionGracePeriodSeconds generation",
    text="creationTimestamp deletionTimestamp generateName name namespace resourceVersion selfLink uid",
    texts="annotations labels",
    words="finalizers",
    list="managedFields ownerReferences",
)
EXPRESSION = _level(text="key operator", words="values")
SELECTOR = _level({"matchExpressions": [EXPRESSION]}, texts="matchLabels")

# -- pods -------------------------------------------------------------------------------------------------------------

NODE_TERM = _level({"matchExpressions": [EXPRESSION], "matchFields": [EXPRESSION]})
POD_TERM = _level(
    {"labelSelector": SELECTOR, "namespaceSelector": SELECTOR},
    text="topologyKey",
    words="matchLabelKeys mismatchLabelKeys namespaces",
)
NODE_AFFINITY = _level(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [NODE_TERM]},
        "preferredDuringSchedulingIgnoredDuringExecution": [_level({"preference": NODE_TERM}, whole="weight")],
    }
)
POD_AFFINITY = _level(
    {
        "requiredDuringSchedulingIgnoredDuringExecution": [POD_TERM],
        "preferredDuringSchedulingIgnoredDuringExecution": [_level({"podAffinityTerm": POD_TERM}, whole="weight")],
    }
)
AFFINITY = _level({"nodeAffinity": NODE_AFFINITY, "podAffinity": POD_AFFINITY, "podAntiAffinity": POD_AFFINITY})
SPREAD = _level(
    {"labelSelector": SELECTOR},
    whole="maxSkew minDomains",
    text="nodeAffinityPolicy nodeTaintsPolicy topologyKey whenUnsatisfiable",
    words="matchLabelKeys",
)
TOLERATION = _level(whole="tolerationSeconds", text="effect key operator value")
HANDLER = _level({"exec": _level(words="command")}, mapping="httpGet sleep tcpSocket")
PROBE = _level(
    {"exec": _level(words="command")},
    whole=(
        "failureThreshold initialDelaySeconds periodSeconds successThreshold terminationGracePeriodSeconds"
        " timeoutSeconds"
    ),
    mapping="grpc httpGet tcpSocket",
)
RESOURCES = _level(amounts="limits requests", list="claims")
CONTAINER = _level(
    {
        "env": [_level(text="name value", mapping="valueFrom")],
        "lifecycle": _level({"postStart": HANDLER, "preStop": HANDLER}, text="stopSignal"),
        "livenessProbe": PROBE,
        "ports": [_level(whole="containerPort hostPort", text="hostIP name protocol")],
        "readinessProbe": PROBE,
        "resources": RESOURCES,
        "startupProbe": PROBE,
        "volumeMounts": [
            _level(
                truth="readOnly",
                text="mountPath mountPropagation name recursiveReadOnly subPath subPathExpr",
                words="bindMountOptions",
            )
        ],
    },
    truth="stdin stdinOnce tty",
    text="image imagePullPolicy name restartPolicy terminationMessagePath terminationMessagePolicy workingDir",
    words="args command",
    mapping="securityContext",
    list="envFrom resizePolicy restartPolicyRules volumeDevices",
)
VOLUME = _level(
    {"persistentVolumeClaim": _level(truth="readOnly", text="claimName")},
    text="name",
    mapping=(
        "awsElasticBlockStore azureDisk azureFile cephfs cinder configMap csi downwardAPI emptyDir ephemeral fc"
        " flexVolume flocker gcePersistentDisk gitRepo glusterfs hostPath image iscsi nfs photonPersistentDisk"
        " portworxVolume projected quobyte rbd scaleIO secret storageos vsphereVolume"
    ),
)
POD = _level(
    {
        "containers": [CONTAINER],
        "initContainers": [CONTAINER],
        "affinity": AFFINITY,
        "resources": RESOURCES,
        "tolerations": [TOLERATION],
        "topologySpreadConstraints": [SPREAD],
        "volumes": [VOLUME],
    },
    whole="activeDeadlineSeconds priority terminationGracePeriodSeconds",
    truth=(
        "automountServiceAccountToken enableServiceLinks hostIPC hostNetwork hostPID hostUsers setHostnameAsFQDN"
        " shareProcessNamespace"
    ),
    text=(
        "dnsPolicy hostname hostnameOverride nodeName preemptionPolicy priorityClassName restartPolicy"
        " runtimeClassName schedulerName serviceAccount serviceAccountName subdomain"
    ),
    texts="nodeSelector",
    amounts="overhead",
    mapping="dnsConfig os schedulingGroup securityContext workloadRef",
    list=(
        "ephemeralContainers evictionResponders hostAliases imagePullSecrets readinessGates resourceClaims"
        " schedulingGates"
    ),
)
TEMPLATE = _level({"metadata": METADATA, "spec": POD})

# -- what makes and protects them -------------------------------------------------------------------------------------

OF_PODS = _level({"selector": SELECTOR, "template": TEMPLATE})
ROLLING = _level(either="maxSurge maxUnavailable")
DEPLOYMENT = _level(
    {**OF_PODS, "strategy": _level({"rollingUpdate": ROLLING}, text="type")},
    whole="minReadySeconds progressDeadlineSeconds replicas revisionHistoryLimit",
    truth="paused",
)
STATEFULSET = _level(
    {
        **OF_PODS,
        "ordinals": _level(whole="start"),
        "updateStrategy": _level({"rollingUpdate": _level(whole="partition", either="maxUnavailable")}, text="type"),
    },
    whole="minReadySeconds replicas revisionHistoryLimit",
    text="podManagementPolicy serviceName",
    mapping="persistentVolumeClaimRetentionPolicy",
    list="volumeClaimTemplates",
)
DAEMONSET = _level(
    {**OF_PODS, "updateStrategy": _level({"rollingUpdate": ROLLING}, text="type")},
    whole="minReadySeconds revisionHistoryLimit",
)
REPLICASET = _level(OF_PODS, whole="minReadySeconds replicas")
JOB = _level(
    OF_PODS,
    whole=(
        "activeDeadlineSeconds backoffLimit backoffLimitPerIndex completions maxFailedIndexes parallelism"
        " ttlSecondsAfterFinished"
    ),
    truth="manualSelector suspend",
    text="completionMode managedBy podReplacementPolicy",
    mapping="podFailurePolicy scheduling successPolicy",
)
CRONJOB = _level(
    {"jobTemplate": _level({"metadata": METADATA, "spec": JOB})},
    whole="failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit",
    truth="suspend",
    text="concurrencyPolicy schedule timeZone",
)
BUDGET = _level({"selector": SELECTOR}, either="maxUnavailable minAvailable", text="unhealthyPodEvictionPolicy")
TARGET = _level(text="apiVersion kind name")
AUTOSCALER = _level({"scaleTargetRef": TARGET}, whole="maxReplicas minReplicas", mapping="behavior", list="metrics")
AUTOSCALER_V1 = _level({"scaleTargetRef": TARGET}, whole="maxReplicas minReplicas targetCPUUtilizationPercentage")
SERVICE_PORT = _level(whole="nodePort port", text="appProtocol name protocol", either="targetPort")
SERVICE = _level(
    {"ports": [SERVICE_PORT]},
    whole="healthCheckNodePort",
    truth="allocateLoadBalancerNodePorts publishNotReadyAddresses",
    text=(
        "clusterIP externalName externalTrafficPolicy internalTrafficPolicy ipFamilyPolicy loadBalancerClass"
        " loadBalancerIP sessionAffinity trafficDistribution type"
    ),
    texts="selector",
    words="clusterIPs externalIPs ipFamilies loadBalancerSourceRanges",
    mapping="sessionAffinityConfig",
)

SPECS: Mapping[tuple[str, str], Level] = {
    ("apps/v1", "Deployment"): DEPLOYMENT,
    ("apps/v1", "StatefulSet"): STATEFULSET,
    ("apps/v1", "DaemonSet"): DAEMONSET,
    ("apps/v1", "ReplicaSet"): REPLICASET,
    ("batch/v1", "Job"): JOB,
    ("batch/v1", "CronJob"): CRONJOB,
    ("policy/v1", "PodDisruptionBudget"): BUDGET,
    ("autoscaling/v2", "HorizontalPodAutoscaler"): AUTOSCALER,
    ("autoscaling/v1", "HorizontalPodAutoscaler"): AUTOSCALER_V1,
    ("v1", "Pod"): POD,
    ("v1", "Service"): SERVICE,
}


def levels(api_version: str, kind: str) -> Level | None:
    """Of a whole object; None for a kind that is not described here."""
    spec = SPECS.get((api_version, kind))
    return (
        None if spec is None else _level({"metadata": METADATA, "spec": spec}, text="apiVersion kind", mapping="status")
    )
