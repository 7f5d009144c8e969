"""A saved plan: one JSON document with the playbook, the plan, and what its targets were like when it was made.

What the playbook is about is compared by what decides: not by resourceVersion, which changes with every heartbeat. So
a plan that is carried out later is the plan that was read, or is refused with everything that has changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from underway.cluster.state import ClusterState
from underway.engine.events import SCHEMA
from underway.engine.plan import Plan
from underway.engine.targets import IMAGE, TEMPLATE, Look, Target, elsewhere
from underway.errors import Blocker, UsageError
from underway.playbook.models import Playbook

KIND = "SavedPlan"
_HINT = "make it anew: underway plan PLAYBOOK --out FILE"
_MOST = 5
"""How many differences of one object are told."""
_NEW = {
    "node": "is new: it is selected now",
    "poddisruptionbudget": "is new: it covers pods that the plan is about",
    "horizontalpodautoscaler": "is new: it scales what the plan is about",
}
_ORDER = {kind: place for place, kind in enumerate(("node", "poddisruptionbudget", "workload", "pod"))}


class _Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str
    kind: str
    version: str


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """`version`: of Underway, since another may decide otherwise. `again`: the command that makes such a plan, without
    where it is written. `context`: the cluster it was made on; `files`: or those that a simulated one was made of.
    `namespace`: where Jobs run if the playbook does not say. `playbook`: the document, its variables filled in.
    """

    api_version: str = SCHEMA
    kind: str = KIND
    version: str
    again: str
    context: str
    files: tuple[str, ...]
    namespace: str
    playbook: dict[str, Any]
    plan: Plan
    targets: tuple[Target, ...]


def encode(saved: SavedPlan) -> bytes:
    """Raises UsageError for a playbook with a number that JSON does not have."""
    data = msgspec.json.encode(saved)
    if msgspec.json.decode(data)["playbook"] != saved.playbook:
        raise UsageError("the plan cannot be saved: the playbook has a number without an end, such as .inf or .nan")
    return data


def decode(data: bytes, name: str, version: str) -> SavedPlan:
    """Raises UsageError for what is cut off, damaged, or made by another version. `name`: what messages call it."""
    try:
        header = msgspec.json.decode(data, type=_Header)
        if header.kind != KIND or header.api_version != SCHEMA:
            raise UsageError(f"{name}: is a {header.kind} of {header.api_version}, not a {KIND} of {SCHEMA}", _HINT)
        if header.version != version:
            raise UsageError(
                f"{name}: was made by Underway {header.version}, and this is {version}, which may decide otherwise",
                _HINT,
            )
        return msgspec.json.decode(data, type=SavedPlan)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name}: is not a saved plan as this version writes it: {error}", _HINT) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name}: the saved plan is cut off or damaged: {error}", _HINT) from error


# -- what has changed --------------------------------------------------------------------------------------------


def differences(planned: Sequence[Target], playbook: Playbook, state: ClusterState, remedy: str) -> tuple[Blocker, ...]:
    """Every target that is not what it was when the plan was made, those that have come since included."""
    look = Look(playbook, state)
    found: list[Blocker] = []
    for was in planned:
        now = look.targets.get(was.object) or look.pods.get(was.object) or elsewhere(was, state)
        changed = ["is gone"] if now is None else list(_differences(was, now))
        if changed:
            found.append(Blocker(was.object, "; ".join(_few(changed)), remedy))
    known = {was.object for was in planned}
    found += (Blocker(now.object, _new(now), remedy) for now in look.targets.values() if now.object not in known)
    return tuple(sorted(found, key=_place))


def _differences(was: Target, now: Target) -> Iterator[str]:
    if was.uid != now.uid:
        yield f"is another one of this name (uid was {was.uid}, now {now.uid})"
    changed = [name for name in dict.fromkeys((*was.facts, *now.facts)) if was.facts.get(name) != now.facts.get(name)]
    for name in changed:
        if name == TEMPLATE and any(other.startswith(IMAGE) for other in changed):
            continue  # the images are a part of it, and say more
        yield f"{name} was {_shown(was.facts.get(name))}, now {_shown(now.facts.get(name))}"


def _shown(value: str | None) -> str:
    return "not there" if value is None else value or '""'


def _few(changed: Sequence[str]) -> Iterable[str]:
    yield from changed[:_MOST]
    if len(changed) > _MOST:
        yield f"and {len(changed) - _MOST} more differences"


def _new(now: Target) -> str:
    if now.object.startswith("pod/"):
        judged = f" (verdict {now.facts['verdict']})" if "verdict" in now.facts else ""
        return f"is new on node/{now.facts['node']}{judged}"
    return _NEW.get(now.object.partition("/")[0], "is new: it controls pods that the plan is about")


def _place(found: Blocker) -> tuple[int, str]:
    kind = found.object.partition("/")[0]
    return _ORDER.get(kind, _ORDER["workload"]), found.object
