"""The disruption controller: keeps every PodDisruptionBudget's status, with the real one's rules and its trap.

A changed pod is looked up by the labels it has *now* (and of several budgets only the first is told). So a pod that
leaves a budget's selector makes nothing recount, until the budget or another of its pods changes.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from underway.cluster.disruption import desired, expected, selected, standing, without_scale
from underway.cluster.model import Budget, Pod, Ref
from underway.simulated.world import WorkQueue, World


class Disruptions:
    def __init__(self, world: World) -> None:
        self._world = world
        self._evicted: dict[Ref, dict[str, datetime]] = {}
        self._queue = WorkQueue[Ref](world, self._recount, world.settings.controller_delay)
        world.watch(Pod, self._pod_changed, only_changes=True)
        world.watch(Budget, self._budget_changed)

    def remember(self, budget: Ref, pod: str) -> None:
        """The Eviction API is about to delete this pod (`status.disruptedPods`)."""
        self._evicted.setdefault(budget, {})[pod] = self._world.now

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        budgets = self._world.state.budgets_of(pod) if pod else ()
        if budgets:
            self._queue.add(budgets[0].ref)

    def _budget_changed(self, old: Budget | None, new: Budget | None) -> None:
        if new:
            counted = self._world.starting and self._world.at_rest and new.observed_generation >= new.generation
            if not counted:
                self._queue.add(new.ref)
            for pod in new.disrupted_pods if old is None else ():
                self.remember(new.ref, pod)
                self._queue.add(new.ref)
        elif old:
            self._evicted.pop(old.ref, None)

    def _recount(self, ref: Ref) -> None:
        budget = self._world.get(Budget, ref)
        if budget is None:
            return
        if without_scale(budget, self._world.state) is not None:
            self._world.put(msgspec.structs.replace(budget, disruptions_allowed=0))
            return
        total = expected(budget, self._world.state)
        wanted = desired(budget, total)
        evicted = self._still_evicted(budget)
        healthy = standing(budget, self._world.state, beside=evicted)
        allowed = max(healthy - wanted, 0) if total > 0 else 0
        self._world.put(
            msgspec.structs.replace(
                budget,
                expected_pods=total,
                desired_healthy=wanted,
                current_healthy=healthy,
                disruptions_allowed=allowed,
                disrupted_pods=frozenset(evicted),
                observed_generation=budget.generation,
            )
        )

    def _still_evicted(self, budget: Budget) -> dict[str, datetime]:
        """Evicted, but not yet seen as being deleted. Forgotten after two minutes."""
        timeout = self._world.settings.disrupted_pod_timeout
        times = self._evicted.get(budget.ref)
        if not times:
            return {}
        covered = selected(budget, self._world.state)
        found = {name: self._world.get(Pod, Ref("pod", budget.namespace, name)) for name in times}
        waiting = {name for name, pod in found.items() if pod and pod.deleting is None and pod.uid in covered}
        kept = {name: since for name, since in times.items() if name in waiting and self._world.now < since + timeout}
        self._evicted[budget.ref] = kept
        if kept:
            self._queue.add(budget.ref, min(kept.values()) + timeout - self._world.now)
        return kept
