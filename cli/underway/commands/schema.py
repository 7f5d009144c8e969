"""`underway schema`: the playbook language as JSON Schema, for editors."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of playbooks."""
    import json

    from underway.playbook.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
