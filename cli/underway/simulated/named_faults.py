"""Faults by name, as `--fault` takes them: NAME, NAME=TARGET, each with @AFTER (a duration) if it shall come later.

A target is an object as kubectl prints it, KIND/NAMESPACE/NAME, or without its kind where that is clear.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from underway.cluster.disruption import selected
from underway.cluster.model import Budget, Ref
from underway.cluster.state import ClusterState
from underway.errors import UsageError
from underway.simulated.faults import (
    AnswersLost,
    BudgetTightened,
    Fault,
    Killed,
    NeverReady,
    NodeLost,
    NoRoom,
    Refusals,
)
from underway.units import KIND_OF, Share, parse_duration

NAMES = {
    "node-lost": "a node falls silent; =NODE, or the last one",
    "never-ready": "pods made from now on never become Ready; =KIND/NAMESPACE/NAME, =NAMESPACE/PREFIX, or all",
    "no-room": "no node has cpu left for another pod",
    "budget-tightened": "a budget suddenly allows nothing; =NAMESPACE/NAME, or every one",
    "api-409": "every third write meets a conflict; =N for every Nth",
    "api-429": "every third write is told to come back in a second; =N for every Nth",
    "api-500": "every third write fails; =N for every Nth",
    "answers-lost": "every third write is done, but its answer never comes; =N for every Nth",
    "killed": "the run is killed after 5 seconds, or =SECONDS, and underway restore puts back what it has changed",
}
_MOST = 10
"""So many names are told."""
_EVERY = "3"
_LONGEST = timedelta(days=365)
_KILLED_AFTER = timedelta(seconds=5)
"""By then the first pods are on their way, and hardly any can have arrived."""


def named_faults(text: str, state: ClusterState) -> list[Fault]:
    """Read what `--fault` gives. Raises UsageError."""
    head, _, later = text.partition("@")
    name, _, target = head.partition("=")
    after = _moment(text, later) if later else timedelta(0)
    match name:
        case "node-lost":
            return [NodeLost(_node(target, state), after)]
        case "never-ready":
            return [NeverReady(*_pods(target, state), after)]
        case "no-room" if target:
            raise UsageError(f"fault `{text}`: it is about every node", "say no-room, or no-room@10s")
        case "no-room":
            return [NoRoom(after)]
        case "budget-tightened":
            return [_tightened(budget, state, after) for budget in _budgets(target, state)]
        case "api-409" | "api-429" | "api-500" | "answers-lost":
            return [_nth(name, _every(text, target), after)]
        case "killed":
            return [Killed(_killed_after(text, target, after))]
        case _:
            raise UsageError(f"there is no fault `{name}`", f"known faults: {', '.join(NAMES)}")


def _node(target: str, state: ClusterState) -> str:
    kind, _, rest = target.partition("/")
    name = (rest if KIND_OF.get(kind.lower()) == "node" else target) or max(state.nodes, default="")
    if name not in state.nodes:
        raise UsageError(f"fault `node-lost`: there is no node `{name}`", _known("nodes", state.nodes))
    return name


def _budgets(target: str, state: ClusterState) -> list[Budget]:
    kind, _, rest = target.partition("/")
    named = rest if "/" in rest and KIND_OF.get(kind.lower()) == "poddisruptionbudget" else target
    found = [one for one in state.budgets() if named in ("", f"{one.namespace}/{one.name}")]
    if not found:
        known = _known("budgets", (f"{one.namespace}/{one.name}" for one in state.budgets()))
        raise UsageError(f"fault `budget-tightened`: there is no budget `{target}`", known)
    return found


def _pods(target: str, state: ClusterState) -> tuple[str, str]:
    """The namespace and how the names of the pods begin that are meant; of a workload's pods, how it names them."""
    if not target:
        return "", ""
    kind, _, rest = target.partition("/")
    if "/" in rest:
        namespace, _, name = rest.partition("/")
        prefix = _prefix(KIND_OF.get(kind.lower(), kind), namespace, name, state)
    else:
        namespace, prefix = kind, rest if _makes(kind, rest, state) else None
    if prefix is None:
        known = _known("workloads", (str(one.ref) for one in state.workloads.values() if one.owner is None))
        raise UsageError(f"fault `never-ready`: no pod and no workload is called `{target}`", known)
    return namespace, prefix


def _prefix(kind: str, namespace: str, name: str, state: ClusterState) -> str | None:
    ref = Ref(kind, namespace, name)
    if ref in state.pods:
        return name
    return f"{name}-" if ref in state.workloads else None


def _makes(namespace: str, prefix: str, state: ClusterState) -> bool:
    """Whether a pod of this namespace begins so, or a workload may make one that does."""
    if any(pod.name.startswith(prefix) for pod in state.pods_in(namespace)):
        return True
    makers = (f"{one.name}-" for one in state.workloads.values() if one.namespace == namespace)
    return any(begin.startswith(prefix) or prefix.startswith(begin) for begin in makers)


def _known(what: str, names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return f"{what}: {', '.join(found[:_MOST]) or 'none'}{more}"


def _tightened(budget: Budget, state: ClusterState, after: timedelta) -> BudgetTightened:
    return BudgetTightened(budget.ref, Share(len(selected(budget, state))), after)


def _moment(text: str, given: str) -> timedelta:
    try:
        found = parse_duration(given)
    except ValueError as error:
        raise UsageError(f"fault `{text}`: {error}") from error
    if found > _LONGEST:
        raise UsageError(f"fault `{text}`: no rehearsal lasts as long as {given}")
    return found


def _killed_after(text: str, target: str, after: timedelta) -> timedelta:
    """`target`: a number of seconds, or a duration with its unit; `after` says the same as for other faults."""
    if target and after:
        raise UsageError(f"fault `{text}`: it says twice when the run is killed")
    return _moment(text, f"{target}s" if target.isdecimal() else target) if target else after or _KILLED_AFTER


def _nth(name: str, every: int, after: timedelta) -> Fault:
    match name:
        case "api-409":
            return Refusals(every, "conflict", after=after)
        case "api-429":
            return Refusals(every, "blocked", retry_after=1, after=after)
        case "api-500":
            return Refusals(every, "failed", after=after)
        case _:
            return AnswersLost(every, after)


def _every(text: str, target: str) -> int:
    number = target or _EVERY
    if not number.isdigit() or int(number) < 1:
        raise UsageError(f"fault `{text}`: `{number}` is not a number of writes from 1 on")
    return int(number)
