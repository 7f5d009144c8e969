"""Pods as the API writes them, decoded."""

from __future__ import annotations

from typing import Any

import msgspec

from underway.cluster.model import Pod
from underway.cluster.podspec import PodSpec
from underway.cluster.wire import decode_object


def pod(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **metadata: Any) -> Pod:
    whole = {"metadata": {"name": "web-1", "namespace": "shop"} | metadata, "spec": spec or {}, "status": status or {}}
    found = decode_object("pod", msgspec.json.encode(whole))
    assert isinstance(found, Pod)
    return found


def spec_of(**parts: Any) -> PodSpec:
    return pod(parts).spec
