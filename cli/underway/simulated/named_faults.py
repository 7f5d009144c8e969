"""Faults by name, as `--fault` takes them: NAME, NAME=TARGET, each with @AFTER (a duration) if it shall come later."""

from __future__ import annotations

from datetime import timedelta

from underway.cluster.disruption import selected
from underway.cluster.model import Budget
from underway.cluster.state import ClusterState
from underway.errors import UsageError
from underway.simulated.faults import AnswersLost, BudgetTightened, Fault, NeverReady, NodeLost, NoRoom, Refusals
from underway.units import Share, parse_duration

NAMES = {
    "node-lost": "a node falls silent; =NODE, or the last one",
    "never-ready": "pods made from now on never become Ready; =NAMESPACE/PREFIX, or all",
    "no-room": "no node has cpu left for another pod",
    "budget-tightened": "a budget suddenly allows nothing; =NAMESPACE/NAME, or every one",
    "api-409": "every third write meets a conflict; =N for every Nth",
    "api-429": "every third write is told to come back in a second; =N for every Nth",
    "api-500": "every third write fails; =N for every Nth",
    "answers-lost": "every third write is done, but its answer never comes; =N for every Nth",
}
_EVERY = "3"


def named_faults(text: str, state: ClusterState) -> list[Fault]:
    """Read what `--fault` gives. Raises UsageError."""
    head, _, later = text.partition("@")
    name, _, target = head.partition("=")
    try:
        after = parse_duration(later) if later else timedelta(0)
    except ValueError as error:
        raise UsageError(f"fault `{text}`: {error}") from error
    match name:
        case "node-lost":
            return [NodeLost(_node(target, state), after)]
        case "never-ready":
            namespace, _, prefix = target.partition("/")
            return [NeverReady(namespace, prefix, after)]
        case "no-room":
            return [NoRoom(after)]
        case "budget-tightened":
            return [_tightened(budget, state, after) for budget in _budgets(target, state)]
        case "api-409":
            return [Refusals(_every(text, target), "conflict")]
        case "api-429":
            return [Refusals(_every(text, target), "blocked", retry_after=1)]
        case "api-500":
            return [Refusals(_every(text, target), "failed")]
        case "answers-lost":
            return [AnswersLost(_every(text, target))]
        case _:
            raise UsageError(f"there is no fault `{name}`", f"known faults: {', '.join(NAMES)}")


def _node(target: str, state: ClusterState) -> str:
    name = target or max(state.nodes, default="")
    if name not in state.nodes:
        raise UsageError(f"fault `node-lost`: there is no node `{name}`", f"nodes: {', '.join(state.nodes)}")
    return name


def _budgets(target: str, state: ClusterState) -> list[Budget]:
    found = [one for one in state.budgets() if target in ("", f"{one.namespace}/{one.name}")]
    if not found:
        known = ", ".join(f"{one.namespace}/{one.name}" for one in state.budgets())
        raise UsageError(f"fault `budget-tightened`: there is no budget `{target}`", f"budgets: {known or 'none'}")
    return found


def _tightened(budget: Budget, state: ClusterState, after: timedelta) -> BudgetTightened:
    return BudgetTightened(budget.ref, Share(len(selected(budget, state))), after)


def _every(text: str, target: str) -> int:
    number = target or _EVERY
    if not number.isdigit() or int(number) < 1:
        raise UsageError(f"fault `{text}`: `{number}` is not a number of writes from 1 on")
    return int(number)
