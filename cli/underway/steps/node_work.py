"""What the verb `nodes` remembers between its turns, for itself and for each node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from underway.cluster.model import Pod
from underway.steps.progress import NodeEntered, Phase, PodJudged, Turn
from underway.steps.treatment import Treatment, Verdict
from underway.units import format_duration


@dataclass
class NodeWork:
    """Where one node stands. `found`: the UIDs of the pods that were on it when its turn came. `staying` are the pods
    that have to leave and have not yet, by UID.
    """

    phase: Phase
    since: datetime
    found: frozenset[str] = frozenset()
    staying: dict[str, Pod] = field(default_factory=dict)
    failure: str = ""
    timed_out: bool = False
    kubelet: str = ""
    """Its version when the node's turn came."""


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
    failed: list[str] = field(default_factory=list)
    """Those that have ended and could not be done."""
    begun: int = 0
    """All nodes of the order before this place are at work or have ended."""
    announced: bool = False
    told: dict[str, Verdict] = field(default_factory=dict)
    """By UID: what it has been told will be done with a pod."""
    idle_since: datetime | None = None
    """Since when no node has been at work though there are some to do."""

    def end(self, name: str, here: NodeWork) -> None:
        self.ended[name] = here
        if here.phase in ("failed", "restored"):
            self.failed.append(name)

    def tell(self, pod: Pod, judged: Treatment, turn: Turn) -> None:
        """Tell what is done with a pod; once more only if it is another thing by now."""
        if self.told.get(pod.uid) != judged.verdict:
            self.told[pod.uid] = judged.verdict
            turn.note(PodJudged(pod, judged.verdict, judged.reason))

    def remark(self) -> str:
        return f"{len(self.failed)} nodes could not be done: {', '.join(self.failed)}" if self.failed else ""

    def waiting(self) -> Iterator[str]:
        """The nodes whose turn has not come, in their order."""
        while self.begun < len(self.order) and self._has_begun(self.order[self.begun]):
            self.begun += 1
        for place in range(self.begun, len(self.order)):
            if not self._has_begun(self.order[place]):
                yield self.order[place]

    def _has_begun(self, name: str) -> bool:
        return name in self.at_work or name in self.ended


def await_ready(work: NodesWork, patience: timedelta, turn: Turn) -> None:
    """Nodes that have become NotReady hold the others up while none is at work, yet not for ever."""
    if work.at_work or len(work.ended) == len(work.order):
        work.idle_since = None
        return
    work.idle_since = work.idle_since or turn.now
    end = work.idle_since + patience
    for name in tuple(work.waiting()):
        node = turn.state.nodes.get(name)
        if node is not None and not node.ready and turn.now < end:
            turn.wait(node.ref, "is not Ready")
        elif node is not None and not node.ready:
            failure = f"not Ready for {format_duration(patience)}"
            work.end(name, NodeWork("failed", turn.now, failure=failure, timed_out=True))
            turn.note(NodeEntered(name, "failed", failure))
    turn.look_again(max(end, turn.now))
