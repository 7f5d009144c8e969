"""What may be written at a place of a playbook, and what somebody may have meant who wrote something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from underway.playbook.models import Playbook
from underway.playbook.places import Path

_NEAR, _PREFIX = 0.7, 3
"""By difflib's ratio, or from so many first letters on, a word is taken for a misspelt or shortened one."""
_ELSEWHERE = {
    "ignoredaemonsets": "take it out: pods of DaemonSets are always left where they are",
    "disableeviction": "take it out: pods are never deleted past their budgets",
    "dryrun": "take it out, and give --dry-run on the command line",
    "podselector": "did you mean `waitFor`?",
    "variables": "did you mean `vars`?",
    "selector": "did you mean `select`?",
    "deletelocaldata": "did you mean `deleteEmptyDirData`?",
}
"""What kubectl's users know by other words: keys without case, dashes and underscores."""


def keys_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def suggestion(word: str, parent: Path) -> str:
    """A hint for a key that is not known in the mapping at `parent`."""
    models = _models_along(parent)
    model = models[-1]
    if model is None:
        return "take it out"
    known = keys_of(model)
    plain = _plain(word)
    if (key := _nearest_of(word, tuple(known))) is not None:
        return f"did you mean `{key}`?"
    inner = next((key for key, inside in _inner(model) if word in keys_of(inside)), None)
    if inner is not None:
        return f"it belongs inside `{inner}`"
    if plain in _ELSEWHERE:
        return _ELSEWHERE[plain]
    names = [str(part) for part in parent if isinstance(part, str)]
    if len(models) > 1 and (outer := models[-2]) is not None and word in keys_of(outer):
        return f"it belongs beside `{names[-1]}`, not inside"
    return f"known here: {', '.join(known)}"


def meant(word: str, parent: Path) -> str | None:
    """The key of the mapping at `parent` that this word misspells."""
    model = _models_along(parent)[-1]
    return _nearest_of(word, tuple(keys_of(model))) if model else None


@lru_cache(maxsize=1024)
def _nearest_of(word: str, known: tuple[str, ...]) -> str | None:
    plain = _plain(word)
    same = next((key for key in known if _plain(key) == plain), None)
    if same is not None:
        return same
    near = get_close_matches(word, known, n=1, cutoff=_NEAR) or [
        key for key in known if len(plain) >= _PREFIX and _plain(key).startswith(plain)
    ]
    return near[0] if near else None


def example(parent: Path, key: str) -> str | None:
    """How a missing key could be written."""
    model = _models_along(parent)[-1]
    field = _field(model, key) if model else None
    return f"such as {key}: {field.examples[0]}" if field is not None and field.examples else None


def shape(path: Path) -> str | None:
    """How the mapping at this path could be written."""
    model = _models_along(path)[-1]
    if model is None:
        return None
    shown = next(((field.alias or name, field) for name, field in model.model_fields.items() if field.examples), None)
    return f"such as {{{shown[0]}: {(shown[1].examples or [None])[0]}}}" if shown else None


def _plain(word: str) -> str:
    return word.replace("-", "").replace("_", "").lower()


def _models_along(path: Path) -> list[type[BaseModel] | None]:
    """The models from the playbook down to this path; None where the language leaves the keys free."""
    along: list[type[BaseModel] | None] = [Playbook]
    named = False
    for part in path:
        model = along[-1]
        if named:
            named = False  # the key of a mapping that is free to choose; what it stands for is the model already
        elif isinstance(part, str):
            field = _field(model, part) if model else None
            named = field is not None and get_origin(field.annotation) is Mapping
            along.append(next(_models_in(field.annotation), None) if field else None)
    return along


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((field for name, field in model.model_fields.items() if key == (field.alias or name)), None)


def _inner(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        for inside in _models_in(field.annotation):
            yield field.alias or name, inside


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
