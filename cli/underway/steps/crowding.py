"""Crowding: a pod that is in the way of its own replacement.

A handoff needs a place for the replacement while the old pod still stands. Required anti-affinity and hard topology
spread over more than a node, as over a zone, may leave none but in the old pod's own domain: there is a place only once
it is gone. Such a pod is evicted within its budgets, or not moved at all; a handoff would wait for ever.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec.structs import replace

from underway.cluster.affinity import keeps_apart
from underway.cluster.model import Pod
from underway.cluster.room import Room, Search
from underway.cluster.state import ClusterState
from underway.cluster.traffic import without

Place = Literal["beside", "alone", "nowhere"]
"""Where a replacement can be: beside the old pod, only once that is gone, or not even then."""
_HOSTNAME = "kubernetes.io/hostname"
"""A domain of one node, which is closed to the replacement anyway."""


def successor(pod: Pod) -> Pod:
    """The replacement that its ReplicaSet makes for a pod, beside it."""
    return replace(pod, uid=f"{pod.uid}'", name=f"{pod.name}'", node="", ready=False)


def origin(pod: Pod) -> str:
    """The pod that is there now, of which this is the successor, or a successor's, in thought."""
    return str(pod.ref).rstrip("'")


def place_ever(pod: Pod, detach: str, state: ClusterState) -> Place:
    """For a pod that is detached by this label, whatever else runs on the nodes: so it stays while the nodes, and the
    pods like it, are as they are.
    """
    return _place(pod, None, detach, state, Room(state), closed=(pod.node,), full=False)


def place_now(
    pod: Pod, detach: str, state: ClusterState, room: Room | None = None, *, closed: Collection[str] = ()
) -> Place:
    """As `place_ever`, with what everything takes of the nodes just now, or in `room`."""
    return _place(pod, None, detach, state, room or Room(state), closed={pod.node, *closed}, full=True)


def is_crowded_out(replacement: Pod, pod: Pod, state: ClusterState) -> bool:
    """Whether a pod that is detached leaves its replacement, which has no node, no place."""
    return _place(pod, replacement, "", state, Room(state), closed=(), full=True) == "alone"


def words(pod: Pod) -> str:
    """Why a pod whose replacement has a place only once it is gone cannot be handed off."""
    return f"its replacement has no place while it stands (kept apart by {', '.join(_apart(pod))})"


def _apart(pod: Pod) -> list[str]:
    return sorted(keeps_apart(pod) - {_HOSTNAME})


def _place(
    pod: Pod, new: Pod | None, detach: str, state: ClusterState, room: Room, *, closed: Collection[str], full: bool
) -> Place:
    """`new`: the replacement, if there is one. `full`: what runs on the nodes takes of them. Of a pod that keeps
    nothing away from its replacement, as by far the most, it is not asked whether there is a place at all.
    """
    if not _apart(pod):
        return "beside"
    new = new or successor(pod)
    room.remove(pod)
    alone = room.search(new, closed=closed)
    # what detaches it may also take it out of what the spread counts (matchLabelKeys)
    detached = replace(pod, labels=without(pod.labels, (detach,)))
    room.add(detached, pod.node)
    beside = room.search(new, closed=closed)
    room.remove(detached)
    room.add(pod, pod.node)
    if _finds_one(beside, state, full=full):
        return "beside"
    return "alone" if _finds_one(alone, state, full=full) else "nowhere"


def _finds_one(search: Search, state: ClusterState, *, full: bool) -> bool:
    return any((search.obstacle(node) if full else search.unfit(node)) is None for node in state.nodes.values())
