"""The scheduler's choice among the nodes that fit: kube-scheduler's default plugins and weights, images left out.

Each plugin scores 0 to 100, in whole numbers as the original; ties go to the node whose name comes first, where the
real scheduler draws lots.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from underway.cluster.eligibility import admits
from underway.cluster.model import Pod
from underway.cluster.podspec import PodTerm, Spread
from underway.cluster.state import ClusterState
from underway.simulated.capacity import Capacity
from underway.simulated.columns import Column, Columns
from underway.units import Selector, equality_selector

_TAINTS, _NODES, _AFFINITY, _SPREAD = 3, 2, 2, 2
"""The plugins' weights; the two for resources weigh 1."""
_Pick: TypeAlias = Callable[[Sequence[Any]], tuple[Any, ...]]
"""Takes from a column what it says about the nodes that fit."""
_Domains: TypeAlias = tuple[str | None, ...]
"""The domains that a node is in, one for each constraint."""
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
    return min(columns.names[place] for place, total in zip(places, totals, strict=True) if total == best)


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
    rows = [pick(columns.labels(found.topology_key)) for found in constraints]
    # what is to be said for a node follows from the domains that it is in, and those are few
    where: Sequence[_Domains] = list(zip(*rows, strict=True))
    present: Collection[_Domains] = set(where)
    # the default constraints ignore no node, whatever labels it lacks
    kept = [domains for domains in present if default or None not in domains]
    if not kept:
        return None
    raw = dict.fromkeys(present, 0.0)
    for place, constraint in enumerate(constraints):
        if default:
            counts = _counts(pod, constraint, capacity, state)
        else:
            counts = capacity.neighbors.domain_counts(pod, constraint)
        weight = math.log(len({domains[place] for domains in kept} - {None}) + 2)
        for domains in present:
            domain = domains[place]
            raw[domains] += counts.get(domain, 0) * weight + constraint.max_skew - 1 if domain is not None else 0.0
    whole = {domains: math.floor(score + 0.5) for domains, score in raw.items()}
    low, high = min(whole[domains] for domains in kept), max(whole[domains] for domains in kept)
    scores = dict.fromkeys(present, 0)
    scores |= {domains: 100 * (high + low - whole[domains]) // high if high else 100 for domains in kept}
    return [scores[domains] for domains in where]


def _counts(pod: Pod, constraint: Spread, capacity: Capacity, state: ClusterState) -> Mapping[str, int]:
    """How many pods a default constraint counts in each domain that has any."""
    counts: Counter[str] = Counter()
    everyone = PodTerm(constraint.selector, constraint.topology_key, ())
    for other, where in capacity.neighbors.matching(pod, everyone):
        node = state.nodes.get(where)
        if other.deleting is None and node and constraint.topology_key in node.labels and admits(pod.spec, node):
            counts[node.labels[constraint.topology_key]] += 1
    return counts


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
