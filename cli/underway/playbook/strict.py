"""What all parts of a playbook have in common: frozen, camelCase, no unknown keys, every mistake at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

RULE = "rule"
"""The type of pydantic's error for a `Broken` rule; its context has `message` and `hint`."""

_CLIP = 100


class Broken(NamedTuple):
    """A rule between several fields that does not hold; `key` is the field to point at, None the whole."""

    message: str
    key: str | None = None
    hint: str | None = None


class UnfitError(ValueError):
    """A value that cannot be, with what to write instead."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def shown(value: Any) -> str:
    """What was written, for a message: never as Python writes it."""
    match value:
        case None:
            return "nothing"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case bool():
            return "`true`" if value else "`false`"
        case "":
            return '`""`'
    text = str(value)
    return f"`{text[:_CLIP]}…`" if len(text) > _CLIP else f"`{text}`"


class Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, alias_generator=to_camel, populate_by_name=False
    )

    @classmethod
    def broken_rules(cls, given: Mapping[str, Any]) -> Iterator[Broken]:  # noqa: ARG003 - most models have none
        """Rules between fields, told from what is written: so they are found beside the mistakes in the fields."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        broken = [_line(rule, value) for rule in cls.broken_rules(value)] if isinstance(value, Mapping) else []
        if not broken:
            return handler(value)
        try:
            handler(value)
        except ValidationError as error:
            broken += [_again(details) for details in error.errors(include_url=False)]
        raise ValidationError.from_exception_data(cls.__name__, broken)


def _line(rule: Broken, value: Any) -> InitErrorDetails:
    kind = PydanticCustomError(RULE, "{message}", {"message": rule.message, "hint": rule.hint})
    return InitErrorDetails(type=kind, loc=(rule.key,) if rule.key else (), input=value)


def _again(details: ErrorDetails) -> InitErrorDetails:
    """An error as found, to be raised once more."""
    context = details.get("ctx", {})
    if details["type"] == RULE:
        kind = PydanticCustomError(RULE, "{message}", context)
        return InitErrorDetails(type=kind, loc=details["loc"], input=details["input"])
    return InitErrorDetails(type=details["type"], loc=details["loc"], input=details["input"], ctx=context)


def known_keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def exactly_one(given: Mapping[str, Any], names: Sequence[str], what: str, model: type[BaseModel]) -> Iterator[Broken]:
    """Of these keys one has to be given, says `what`. One that is misspelt is told as such, not as missing."""
    present = [name for name in given if name in names and given[name] is not None]
    if len(present) > 1:
        yield Broken(f"{what}, found {' and '.join(present)}", present[1])
        return
    if present:
        return
    empty = next((name for name in given if name in names), None)
    if empty is not None:
        yield Broken(f"`{empty}` is empty", empty, "indent what belongs to it below it")
        return
    if given.keys() <= known_keys(model):
        yield Broken(what, hint=f"one of: {', '.join(names)}")
