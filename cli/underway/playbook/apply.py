"""The step `apply`, and the manifests of its files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, PrivateAttr

from underway.playbook.manifests import Manifest
from underway.playbook.strict import Strict
from underway.playbook.types import Flag, Text


class ApplyStep(Strict):
    """`force`: take fields from other field managers. `manifests`: what is in the files, once they have been read."""

    files: tuple[Text, ...] = Field(min_length=1)
    prune: Literal[False] = False
    force: Flag = False
    _manifests: tuple[Manifest, ...] = PrivateAttr(default=())

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        return self._manifests

    def with_manifests(self, manifests: Iterable[Manifest]) -> ApplyStep:
        copy = self.model_copy()
        copy._manifests = tuple(manifests)  # noqa: SLF001 - its own
        return copy
