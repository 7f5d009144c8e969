"""What all parts of a playbook have in common: frozen, camelCase, and nothing that nobody has asked for."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, alias_generator=to_camel, populate_by_name=False
    )


def one_of(model: BaseModel, names: Sequence[str], what: str) -> None:
    """Raise ValueError unless exactly one of these fields is given."""
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) > 1:
        raise ValueError(f"a {what} has one kind, this has {len(given)}: {', '.join(given)}")
    if not given:
        raise ValueError(f"a {what} needs one of: {', '.join(names)}")
