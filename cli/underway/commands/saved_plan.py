"""Plans in files: saving one, and telling on the command line whether a playbook or a saved plan is given."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from underway import __version__
from underway.cluster.state import ClusterState
from underway.commands.options import Target
from underway.commands.writing import OWNER, check_writable, same_file, write_whole
from underway.engine.saved_plan import SavedPlan, decode, differences, encode
from underway.errors import Blocker, UsageError
from underway.playbook.files import bytes_of, is_saved_plan
from underway.playbook.load import Loaded, from_document, load_text, variables
from underway.playbook.models import Playbook

_MOST_SHOWN = 20
"""A plan of another cluster fits none of its objects."""

if TYPE_CHECKING:
    from underway.commands.planning import Planned


@dataclass(frozen=True)
class Asked:
    """What is to be carried out. `saved`: the plan that the playbook comes from, if it comes from one."""

    playbook: Playbook
    saved: SavedPlan | None = None


def asked(source: Path, sets: Mapping[str, str], vars_files: Sequence[Path], namespace: str | None = None) -> Asked:
    """Read either. A saved plan has its variables and its namespace in it: UsageError for others."""
    data = bytes_of(source, whole=is_saved_plan)
    if not is_saved_plan(data):
        return Asked(load_text(data, str(source), variables(sets, vars_files)))
    saved = decode(data, str(source), __version__)
    if sets or vars_files:
        raise UsageError(
            f"{source}: a saved plan takes no variables: they are filled in",
            f"plan with others: {saved.again} --out FILE",
        )
    if namespace not in (None, saved.namespace):
        raise UsageError(
            f"{source}: was planned for the namespace `{saved.namespace}`, not for `{namespace}`",
            f"plan for another: {saved.again} --out FILE",
        )
    return Asked(from_document(saved.playbook, str(source)), saved)


def check_out(out: Path, read: Iterable[Path]) -> None:
    """UsageError, before anything is planned, if the plan could not be saved there. `read`: what it is made of."""
    if str(out) == "-" or same_file(out, 1):
        raise UsageError(f"`--out {out}`: that is standard output, to which the plan itself is printed", "give a file")
    if any(same_file(out, file) for file in read):
        raise UsageError(f"`--out {out}` would write over what the plan is made of", "give another file")
    check_writable(out)


def save(out: Path, loaded: Loaded, planned: Planned, files: Sequence[Path], again: str) -> None:
    """For its owner's eyes only: a playbook may hold what only they should read. UsageError."""
    saved = SavedPlan(
        version=__version__,
        again=again,
        context=planned.context,
        files=tuple(map(str, files)),
        namespace=planned.namespace,
        playbook=loaded.document,
        plan=planned.plan,
        targets=planned.targets,
    )
    write_whole(out, [encode(saved), b"\n"], OWNER)


def told(out: Path, *, saved: bool) -> str:
    """What became of `--out`."""
    if saved:
        return f"saved to {out}; to carry it out: {shlex.join(['underway', 'run', str(out)])}"
    before = f"; {out} is as it was" if out.exists() else ""
    return f"not saved: there is nothing to carry out while something is in the way{before}"


def again(playbook: Path, sets: Mapping[str, str], vars_files: Sequence[Path], target: Target) -> str:
    """The command that plans the same anew, on the live cluster."""
    options = {
        "--context": target.context,
        "--kubeconfig": target.kubeconfig,
        "--namespace": target.namespace,
        "--as": target.impersonate,
    }
    words = ["underway", "plan", str(playbook)]
    words += (word for name, value in sets.items() for word in ("--set", f"{name}={value}"))
    words += (word for file in vars_files for word in ("--vars", str(file)))
    words += (word for name, value in options.items() if value is not None for word in (name, str(value)))
    return shlex.join(words)


# -- what has changed since --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Staleness:
    """Why a saved plan cannot be carried out. `shown`: as many of the blockers as a person reads."""

    blockers: tuple[Blocker, ...] = ()
    hint: str | None = None

    @property
    def shown(self) -> tuple[Blocker, ...]:
        return self.blockers[:_MOST_SHOWN]


def staleness(
    saved: SavedPlan | None, playbook: Playbook, source: str, state: ClusterState, cluster: str, *, simulated: bool
) -> Staleness:
    """Compare its targets with the cluster as it is, which is called `cluster`. `source`: the plan's file."""
    if saved is None:
        return Staleness()
    again = [saved.again, *(f"--cluster {shlex.quote(file)}" for file in saved.files if simulated)]
    remedy = f"plan again: {' '.join(again)} --out {'FILE' if source == '-' else shlex.quote(source)}"
    changed = differences(saved.targets, playbook, state, remedy)
    hints = []
    made_on = saved.context or ", ".join(saved.files)
    if changed and made_on != cluster:
        hints.append(f"the plan was made on {made_on}, and this is {cluster}")
    if len(changed) > _MOST_SHOWN:
        hints.append(f"{len(changed):,} objects are not as planned, {_MOST_SHOWN} are shown; -o json names them all")
    return Staleness(changed, "; ".join(hints) or None)
