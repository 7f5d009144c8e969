"""The files of `apply` steps, found beside the playbook and read into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from underway.playbook.diagnostics import BrokenPlaybookError, Diagnostic, Problem, diagnose
from underway.playbook.document import Document
from underway.playbook.manifests import Manifest, read, too_many, twice
from underway.playbook.models import ApplyStep, Playbook
from underway.playbook.places import Place

_START = Place(0, 0)


def attached(playbook: Playbook, name: str, document: Document | None = None, lines: Iterable[str] = ()) -> Playbook:
    """The playbook with the manifests of its `apply` steps. `name`: its file, beside which paths begin. Raises
    BrokenPlaybookError with everything that is wrong with them.
    """
    if not any(step.apply for step in playbook.spec.steps):
        return playbook
    base, shown = base_of(name), list(lines)
    wrong: list[Diagnostic] = []
    found: list[list[Manifest]] = []
    for index, step in enumerate(playbook.spec.steps):
        if not step.apply:
            continue
        manifests: list[Manifest] = []
        for place, file in enumerate(step.apply.files):
            try:
                objects, mistakes = read(base / file)
            except OSError as error:
                where = document.values.get(("spec", "steps", index, "apply", "files", place)) if document else None
                message = f"`{file}` cannot be read: {(error.strerror or str(error)).lower()}"
                hint = None if Path(file).is_absolute() else "paths begin where the playbook lies"
                wrong.append(diagnose(Problem(where or _START, message, hint), name, shown))
                continue
            manifests += objects
            wrong += mistakes
        wrong += twice(manifests)
        found.append(manifests)
    wrong += too_many(list(chain.from_iterable(found)))
    if wrong:
        raise BrokenPlaybookError(wrong)
    bodies = iter(found)
    return _with_applies(playbook, lambda body: body.with_manifests(next(bodies)))


def manifests_of(playbook: Playbook) -> Iterator[Manifest]:
    return chain.from_iterable(step.apply.manifests for step in playbook.spec.steps if step.apply)


def located(playbook: Playbook, where: Callable[[Manifest], tuple[str, bool]], namespace: str) -> Playbook:
    """With every object's place in the API. `where`: the plural of its kind and whether it is namespaced; an empty
    plural for a kind that is not served. `namespace`: of what does not say.
    """

    def located_one(one: Manifest) -> Manifest:
        plural, namespaced = where(one)
        own = (one.namespace or namespace) if namespaced else ""
        metadata = {key: value for key, value in one.content["metadata"].items() if key != "namespace"}
        if own:
            metadata["namespace"] = own
        content = {**one.content, "metadata": metadata}
        return replace(one, plural=plural, namespaced=namespaced, namespace=own, content=content)

    return _with_applies(playbook, lambda body: body.with_manifests(map(located_one, body.manifests)))


def base_of(name: str) -> Path:
    return Path.cwd() if name == "-" else Path(name).absolute().parent


def with_whole_paths(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A playbook's document whose `apply` files can be found from anywhere."""
    base = base_of(name)
    steps = [
        {**step, "apply": {**step["apply"], "files": [str(base / file) for file in step["apply"]["files"]]}}
        if step.get("apply")
        else step
        for step in data["spec"]["steps"]
    ]
    return {**data, "spec": {**data["spec"], "steps": steps}}


def _with_applies(playbook: Playbook, change: Callable[[ApplyStep], ApplyStep]) -> Playbook:
    steps = tuple(
        step.model_copy(update={"apply": change(step.apply)}) if step.apply else step for step in playbook.spec.steps
    )
    return playbook.model_copy(update={"spec": playbook.spec.model_copy(update={"steps": steps})})
