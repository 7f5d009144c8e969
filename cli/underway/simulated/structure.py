"""What an API server refuses of a manifest before it looks at what is meant: fields that do not exist, and values of
another type. `kubectl apply` has unknown fields refused (`--validate=strict`), and so has every server-side apply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple, assert_never

from underway.simulated.api_fields import Field, Level, Plain, levels
from underway.simulated.mistake import Mistake, is_made, mapping
from underway.units import parse_quantity

_INDENT = "indent what belongs to it below it"
_DASHES = "begin each item with a dash, or write [a, b]"
_HINTS = {
    Plain.WHOLE: "write a number such as 1, without quotes",
    Plain.TRUTH: "write true or false, without quotes",
    Plain.TEXT: "put it in quotes",
    Plain.EITHER: "write a number such as 1, or text in quotes such as '50%'",
    Plain.TEXTS: _INDENT,
    Plain.AMOUNTS: _INDENT,
    Plain.WORDS: _DASHES,
    Plain.MAPPING: _INDENT,
    Plain.LIST: _DASHES,
}
_QUANTITY = "a quantity such as 250m or 1Gi"
_LONGEST = 40


def misshapen(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """`document`: any object. What has been read from a server may have fields of a newer one."""
    kind, metadata = str(document.get("kind")), mapping(document.get("metadata"))
    fields = levels(str(document.get("apiVersion")), kind)
    taken = bool(metadata.get("uid"))
    if fields is not None and not is_made(document):
        yield from _Walk(kind.lower(), fields, strict=not taken).level("", document, fields)


class _Walk(NamedTuple):
    """`strict`: fields that are not known are mistakes."""

    kind: str
    whole: Level
    strict: bool

    def level(self, path: str, found: Mapping[str, Any], fields: Level) -> Iterator[Mistake]:
        for key, value in found.items():
            name = f"{path}.{key}".lstrip(".")
            field = fields.get(key)
            if field is not None:
                yield from self.field(name, value, field)
            elif self.strict:
                yield Mistake(f"`{name}` is not a field that Kubernetes knows", self._meant(path, key, fields))

    def field(self, path: str, value: Any, field: Field) -> Iterator[Mistake]:
        if value is None:
            return
        match field:
            case Plain():
                yield from _plain(path, value, field)
            case list():
                if not isinstance(value, list):
                    yield _mistyped(path, value, Plain.LIST)
                    return
                for place, item in enumerate(value):
                    yield from self.field(f"{path}[{place}]", item, field[0])
            case _:
                if isinstance(value, dict):
                    yield from self.level(path, value, field)
                else:
                    yield _mistyped(path, value, Plain.MAPPING)

    def _meant(self, path: str, key: str, fields: Level) -> str:
        home = _home(key, self.whole)
        if home is not None:
            return f"it belongs to `{home}`" if home else "it belongs to the object itself, with the least indent"
        near = get_close_matches(key, fields, n=1)
        if near:
            return f"did you mean `{near[0]}`?"
        if "matchLabels" in fields:
            return "write it below `matchLabels`"
        level = ".".join(part.partition("[")[0] for part in (self.kind, *path.split(".")) if part)
        return f"take it out, or look it up: kubectl explain {level}"


def _home(key: str, fields: Level) -> str | None:
    """The path of the level next to the top that has such a field."""
    waiting: list[tuple[str, Level]] = [("", fields)]
    for path, level in waiting:
        if key in level:
            return path
        for name, field in level.items():
            below = field[0] if isinstance(field, list) else field
            if not isinstance(below, Plain):
                waiting.append((f"{path}.{name}".lstrip("."), below))
    return None


def _plain(path: str, value: Any, needed: Plain) -> Iterator[Mistake]:
    if not _fits(value, needed):
        yield _mistyped(path, value, needed)
        return
    match needed:
        case Plain.WORDS:
            items = ((f"{path}[{place}]", item) for place, item in enumerate(value))
            yield from (_mistyped(name, item, Plain.TEXT) for name, item in items if not _fits(item, Plain.TEXT))
        case Plain.TEXTS:
            named = ((f"{path}.{key}", item) for key, item in value.items() if item is not None)
            yield from (_mistyped(name, item, Plain.TEXT) for name, item in named if not _fits(item, Plain.TEXT))
        case Plain.AMOUNTS:
            for key, item in value.items():
                if item is not None and not _is_quantity(item):
                    yield Mistake(f"`{path}.{key}` is {_shown(item)}, and {_QUANTITY} is needed", f"write {_QUANTITY}")
        case _:
            pass


def _fits(value: Any, needed: Plain) -> bool:
    number = value.is_integer() if isinstance(value, float) else isinstance(value, int) and not isinstance(value, bool)
    match needed:
        case Plain.WHOLE:
            return number
        case Plain.TRUTH:
            return isinstance(value, bool)
        case Plain.TEXT:
            return isinstance(value, str)
        case Plain.EITHER:
            return number or isinstance(value, str)
        case Plain.TEXTS | Plain.AMOUNTS | Plain.MAPPING:
            return isinstance(value, dict)
        case Plain.WORDS | Plain.LIST:
            return isinstance(value, list)
    assert_never(needed)


def _is_quantity(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        parse_quantity(str(value))
    except ValueError:
        return False
    return True


def _mistyped(path: str, value: Any, needed: Plain) -> Mistake:
    return Mistake(f"`{path}` is {_shown(value)}, and {needed.value} is needed", _HINTS[needed])


def _shown(value: Any) -> str:
    """Not a number's value: it may be a password that has no quotes."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return f"the text `{value[:_LONGEST]}{'…' if len(value) > _LONGEST else ''}`"
        case list():
            return "a list"
        case _:
            return "a mapping"
