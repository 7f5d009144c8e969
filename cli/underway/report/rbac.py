"""Permissions as RBAC objects, ready for kubectl apply: what is asked for and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from underway.cluster.actions import Need

_GROUP = "rbac.authorization.k8s.io"
_Object = dict[str, Any]


def objects(needs: Iterable[Need], name: str, account: str, namespace: str, *, own_namespace: bool) -> list[_Object]:
    """A ServiceAccount, and what it is granted: everywhere with a ClusterRole, in single namespaces with a Role each.
    `own_namespace`: the ServiceAccount's namespace belongs to it.
    """
    wanted = set(needs)
    everywhere = {need for need in wanted if not need.namespace}
    here: dict[str, set[Need]] = {}
    for need in wanted - everywhere:
        if Need(need.verb, need.group, need.resource) not in everywhere:
            here.setdefault(need.namespace, set()).add(need)
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    found = [_object("v1", "Namespace", namespace)] if own_namespace else []
    found.append(_object("v1", "ServiceAccount", account, namespace))
    found += _granted(everywhere, name, "", subject) if everywhere else ()
    for where, needed in sorted(here.items()):
        found += _granted(needed, name, where, subject)
    return found


def as_yaml(found: Iterable[_Object]) -> str:
    return yaml.safe_dump_all(found, sort_keys=False, default_flow_style=None, width=120).rstrip("\n")


def _granted(needs: set[Need], name: str, namespace: str, subject: _Object) -> Iterator[_Object]:
    kind = "Role" if namespace else "ClusterRole"
    yield _object(f"{_GROUP}/v1", kind, name, namespace) | {"rules": list(_rules(needs))}
    reference = {"apiGroup": _GROUP, "kind": kind, "name": name}
    bound = _object(f"{_GROUP}/v1", f"{kind}Binding", name, namespace)
    yield bound | {"roleRef": reference, "subjects": [dict(subject)]}


def _rules(needs: set[Need]) -> Iterator[_Object]:
    verbs: dict[tuple[str, str], list[str]] = {}
    for need in sorted(needs):
        verbs.setdefault((need.group, need.resource), []).append(need.verb)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in verbs.items():
        alike.setdefault((group, tuple(allowed)), []).append(resource)
    for (group, same), resources in sorted(alike.items()):
        yield {"apiGroups": [group], "resources": sorted(resources), "verbs": list(same)}


def _object(version: str, kind: str, name: str, namespace: str = "") -> _Object:
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **where}}
