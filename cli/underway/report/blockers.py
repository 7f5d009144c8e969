"""What stands in the way, object by object, each reason with its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from underway.errors import Blocker
from underway.report.tables import paragraph
from underway.report.words import count, visible


def render_blockers(blockers: Iterable[Blocker]) -> str:
    """All of them, grouped by object. One that was found twice is said once, so is a remedy that is good for all."""
    found = sorted(set(blockers))
    remedies = {blocker.remedy for blocker in found}
    for_all = remedies.pop() if len(found) > 1 and len(remedies) == 1 else ""
    lines = [f"{count(len(found), 'thing')} {'stands' if len(found) == 1 else 'stand'} in the way:"]
    for named, of_object in groupby(found, key=lambda blocker: blocker.object):
        lines += ["", visible(named)]
        for blocker in of_object:
            lines += paragraph(visible(blocker.reason), first="  - ", indent="    ")
            if blocker.remedy and not for_all:
                lines += paragraph(visible(blocker.remedy), first="    remedy: ", indent="            ")
    if for_all:
        lines += ["", *paragraph(visible(for_all), first="remedy for all: ", indent=" " * 16)]
    return "\n".join(lines)
