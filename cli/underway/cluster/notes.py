"""The notes in a run's Lease of the objects that it applies, one for each, so that those which Underway does not watch
are found again too. A note is written before its object is: whatever carries marks has one, not the other way round.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from underway.cluster.kinds import ref_of
from underway.cluster.model import LEASE_NAMESPACE, Lease, Ref
from underway.cluster.wire import Resource

AWAITING = "underway.dev/awaiting-approval"
"""On a run's Lease: the number of the step that waits to be approved."""
APPROVED = "underway.dev/approved"
"""On a run's Lease: the number of a step, and who has approved it."""
_NOTE = "underway.dev/applied-"


class Note(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """intended: it may have been applied. applied: it was. refused: it was not, and never will be. undone: it is as
    before, but for the marks. kept: it stays, only the marks go.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespace: str
    name: str
    state: Literal["intended", "applied", "refused", "undone", "kept"] = "intended"
    created: bool = False
    """It was not there before."""
    reason: str = ""

    @property
    def resource(self) -> Resource:
        return Resource(self.group, self.version, self.plural, bool(self.namespace), self.kind)

    @property
    def ref(self) -> Ref:
        return ref_of(self.resource, self.namespace, self.name)


def lease_of(run: str) -> Ref:
    return Ref("lease", LEASE_NAMESPACE, f"underway-{run}")


def note_key(step: int, place: int) -> str:
    return f"{_NOTE}{step}.{place}"


def notes_of(lease: Lease | None) -> dict[str, Note]:
    """By their keys, in the order in which they were applied. What cannot be read is none."""
    found = {}
    for key, text in (lease.annotations if lease else {}).items():
        if key.startswith(_NOTE):
            try:
                found[key] = msgspec.json.decode(text, type=Note)
            except msgspec.DecodeError:
                continue
    return dict(sorted(found.items(), key=lambda item: _place(item[0])))


def written(note: Note, **changes: Any) -> str:
    return msgspec.json.encode(msgspec.structs.replace(note, **changes)).decode()


def _place(key: str) -> tuple[int, ...]:
    return tuple(int(part) for part in key.removeprefix(_NOTE).split(".") if part.isdecimal())
