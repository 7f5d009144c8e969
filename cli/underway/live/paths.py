"""Where the API serves things."""

from __future__ import annotations

from urllib.parse import quote

from underway.cluster.model import Ref
from underway.cluster.wire import RESOURCES


def collection(kind: str, namespace: str = "") -> str:
    """All objects of a kind, of one namespace if it is given."""
    found = RESOURCES[kind]
    root = f"/apis/{found.group}/{found.version}" if found.group else f"/api/{found.version}"
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{root}{where}/{found.plural}"


def resource(ref: Ref) -> str:
    return f"{collection(ref.kind, ref.namespace)}/{quote(ref.name, safe='')}"
