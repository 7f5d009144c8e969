"""What stands in the way, object by object, each reason with its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from underway.errors import Blocker
from underway.report.tables import paragraph
from underway.report.words import count, visible


def render_blockers(blockers: Iterable[Blocker]) -> str:
    """All of them, grouped by object. One that was found twice is said once."""
    found = sorted(set(blockers))
    lines = [f"{count(len(found), 'thing')} {'stands' if len(found) == 1 else 'stand'} in the way:"]
    for named, of_object in groupby(found, key=lambda blocker: blocker.object):
        lines += ["", visible(named)]
        for blocker in of_object:
            lines += paragraph(visible(blocker.reason), first="  - ", indent="    ")
            if blocker.remedy:
                lines += paragraph(visible(blocker.remedy), first="    remedy: ", indent="            ")
    return "\n".join(lines)
