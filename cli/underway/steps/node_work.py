"""What the verb `nodes` remembers between its turns, for itself and for each node."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from underway.cluster.model import Pod
from underway.steps.progress import Phase, Way


@dataclass
class NodeWork:
    """Where one node stands. `found`: the UIDs of the pods that were on it when its turn came. `staying` are the pods
    that have to leave and have not yet, by UID.
    """

    phase: Phase
    since: datetime
    found: frozenset[str] = frozenset()
    staying: dict[str, Pod] = field(default_factory=dict)
    ways: dict[str, Way] = field(default_factory=dict)
    failure: str = ""
    timed_out: bool = False


@dataclass
class NodesWork:
    """What the step remembers between its turns. Everything that undo needs is in the cluster's marks instead."""

    index: int
    """The step's place in the playbook."""
    namespace: str
    """Where maintenance Jobs run if the playbook does not say."""
    order: tuple[str, ...]
    keep_cordons: bool = False
    """Nodes stay cordoned when they are empty (`underway drain`)."""
    at_work: dict[str, NodeWork] = field(default_factory=dict)
    ended: dict[str, NodeWork] = field(default_factory=dict)
    announced: bool = False
