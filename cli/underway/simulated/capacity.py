"""What the scheduler knows of the nodes: `Room` over the live state, kept current as pods come and go."""

from __future__ import annotations

from underway.cluster.affinity import Neighbors
from underway.cluster.model import Pod
from underway.cluster.room import Room
from underway.simulated.world import World

_DEFAULT_CPU = 100
_DEFAULT_MEMORY = 200 * 1024 * 1024


class Capacity(Room):
    """A node's figures are counted again when a pod on it has changed."""

    def __init__(self, world: World) -> None:
        super().__init__(world.state)
        self._world = world
        self._scored: dict[str, tuple[int, int]] = {}
        world.watch(Pod, self._pod_changed)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            if pod is not None:
                self._usage.pop(pod.node, None)
                self._scored.pop(pod.node, None)
                if pod.spec.anti_affinity:
                    self.neighbors = Neighbors(self._world.state)

    def scored_requests(self, node: str) -> tuple[int, int]:
        """Cpu and memory requested on a node as scoring counts them: a pod without a request counts for a little."""
        found = self._scored.get(node)
        if found is None:
            amounts = [scored(pod) for pod in self._world.state.pods_on(node) if not pod.finished]
            found = self._scored[node] = (sum(cpu for cpu, _ in amounts), sum(memory for _, memory in amounts))
        return found


def scored(pod: Pod) -> tuple[int, int]:
    requests = pod.spec.requests
    return requests.get("cpu") or _DEFAULT_CPU, requests.get("memory") or _DEFAULT_MEMORY
