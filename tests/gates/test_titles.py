"""What gates are called."""

from __future__ import annotations

from typing import Any

import pytest

from underway.gates.titles import title
from underway.playbook.gates import Gate


@pytest.mark.parametrize(
    ("gate", "called"),
    [
        ({"name": "storefront", "http": {"url": "http://127.0.0.1/"}}, "storefront"),
        ({"http": {"url": "http://127.0.0.1/"}}, "http http://127.0.0.1/"),
        ({"service": {"name": "shop/web"}}, "service shop/web"),
        ({"workload": {"name": "deploy/shop/web"}}, "workload deployment/shop/web"),
        ({"node": {"ready": "1s"}}, "node"),
        ({"node": {"name": "worker"}}, "node worker"),
        ({"restarts": {}}, "restarts"),
        ({"prometheus": {"url": "http://127.0.0.1/", "query": "up", "equals": 1}}, "prometheus up"),
        ({"job": {"image": "smoke:1"}}, "job smoke:1"),
        ({"command": {"command": ["curl", "-f"]}}, "command curl"),
    ],
)
def test_a_gate_is_called_by_its_name_or_by_what_it_looks_at(gate: dict[str, Any], called: str) -> None:
    assert title(Gate.model_validate(gate)) == called
