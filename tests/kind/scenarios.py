"""Every scenario of the repertoire, planned and then run on the test cluster, and the two beside each other.

    tests/kind/up && .venv/bin/python tests/kind/scenarios.py [NAME...] [--list] [--keep DIRECTORY]

The prediction is `underway plan` on the live cluster right before the run; where that says the run will not end well,
`underway rehearse` on a snapshot says how. The table is Markdown, as it stands in the README. Exit status 1 if
verdicts, moves, outcome or exit status differ anywhere, a duration is off by more than 25 %, or the median by more than
10 %.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from courses import Course, differences, of_plan, of_run
from kubernetes_cluster import items
from repertoire import SCENARIOS, Scenario
from staging import empty_stage, scene
from underway_cli import Ended, underway

EACH, MEDIAN = 0.25, 0.10
"""How far a predicted duration may be off, as a share of the measured one."""


@dataclass(frozen=True)
class Compared:
    scenario: Scenario
    predicted: Course
    measured: Course
    differences: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """Predicted/measured; None where nothing was done, so that nothing took time."""
        if self.measured.outcome == "refused":
            return None
        return self.predicted.seconds / self.measured.seconds


def played(scenario: Scenario, directory: Path) -> Compared:
    """Set the scene, predict, run, compare. What Underway printed is left in the directory."""
    if not scenario.manifests:
        return _predicted_and_run(scenario, directory)
    with scene(scenario.namespace, scenario.manifests, scenario.first_on):
        return _predicted_and_run(scenario, directory)


def _predicted_and_run(scenario: Scenario, directory: Path) -> Compared:
    playbook = str(scenario.written(directory))
    snapshot = directory / f"{scenario.name}.snapshot"
    taken = underway("snapshot", "-o", str(snapshot))
    if taken.status:
        raise AssertionError(taken.stderr)
    present = frozenset(pod["metadata"]["uid"] for pod in items("pods", "-A"))
    planned = underway("plan", playbook, "-o", "json")
    ran = underway("run", playbook, "--yes", "-o", "json")
    for name, ended in (("plan", planned), ("run", ran)):
        (directory / f"{scenario.name}.{name}.json").write_text(ended.stdout)
    predicted = predicted_by(planned, playbook, snapshot, present)
    measured = of_run(ran, present)
    return Compared(scenario, predicted, measured, tuple(differences(predicted, measured)))


def predicted_by(planned: Ended, playbook: str, snapshot: Path, present: frozenset[str]) -> Course:
    if not planned.stdout:
        raise AssertionError(planned.stderr)
    said = of_plan(json.loads(planned.stdout))
    if said is not None:
        return said
    return of_run(underway("rehearse", playbook, "--cluster", str(snapshot), "-o", "json"), present)


def line(found: Compared) -> str:
    """A row of the table."""
    measured = found.measured
    pods = ", ".join(
        f"{count} {verdict}"
        for verdict in ("handoff", "evict", "wait", "skip", "blocked")
        if (count := list(found.predicted.verdicts.values()).count(verdict))
    )
    ending = measured.outcome + (f" ({measured.status})" if measured.status else "")
    times = f"{found.predicted.seconds:.1f} s | {measured.seconds:.1f} s"
    ratio = "" if found.ratio is None else f"{found.ratio:.2f}"
    same = "**no**" if found.differences else "yes"
    return f"| {found.scenario.name} | {pods} | {measured.moves} | {ending} | {same} | {times} | {ratio} |"


def verdict(found: Sequence[Compared]) -> tuple[str, bool]:
    """What the table comes to, and whether that is good enough."""
    ratios = {each.scenario.name: each.ratio for each in found if each.ratio is not None}
    different = [each.scenario.name for each in found if each.differences]
    says = f"{len(found) - len(different)} of {len(found)} scenarios went as predicted, pod by pod"
    says += f" (not: {', '.join(different)})." if different else "."
    if not ratios:
        return says, not different
    worst = max(ratios, key=lambda name: abs(ratios[name] - 1))
    median = statistics.median(ratios.values())
    says += f" Predicted/measured: median {median:.2f}, worst {ratios[worst]:.2f} ({worst})."
    good = not different and abs(ratios[worst] - 1) <= EACH and abs(median - 1) <= MEDIAN
    return says, good


def all_played(chosen: Sequence[Scenario], directory: Path) -> Iterator[Compared]:
    """Those on the shop first, then the others, for which it is closed."""
    for scenario in chosen:
        if not scenario.manifests:
            yield played(scenario, directory)
    scenes = [scenario for scenario in chosen if scenario.manifests]
    if scenes:
        with empty_stage():
            for scenario in scenes:
                yield played(scenario, directory)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these scenarios only")
    parser.add_argument("--list", action="store_true", help="say which there are")
    parser.add_argument(
        "--keep", type=Path, metavar="DIRECTORY", help="leave playbooks, snapshots, plans and events here"
    )
    given = parser.parse_args()
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if given.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:18} {scenario.says}")
        return 0
    if unknown := [name for name in given.names if name not in known]:
        parser.error(f"no such scenario: {', '.join(unknown)}; --list says which there are")
    chosen = [known[name] for name in given.names] or SCENARIOS
    with contextlib.ExitStack() as stack:
        directory = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.mkdir(parents=True, exist_ok=True)
        print("| scenario | pods | moves | ended | as predicted | predicted | measured | ratio |")
        print("|---|---|---|---|---|---|---|---|")
        found = []
        for compared in all_played(chosen, directory):
            found.append(compared)
            print(line(compared), flush=True)
            for difference in compared.differences:
                print(f"{compared.scenario.name}: {difference}", file=sys.stderr)
    says, good = verdict(found)
    print(f"\n{says}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
