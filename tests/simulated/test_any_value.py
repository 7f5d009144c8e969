"""Whatever stands in a field of a cluster's file, it is taken or refused in words."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from underway.errors import UsageError
from underway.simulated.load import load

_MANIFESTS = Path(__file__).parents[2] / "manifests"
_DOCUMENTS = [
    found
    for file in sorted(_MANIFESTS.glob("*.yaml"))
    for found in yaml.safe_load_all(file.read_text("utf-8"))
    if found
]
_PLAIN = st.sampled_from([None, True, -1, 1.5, math.inf, math.nan, 10**30, "", "x", "é"])
_VALUES = st.recursive(
    _PLAIN, lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(["name", "a"]), below)
)


def places(found: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = found.keys() if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
    for key in keys:
        yield (*above, key)
        yield from places(found[key], (*above, key))


_PLACES = [(number, place) for number, found in enumerate(_DOCUMENTS) for place in places(found)]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@settings(max_examples=300, deadline=None)
@given(where=st.sampled_from(_PLACES), value=_VALUES)
def test_any_value_in_any_field_is_taken_or_refused(directory: Path, where: tuple[int, Any], value: object) -> None:
    number, place = where
    document = copy.deepcopy(_DOCUMENTS[number])
    *above, last = place
    level = document
    for key in above:
        level = level[key]
    level[last] = value
    file = directory / "any.yaml"
    file.write_text(yaml.safe_dump(document), "utf-8")
    with suppress(UsageError):
        load([file])
