"""What an API server refuses of an object that can be read, as far as it would mislead a simulation.

The rules are Kubernetes' own: `pkg/apis/{apps,batch,policy,autoscaling}/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from underway.cluster.model import Budget, NetworkPolicy, Pod, Service, Workload
from underway.cluster.objects import Autoscaler, Object
from underway.simulated.mistake import Mistake, is_made, mapping
from underway.simulated.validity_name import at_least_0, labels, name, unknown
from underway.simulated.validity_pod import pod_spec, selector
from underway.simulated.validity_rolling import rolling, share
from underway.simulated.validity_service import service

_COUNTS = (
    "replicas",
    "parallelism",
    "completions",
    "backoffLimit",
    "minReadySeconds",
    "progressDeadlineSeconds",
    "revisionHistoryLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
)
_ENDING = ("OnFailure", "Never")
_POLICIES = ("Always", *_ENDING)


def mistakes(found: Object, document: Mapping[str, Any]) -> Iterator[Mistake]:
    """`document`: what the object was read from."""
    if is_made(document):
        return
    told, metadata = mapping(document.get("spec")), mapping(document.get("metadata"))
    # a Service's name is a part of a host's name, the others' may be a whole one
    yield from name("metadata.name", found.name, dots=not isinstance(found, Service))
    if metadata.get("namespace"):
        yield from name("metadata.namespace", str(metadata["namespace"]), dots=False)
    yield from labels("metadata.labels", mapping(metadata.get("labels")))
    match found:
        case Budget():
            yield from _budget(told)
            yield from selector("spec.selector", told.get("selector"))
        case Workload():
            yield from _workload(found, told)
        case Pod():
            yield from pod_spec("spec", told)
        case Service():
            yield from service(told)
        case NetworkPolicy():
            yield from selector("spec.podSelector", told.get("podSelector"))
        case Autoscaler():
            yield from _autoscaler(told, found)
        case _:
            pass


def _budget(spec: Mapping[str, Any]) -> Iterator[Mistake]:
    given = [key for key in ("minAvailable", "maxUnavailable") if spec.get(key) is not None]
    if len(given) > 1:
        yield Mistake("`minAvailable` and `maxUnavailable` cannot both be given", "take one of them out")
    for key in given:
        yield from share(f"spec.{key}", spec[key])


def _workload(found: Workload, spec: Mapping[str, Any]) -> Iterator[Mistake]:
    yield from at_least_0("spec", spec, _COUNTS)
    yield from at_least_0("spec.ordinals", mapping(spec.get("ordinals")), ["start"])
    yield from rolling(found, spec)
    yield from selector("spec.selector", spec.get("selector"))
    if found.kind != "job":
        yield from _selector(found)
    template = mapping(spec.get("template"))
    yield from labels("spec.template.metadata.labels", mapping(mapping(template.get("metadata")).get("labels")))
    yield from _restarts(found, mapping(template.get("spec")))
    yield from pod_spec("spec.template.spec", mapping(template.get("spec")), found.claim_templates)


def _restarts(found: Workload, spec: Mapping[str, Any]) -> Iterator[Mistake]:
    path, policy = "spec.template.spec.restartPolicy", spec.get("restartPolicy")
    known = _ENDING if found.kind == "job" else _POLICIES[:1]
    if (policy or found.kind == "job") and policy not in known:
        yield unknown(path, policy, known)._replace(missing=not policy)


def _selector(found: Workload) -> Iterator[Mistake]:
    labels = found.template.labels if found.template else {}
    written = ", ".join(f"{key}: {value}" for key, value in labels.items())
    if found.selector is None or not found.selector.requirements:
        hint = (
            f"add selector: {{matchLabels: {{{written}}}}}" if labels else "give its template labels, and select them"
        )
        yield Mistake("`spec.selector` is missing: it would select nothing, or every pod", hint, missing=True)
    elif not found.selector.matches(labels):
        yield Mistake(
            f"`spec.selector` ({found.selector}) does not match the labels of its template ({written or 'none'})",
            "give the template the labels that the selector asks for",
        )


def _autoscaler(spec: Mapping[str, Any], found: Autoscaler) -> Iterator[Mistake]:
    yield from at_least_0("spec", spec, ["minReplicas"])
    most = spec.get("maxReplicas")
    if not isinstance(most, int) or most < 1:
        yield Mistake("`spec.maxReplicas` is missing or below 1", "write 1 or more", missing=most is None)
    elif found.min_replicas > most:
        hint = "write no more than maxReplicas"
        yield Mistake(f"`spec.minReplicas` is {found.min_replicas}, more than the {most} of `maxReplicas`", hint)
    for key in ("kind", "name"):
        if not mapping(spec.get("scaleTargetRef")).get(key):
            yield Mistake(f"`spec.scaleTargetRef.{key}` is missing", "say which workload it scales", missing=True)
