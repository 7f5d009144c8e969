"""Whether an API server takes what is applied: a valid object, and nothing changed that is fixed once it is there.

The rules are Kubernetes' own: `ValidateDeploymentUpdate` and its like in `pkg/apis/{apps,batch}/validation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from underway.cluster.model import Template, Workload
from underway.cluster.notes import Note
from underway.cluster.objects import Object
from underway.simulated.mistake import mapping
from underway.simulated.structure import misshapen
from underway.simulated.validity import mistakes

_OTHERS_OF_STATEFULSET = (
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
    "forbidden"
)


def malformed(manifest: Mapping[str, Any]) -> str:
    """What it answers if it does not know what is meant; empty if it does."""
    told = ", ".join(wrong.message for wrong in misshapen(manifest))
    return told and f"failed to create typed patch object: {told}"


def refusal(note: Note, manifest: Mapping[str, Any], new: Object, old: Object | None) -> str:
    """What it answers (422) if it does not take it; empty if it does. `old`: what is there already, which the manifest
    has to change in part only.
    """
    found, wrong = new, list[str]()
    if isinstance(old, Workload) and isinstance(new, Workload):
        found = _completed(new, old)
        wrong += _fixed(new, old, mapping(manifest.get("spec")))
    wrong += [one.message for one in mistakes(found, manifest) if old is None or not one.missing]
    if not wrong:
        return ""
    told = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
    return f'{note.kind}{note.group and "."}{note.group} "{note.name}" is invalid: {told}'


def _completed(new: Workload, old: Workload) -> Workload:
    """As far as its selector and its pods' labels go."""
    template = new.template or old.template
    if new.template and old.template:
        labels = {**old.template.labels, **new.template.labels}
        template = msgspec.structs.replace(new.template, labels=labels)
    return msgspec.structs.replace(new, selector=new.selector or old.selector, template=template)


def _fixed(new: Workload, old: Workload, spec: Mapping[str, Any]) -> Iterator[str]:
    """What must not change any more. What is not known of the old one is taken to be the same."""
    selects = new.selector is not None and old.selector is not None and new.selector != old.selector
    if new.kind == "statefulset":
        claims = "volumeClaimTemplates" in spec and new.claim_templates != old.claim_templates
        order = "podManagementPolicy" in spec and new.parallel != old.parallel
        if selects or claims or order:
            yield _OTHERS_OF_STATEFULSET
        return
    if selects:
        yield _immutable("selector", spec)
    if new.kind == "job":
        if "completions" in spec and new.completions != old.completions and spec.get("completionMode") != "Indexed":
            yield _immutable("completions", spec)
        if new.template and old.template and _other_images(new.template, old.template):
            yield "spec.template: field is immutable"


def _other_images(new: Template, old: Template) -> bool:
    """A live Job's template has been completed by its server, so that the rest of it cannot be compared."""
    return any(image and old.images.get(name) != image for name, image in new.images.items())


def _immutable(field: str, spec: Mapping[str, Any]) -> str:
    return f"spec.{field}: Invalid value: {msgspec.json.encode(spec[field]).decode()}: field is immutable"
