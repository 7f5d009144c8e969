"""Where the API serves what a playbook applies."""

from __future__ import annotations

from underway.cluster.kinds import KUBERNETES, Kinds, guessed
from underway.playbook.attach import located as with_places
from underway.playbook.attach import manifests_of
from underway.playbook.manifests import Manifest
from underway.playbook.models import Playbook


def api_versions(playbook: Playbook) -> set[str]:
    """Those of which it has to be known what they serve."""
    return {one.api_version for one in manifests_of(playbook)}


def known_without_cluster(playbook: Playbook) -> bool:
    return all((one.api_version, one.kind) in KUBERNETES for one in manifests_of(playbook))


def located(playbook: Playbook, namespace: str, kinds: Kinds | None = None) -> Playbook:
    """The playbook with each object's place. `kinds`: what the server serves; None where there is no server: then
    kinds that are not Kubernetes' own are taken to be there. `namespace`: of what does not say.
    """

    def where(one: Manifest) -> tuple[str, bool]:
        served = KUBERNETES if kinds is None else kinds
        found = served.get((one.api_version, one.kind))
        if found is not None:
            return found.plural, found.namespaced
        return ("", True) if kinds is not None else (guessed(one.kind), True)

    return with_places(playbook, where, namespace)
