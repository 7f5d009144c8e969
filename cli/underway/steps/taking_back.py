"""What a run has applied, put back as it was; or, when the run has ended well, kept and freed of its marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from underway.cluster import notes
from underway.cluster.actions import Need, PatchLease, PatchWorkload, TakeBack, Unmark
from underway.cluster.applied import APPLIED, BEFORE
from underway.cluster.model import Lease, Ref, Workload
from underway.cluster.notes import Note
from underway.cluster.state import MARK
from underway.steps.apply import copies_need
from underway.steps.health import unhealthy
from underway.steps.progress import Turn


def put_back(turn: Turn, good: bool) -> list[Ref]:  # noqa: FBT001 - Undo's signature
    """What was there before goes back to it in the order of the playbook; what was not there is deleted."""
    lease = notes.lease_of(turn.run)
    known = notes.notes_of(turn.state.leases.get(lease))
    if not known and lease in turn.in_flight:
        turn.wait(lease, "may be about to have notes of what is applied")
        return [lease]
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
        _free(key, note, lease, turn)
    elif note.state != "undone":
        if _is_changed_further(ref, turn):
            turn.wait(ref, "what else was changed on it is put back first")
            return
        says = "put back: delete, it was not there" if note.created else "put back: as it was before it was applied"
        turn.act(TakeBack(ref, turn.run, lease, key, note, says=says))
    elif (reason := _unrest(ref, note, turn)) is not None:
        turn.wait(ref, reason)
    else:
        _free(key, note, lease, turn)


def _free(key: str, note: Note, lease: Ref, turn: Turn) -> None:
    """Take away the marks, then those that a Deployment's controller has copied from it, then the note."""
    found = turn.state.workloads.get(note.ref)
    copies = [one for one in turn.state.workloads_of(found.uid) if _is_marked(one, turn)] if found is not None else []
    if not copies or (found is not None and _is_marked(found, turn)):
        says = "remove the marks"
        turn.act(Unmark(note.ref, turn.run, lease, key, note, says=says, keep_note=bool(copies)))
        return
    for one in copies:
        turn.wait(one.ref, "has a copy of the marks")
        marks = {APPLIED: None, BEFORE: None}
        turn.act(PatchWorkload(one.ref, one.uid, says="remove the marks that its controller copied", annotations=marks))


def _is_marked(found: Workload, turn: Turn) -> bool:
    return found.annotations.get(APPLIED) == turn.run


def _is_changed_further(ref: Ref, turn: Turn) -> bool:
    """Another verb of the run that has changed the same object later has to go back earlier."""
    annotations: Mapping[str, str] = getattr(turn.state.get(ref), "annotations", {})
    return annotations.get(MARK) == turn.run


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
        yield from (Need(verb, note.group, note.plural, note.namespace) for verb in ("get", "patch", "delete"))
        yield from copies_need(note.plural, note.namespace)
