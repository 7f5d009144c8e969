"""What is wrong with a manifest, and its parts as far as they are what they should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_NOTHING: Mapping[str, Any] = {}


class Mistake(NamedTuple):
    """`missing`: something is not said, which is none where the object has it already."""

    message: str
    hint: str
    missing: bool = False


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def parts(path: str, found: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """The mappings of a list, each with its path."""
    return [(f"{path}[{place}]", mapping(part)) for place, part in enumerate(found)] if isinstance(found, list) else []


def whole(value: Any) -> int | None:
    """The number, if it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_made(document: Mapping[str, Any]) -> bool:
    """Whether it is a server's pod, or one of its controllers has made it: there may be 100,000 of them, all of which
    the server has taken, and nobody edits them.
    """
    metadata = mapping(document.get("metadata"))
    return bool(metadata.get("uid") and (document.get("kind") == "Pod" or metadata.get("ownerReferences")))
