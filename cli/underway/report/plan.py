"""A plan to read: what will happen to each pod and why, when, how often each moves, and what stands in the way."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import yaml

from underway.engine.plan import Plan, PlannedNode, PlannedPod, Tightest
from underway.report.blockers import render_blockers
from underway.report.ignored import ignored_words
from underway.report.tables import pairs, paragraph, table
from underway.report.words import count, gathered, seconds, visible

_WIDE = 200
_AWAY = 3
"""So many of the nodes that are away are named; all of them if the form is wide."""


def plan_json(plan: Plan) -> str:
    return msgspec.json.format(msgspec.json.encode(plan), indent=2).decode()


def plan_yaml(plan: Plan) -> str:
    text: str = yaml.safe_dump(msgspec.to_builtins(plan), sort_keys=False, allow_unicode=True, width=_WIDE)
    return text.rstrip()


def plan_text(plan: Plan, *, wide: bool = False) -> str:
    """`wide`: every pod on a line of its own, also those that stay where they are, with its reason."""
    blocks = [plan_result(plan).splitlines()]
    if plan.nodes:
        blocks.append(_nodes(plan.nodes))
    shown = [pod for pod in plan.pods if wide or pod.verdict != "skip"]
    if shown:
        blocks.append(_wide(shown) if wide else list(_grouped(shown)))
    blocks.append(pairs(list(_facts(plan, wide=wide))))
    if plan.assumptions:
        said = plan.assumptions if wide else gathered(plan.assumptions)
        blocks.append(_listed("Assumed:", said))
    if plan.ignored:
        blocks.append(_listed("Not looked at:", ignored_words(plan.ignored, wide=wide)))
    return "\n\n".join("\n".join(block) for block in blocks)


def plan_result(plan: Plan) -> str:
    """What it comes to: whether it can be run, how long that takes, and all that stands in the way."""
    parts = [headline(plan)]
    if plan.blockers:
        parts.append(render_blockers(plan.blockers))
    return "\n\n".join(parts)


def _listed(title: str, said: Iterable[str]) -> list[str]:
    lines = (paragraph(visible(each), first="  ", indent="    ") for each in said)
    return [title, *(line for found in lines for line in found)]


def headline(plan: Plan) -> str:
    if plan.blockers:
        return f"{visible(plan.playbook)} cannot be run: {count(len(plan.blockers), 'thing')} in the way."
    if not plan.changes:
        return f"{visible(plan.playbook)} would change nothing."
    nodes = len({node.name for node in plan.nodes})
    parts = [f"{count(nodes, 'node')} in {count(len(plan.waves), 'wave')}"] if nodes else []
    if plan.moves or nodes:
        parts.append(count(plan.moves, "move"))
    what = f": {', '.join(parts)}" if parts else ""
    return f"{visible(plan.playbook)} would take {seconds(plan.duration_seconds)}{what}."


def _nodes(nodes: Iterable[PlannedNode]) -> list[str]:
    rows = [
        (
            visible(node.name),
            str(node.wave),
            seconds(node.begins_seconds),
            _after(node.begins_seconds, node.emptied_seconds),
            _after(node.begins_seconds, node.ended_seconds),
            str(node.moves),
        )
        for node in nodes
    ]
    return table(("NODE", "WAVE", "BEGINS AT", "EMPTIED IN", "TOTAL", "MOVES"), rows)


def _after(began: float, ended: float | None) -> str:
    return "-" if ended is None else seconds(ended - began)


def _wide(pods: Iterable[PlannedPod]) -> list[str]:
    rows = [
        (visible(pod.node), visible(f"{pod.namespace}/{pod.name}"), pod.verdict, visible(pod.reason)) for pod in pods
    ]
    return table(("NODE", "POD", "VERDICT", "REASON"), rows, words={1, 2, 3}, width=_WIDE * 2)


def _grouped(pods: Iterable[PlannedPod]) -> Iterable[str]:
    node = ""
    for pod in pods:
        if pod.node != node:
            node = pod.node
            yield f"node/{visible(node)}"
        yield f"  {pod.verdict:<8}{visible(pod.namespace)}/{visible(pod.name)}"
        yield from paragraph(visible(pod.reason), first=" " * 10, indent=" " * 10)


def _facts(plan: Plan, *, wide: bool) -> Iterable[tuple[str, str]]:
    stay = sum(pod.verdict == "skip" for pod in plan.pods)
    how = f" ({plan.handed_off} handed off + {plan.evicted} evicted)" if plan.moves else ""
    yield "Moves", f"{plan.moves}{how}, {plan.least_moves} at least"
    yield "Stay", count(stay, "pod")
    for step in plan.steps:
        took = "not reached" if step.duration_seconds is None else seconds(step.duration_seconds)
        result = f"; {visible(step.result)}" if step.result else ""
        yield "Step", f"{visible(step.name)}: {took}, from {seconds(step.begins_seconds)} on{result}"
    if plan.tightest is not None:
        yield "Room", _room(plan.tightest, wide=wide)


def _room(tightest: Tightest, *, wide: bool) -> str:
    free = " and ".join(
        (
            f"{_percent(tightest.cpu_free)} of cpu, {_percent(tightest.memory_free)} of memory",
            _percent(tightest.pods_free),
        )
    )
    away = [visible(name) for name in tightest.nodes_away]
    shown = away if wide else away[:_AWAY]
    more = f" and {len(away) - len(shown):,} more" if len(away) > len(shown) else ""
    without = f", with {', '.join(shown)}{more} away" if away else ""
    return f"{free} of pods free at the tightest moment, {seconds(tightest.at_seconds)} after the beginning{without}"


def _percent(share: float) -> str:
    """Rounded down: what is nearly full is not said to have room."""
    return f"{math.floor(share * 100 + 1e-9)}%"
