"""The scheduler's choice among the nodes that fit: kube-scheduler's default plugins and weights, images left out.

Each plugin scores 0 to 100, in whole numbers as the original; ties go to the node whose name comes first, where the
real scheduler draws lots.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from underway.cluster.model import Pod
from underway.cluster.podspec import Spread
from underway.cluster.state import ClusterState
from underway.simulated.capacity import Capacity
from underway.simulated.columns import Column, Columns
from underway.units import Selector, equality_selector

_TAINTS, _NODES, _AFFINITY, _SPREAD = 3, 2, 2, 2
"""The plugins' weights; the two for resources weigh 1."""
_Pick: TypeAlias = Callable[[Sequence[Any]], tuple[Any, ...]]
"""Takes from a column what it says about the nodes that fit."""
_HOST, _ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def best_node(
    pod: Pod, places: Sequence[int], column: Column, columns: Columns, capacity: Capacity, state: ClusterState
) -> str:
    """The name of the node to bind to; those at `places` all fit, and there is at least one. What is the same for all
    of them is left out.
    """
    if len(places) == 1:
        return columns.names[places[0]]
    pick = itemgetter(*places)
    totals: Sequence[int] = pick(column.scores)
    parts = (
        (_TAINTS, _taint_scores(pick(column.disliked))),
        (_NODES, _wish_scores(pick(column.wished)) if pod.spec.preferred_nodes else None),
        (_AFFINITY, _affinity_scores(pod, pick, columns, capacity, state)),
        (_SPREAD, _spread_scores(pod, pick, columns, capacity, state)),
    )
    for weight, scores in parts:
        if scores is not None:
            totals = [total + weight * score for total, score in zip(totals, scores, strict=True)]
    best = max(totals)
    return min([columns.names[place] for place, total in zip(places, totals, strict=True) if total == best])


def _taint_scores(disliked: Sequence[int]) -> list[int] | None:
    most = max(disliked)
    return [100 - 100 * count // most for count in disliked] if most else None


def _wish_scores(wished: Sequence[int]) -> list[int] | None:
    """Preferred node affinity: the best node has 100, the others in proportion."""
    most = max(wished)
    return [100 * weight // most for weight in wished] if most else None


def _affinity_scores(
    pod: Pod, pick: _Pick, columns: Columns, capacity: Capacity, state: ClusterState
) -> list[int] | None:
    """Preferred pod affinity and anti-affinity of the pod itself, each matching pod with the term's weight."""
    weights: Counter[tuple[str, str]] = Counter()
    for sign, terms in ((1, pod.spec.preferred_affinity), (-1, pod.spec.preferred_anti_affinity)):
        for term in terms:
            for _, where in capacity.neighbors.matching(pod, term):
                node = state.nodes.get(where)
                if node and term.topology_key in node.labels:
                    weights[term.topology_key, node.labels[term.topology_key]] += sign * term.weight
    if not weights:
        return None
    keys = sorted({key for key, _ in weights})
    rows = zip(*(pick(columns.labels(key)) for key in keys), strict=True)
    raw = [sum(weights[key, domain or ""] for key, domain in zip(keys, row, strict=True)) for row in rows]
    low, high = min(raw), max(raw)
    return [100 * (score - low) // (high - low) for score in raw] if high > low else None


def _spread_scores(
    pod: Pod, pick: _Pick, columns: Columns, capacity: Capacity, state: ClusterState
) -> list[int] | None:
    constraints = tuple(found for found in pod.spec.spread if not found.hard)
    default = not pod.spec.spread
    if default:
        constraints = tuple(_default_constraints(pod, state))
    if not constraints:
        return None
    keys = tuple(found.topology_key for found in constraints)
    rows = [pick(columns.labels(key)) for key in keys]
    # the default constraints ignore no node, whatever labels it lacks
    ignored = set() if default else {place for row in rows if None in row for place, at in enumerate(row) if at is None}
    raw = [0.0] * len(rows[0])
    if len(ignored) == len(raw):
        return None
    for constraint, row in zip(constraints, rows, strict=True):
        kept = [at for place, at in enumerate(row) if place not in ignored] if ignored else row
        weight = math.log(len(set(kept) - {None}) + 2)
        topology_keys = (constraint.topology_key,) if default else keys
        counts = capacity.neighbors.taken_domains(pod, constraint, topology_keys=topology_keys)
        none = constraint.max_skew - 1.0
        said: dict[str | None, float] = {domain: count * weight + none for domain, count in counts.items()}
        said[None] = 0.0
        raw = [before + said.get(domain, none) for before, domain in zip(raw, row, strict=True)]
    whole = {score: math.floor(score + 0.5) for score in set(raw)}
    wholes = [whole[score] for place, score in enumerate(raw) if place not in ignored] if ignored else whole.values()
    low, high = min(wholes), max(wholes)
    scores = {score: 100 * (high + low - count) // high if high else 100 for score, count in whole.items()}
    if not ignored:
        return [scores[score] for score in raw]
    return [0 if place in ignored else scores[score] for place, score in enumerate(raw)]


def _default_constraints(pod: Pod, state: ClusterState) -> Iterator[Spread]:
    """The scheduler's own for pods without any: spread a controller's or Service's pods over nodes and zones."""
    controller = state.controller_of(pod)
    own = controller.selector if controller and controller.kind in ("replicaset", "statefulset") else None
    labels = {key: value for service in state.services_of(pod) for key, value in service.selector.items()}
    if own is None and not labels:
        return
    selector = Selector(equality_selector(labels.items()).requirements + (own.requirements if own else ()))
    yield Spread(_HOST, 3, hard=False, selector=selector)
    yield Spread(_ZONE, 5, hard=False, selector=selector)
