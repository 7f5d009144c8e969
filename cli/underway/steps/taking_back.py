"""What a run has applied, put back as it was; or, when the run has ended well, kept and freed of its marks."""

from __future__ import annotations

from collections.abc import Iterator

from underway.cluster import notes
from underway.cluster.actions import Need, PatchLease, TakeBack, Unmark
from underway.cluster.applied import APPLIED, BEFORE
from underway.cluster.model import Lease, Ref
from underway.cluster.notes import Note
from underway.cluster.wire_metadata import OURS
from underway.steps.apply import VERBS
from underway.steps.health import unhealthy
from underway.steps.progress import Turn


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - Undo's signature
    """What was there before goes back to it in the order of the playbook; what was not there is deleted."""
    lease = notes.lease_of(turn.run)
    known = notes.notes_of(turn.state.leases.get(lease))
    if good and any(note.state == "applied" for note in known.values()):
        # all at once: a process that dies from here on has ended well
        kept: dict[str, str | None] = {key: notes.written(note, state="kept") for key, note in known.items()}
        turn.act(PatchLease(lease, "what was applied stays", kept))
    else:
        for key, note in known.items():
            _next(key, note, lease, turn)
    return [note.ref for note in known.values()]


def _next(key: str, note: Note, lease: Ref, turn: Turn) -> None:
    ref = note.ref
    if note.state == "kept":
        turn.act(Unmark(ref, turn.run, lease, key, note, says="remove the marks"))
    elif note.state != "undone":
        others = _marks_of_others(ref, turn)
        if others:
            turn.wait(ref, f"what else was changed on it is put back first ({', '.join(others)})")
            return
        says = "put back: delete, it was not there" if note.created else "put back: as it was before it was applied"
        turn.act(TakeBack(ref, turn.run, lease, key, note, says=says))
    elif (reason := _unrest(ref, note, turn)) is not None:
        turn.wait(ref, reason)
    else:
        turn.act(Unmark(ref, turn.run, lease, key, note, says="remove the marks"))


def _marks_of_others(ref: Ref, turn: Turn) -> list[str]:
    """Another verb of the run that has changed the same object later has to go back earlier."""
    annotations = getattr(turn.state.get(ref), "annotations", {})
    return [key for key in annotations if key.startswith(OURS) and key not in (APPLIED, BEFORE)]


def _unrest(ref: Ref, note: Note, turn: Turn) -> str | None:
    """A workload is as before when its controller has rolled it back."""
    found = turn.state.workloads.get(ref)
    if found is None or note.created or found.kind == "job":
        return None
    ill = unhealthy(found, turn.state, turn.now)
    return f"is rolled back by its controller: {ill.reason}" if ill is not None and not ill.lasting else None


def marked(turn: Turn) -> list[Ref]:
    return [note.ref for note in notes.notes_of(turn.state.leases.get(notes.lease_of(turn.run))).values()]


def needs_of(lease: Lease) -> Iterator[Need]:
    """The permissions to put back what this run has applied."""
    for note in notes.notes_of(lease).values():
        for verb in VERBS:
            if verb != "create":
                yield Need(verb, note.group, note.plural, note.namespace)
