"""What a run has not left as it was to be: what can still be put back, and what is for a person to mend."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from underway.engine.events import Receipt
from underway.report.words import count


@dataclass(frozen=True)
class Remains:
    """`says`: what can be done about the objects, with `command`. Not yet escaped."""

    title: str
    names: tuple[str, ...]
    says: str
    command: str


def remains(receipt: Receipt) -> list[Remains]:
    found = []
    if changed := still_changed(receipt):
        restore = f"underway restore {shlex.quote(receipt.run)}"
        found.append(Remains("Still changed", changed, "Put it back with:", restore))
    for one in receipt.ailing or ():
        kind, namespace, name = one.object.split("/")
        said = (f"{one.object} {one.reason}", *(f"{pod} is not Ready" for pod in one.pods))
        looked_at = [f"{kind}/{name}", *("pod/" + pod.rpartition("/")[2] for pod in one.pods)]
        command = f"kubectl describe -n {shlex.quote(namespace)} {shlex.join(looked_at)}"
        found.append(Remains("Not whole", said, "Nothing of it is left to put back. Look at it with:", command))
    return found


def still_changed(receipt: Receipt) -> tuple[str, ...]:
    """The objects that carry the run's marks."""
    ailing = {f"{one.object} {one.reason}" for one in receipt.ailing or ()}
    return tuple(name for name in receipt.left_changed if name not in ailing)


def not_whole(receipt: Receipt) -> str:
    number = len(receipt.ailing or ())
    return f"{count(number, 'workload')} {'is' if number == 1 else 'are'} not whole" if number else ""
