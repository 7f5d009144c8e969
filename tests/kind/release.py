"""Playbooks that roll `web` out, for the tests and the bench."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml

_STOREFRONT = {"url": "http://127.0.0.1:30080/", "every": "20ms", "timeout": "2s", "lost": 0}


def release(image: str, **fields: Any) -> str:
    """The file of a playbook that rolls web out; `fields` of the verb."""
    playbook = {
        "apiVersion": "underway.dev/v1alpha1",
        "kind": "Playbook",
        "metadata": {"name": "release"},
        "spec": {
            "guards": [{"name": "storefront", "http": _STOREFRONT}],
            "steps": [
                {
                    "name": "new storefront",
                    "rollout": {"workload": "deployment/shop/web", "images": {"web": f"underway/shop:{image}"}}
                    | fields,
                }
            ],
        },
    }
    file = Path(tempfile.mkdtemp()) / "release.yaml"
    file.write_text(yaml.safe_dump(playbook, sort_keys=False))
    return str(file)
