"""The objects that a simulation leaves out: those that would matter by name, the rest as a number of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from underway.cluster.ignored import Ignored
from underway.report.words import gathered


def ignored_words(found: Sequence[Ignored], *, wide: bool = False) -> Iterable[str]:
    """One line for each reason, and one for all that have none; `wide`: one for each object."""
    if wide:
        yield from (f"{one.object}: {one.reason}" if one.reason else one.object for one in found)
        return
    yield from gathered(f"{one.object}: {one.reason}" for one in found if one.reason)
    kinds = Counter(one.kind for one in found if not one.reason)
    if kinds:
        yield ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
