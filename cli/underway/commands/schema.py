"""`underway schema`: the playbook language as JSON Schema, for editors."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of playbooks."""
    import json

    from underway.playbook.models import Playbook

    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://underway.dev/schema/playbook-v1alpha1.json",
        **Playbook.model_json_schema(),
    }
    typer.echo(json.dumps(found, indent=2))
