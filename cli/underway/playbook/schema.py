"""The language as JSON Schema, for editors: what the models take, and `${name}` wherever a value may stand."""

from __future__ import annotations

from typing import Any

from underway.playbook.gates import COMMON, GATE_KINDS
from underway.playbook.models import VERBS, Playbook

_VARIABLE = {"type": "string", "pattern": r"\$\{[^}]+\}"}
_NO_VARIABLES = ("Variable", "Metadata", "Playbook")


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12."""
    schema = Playbook.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    gate, step = definitions["Gate"], definitions["Step"]
    for kind in GATE_KINDS:
        body = definitions[_referred(gate["properties"][kind])]
        body["properties"] = {key: gate["properties"][key] for key in COMMON} | body["properties"]
    for name, definition in definitions.items():
        if name not in _NO_VARIABLES:
            definition["properties"] = {
                key: _or_variable(found) for key, found in definition.get("properties", {}).items()
            }
    gate["oneOf"] = [{"required": [kind]} for kind in GATE_KINDS]
    step["oneOf"] = [{"required": [verb]} for verb in VERBS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://underway.dev/schema/playbook-v1alpha1.json",
        **schema,
    }


def _referred(field: dict[str, Any]) -> str:
    reference: str = next(found["$ref"] for found in field["anyOf"] if "$ref" in found)
    return reference.rpartition("/")[2]


def _or_variable(field: dict[str, Any]) -> dict[str, Any]:
    """A value that is anything narrower than text can also be a variable."""
    inner = [_or_variable(found) for found in field.get("anyOf", ())]
    if inner:
        return {**field, "anyOf": inner}
    if "items" in field and isinstance(field["items"], dict):
        field = {**field, "items": _or_variable(field["items"])}
    kind = field.get("type")
    narrow = kind in ("integer", "number", "boolean") or "enum" in field or "const" in field
    if not narrow and ("string" not in str(kind) or "pattern" not in field):
        return field
    about = {key: found for key, found in field.items() if key in ("title", "default", "description", "examples")}
    return {**about, "anyOf": [{key: found for key, found in field.items() if key not in about}, _VARIABLE]}
