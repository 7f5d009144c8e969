"""The API's paths, patches and answers, for the server of these tests."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from aiohttp import web

from underway.cluster.wire import RESOURCES

_PLURALS = {resource.plural: kind for kind, resource in RESOURCES.items()}


def target(path: str) -> tuple[str, str, str, str]:
    """Kind, namespace, name and subresource; an unknown plural stands for itself."""
    parts = deque(path.strip("/").split("/"))
    for _ in range(3 if parts[0] == "apis" else 2):
        parts.popleft()
    namespace = ""
    if parts[0] == "namespaces":
        parts.popleft()
        namespace = parts.popleft()
    rest = [*parts, "", ""]
    return _PLURALS.get(rest[0], rest[0]), namespace, rest[1], rest[2]


def merge_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged[key] = {} if isinstance(merged.get(key), dict) else None
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return {key: value for key, value in merged.items() if value is not None}


def json_answer(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")


def status(code: int, message: str, **details: Any) -> web.Response:
    return json_answer({"kind": "Status", "code": code, "message": message, "details": details}, code)
