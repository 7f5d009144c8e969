"""What admission makes of a pod template: sidecars that are injected, a LimitRange's defaults, a class's priority.

A template does not tell; the pods that were made of it do. New pods of it will be as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from underway.cluster.model import Pod, Workload
from underway.cluster.podspec import PodSpec, PodTerm
from underway.cluster.state import ClusterState
from underway.units import Requirement, Selector

_REVISIONS = {"statefulset": "controller-revision-hash", "daemonset": "pod-template-generation"}
_HASH = "pod-template-hash"


def expected_spec(found: Workload, state: ClusterState) -> PodSpec | None:
    """What new pods of a workload will ask for, as those show that were made of a template that asks for the same."""
    if found.template is None:
        return None
    asked = found.template.spec
    for maker in (found, *state.workloads_of(found.uid)):
        if maker.template is None or wishes(maker.template.spec) != wishes(asked):
            continue
        pod = sample(maker, state)
        if pod is not None:
            return as_admitted(asked, pod.spec)
    return asked


def sample(maker: Workload, state: ClusterState) -> Pod | None:
    """A pod that was made of the template that its controller has now."""
    return next((pod for pod in state.pods_of(maker.uid) if is_made_of(pod, maker)), None)


def is_made_of(pod: Pod, maker: Workload) -> bool:
    if maker.kind == "replicaset":
        wanted = maker.template.labels.get(_HASH) if maker.template is not None else None
        return pod.labels.get(_HASH) == wanted
    if maker.kind == "statefulset" and maker.observed_generation < maker.generation:
        return False  # its revision is that of an older template
    key = _REVISIONS.get(maker.kind)
    return key is None or not maker.update_revision or pod.labels.get(key) == maker.update_revision


def wishes(spec: PodSpec) -> PodSpec:
    """The spec without what differs between the pods of one template, and without the images, on which nothing of what
    is added depends.
    """
    return replace(spec, images=(), claims=(), node_terms=None, tolerations=())


def with_label_keys(spec: PodSpec, labels: Mapping[str, str]) -> PodSpec:
    """The spec of a new pod with these labels: matchLabelKeys and mismatchLabelKeys are part of its selectors
    (registry/core/pod/strategy.go).
    """
    kinds = spec.affinity, spec.anti_affinity, spec.preferred_affinity, spec.preferred_anti_affinity
    if not any(term.match_keys or term.mismatch_keys for terms in kinds for term in terms):
        return spec
    both, apart, beside, away = (tuple(_with_keys(term, labels) for term in terms) for terms in kinds)
    return replace(spec, affinity=both, anti_affinity=apart, preferred_affinity=beside, preferred_anti_affinity=away)


def _with_keys(term: PodTerm, labels: Mapping[str, str]) -> PodTerm:
    if term.selector is None:
        return term
    more = [Requirement(key, "In", (labels[key],)) for key in term.match_keys if key in labels]
    more += [Requirement(key, "NotIn", (labels[key],)) for key in term.mismatch_keys if key in labels]
    return replace(term, selector=Selector((*term.selector.requirements, *more)))


def as_admitted(asked: PodSpec, shown: PodSpec) -> PodSpec:
    """What a template asks for with what admission has added to a pod of it."""
    added = tuple(found for found in shown.tolerations if found not in asked.tolerations)
    return replace(
        asked,
        requests=shown.requests,
        node_selector=shown.node_selector,
        tolerations=asked.tolerations + added,
        host_ports=shown.host_ports,
        local_volumes=shown.local_volumes,
        priority=shown.priority,
        preempts=shown.preempts,
        grace_seconds=shown.grace_seconds,
        pre_stop=shown.pre_stop,
        pre_stop_seconds=shown.pre_stop_seconds,
    )
