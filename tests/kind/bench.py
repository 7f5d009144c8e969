"""Underway and kubectl drain side by side, in one run, over the same nodes under the same load.

    tests/kind/up && .venv/bin/python tests/kind/bench.py [--runs 5] [--only web|both|polite|unused|crowded|help]

Each table is Markdown, as it stands in the README. Times are of whole processes; what counts are the ratios, taken
within one run, since this machine's speed varies. Before each measurement the pods are spread anew.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from kubernetes_cluster import NAMESPACE, kubectl, program, reset_shop, scale, until_settled, workers
from load_generator import Counted, Load
from watcher import Watcher

_UNDERWAY = str(Path(sys.executable).parent / "underway")
_PLAYBOOK = str(Path(__file__).parent / "bench_playbook.yaml")
_BEFORE_AND_AFTER = 2.0
_KUBECTL_LIMIT = "30s"


@dataclass(frozen=True)
class Measured:
    seconds: float
    ended: bool
    counted: dict[str, Counted]
    violations: int
    moved: int
    """Pods that have left, those of DaemonSets aside."""

    @property
    def lost(self) -> int:
        return sum(found.lost for found in self.counted.values())

    @property
    def sent(self) -> int:
        return sum(found.sent for found in self.counted.values())

    @property
    def gap(self) -> float:
        return max((found.longest_gap for found in self.counted.values()), default=0.0)


def kubectl_drains() -> bool:
    """Drain and give back one worker after another, as an operator's loop does. False if a drain ran out of time."""
    ended = True
    for name in workers():
        ended = drain_by_kubectl(name) and ended
        subprocess.run([program("kubectl"), "uncordon", name], capture_output=True, check=True)
    return ended


def drain_by_kubectl(name: str) -> bool:
    """Whether it came to its end."""
    drain = [program("kubectl"), "drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--force"]
    done = subprocess.run([*drain, f"--timeout={_KUBECTL_LIMIT}"], capture_output=True, check=False)
    return done.returncode == 0


def underway_runs() -> bool:
    done = subprocess.run([_UNDERWAY, "run", _PLAYBOOK, "--yes", "-q"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode == 0


def measure(work: Callable[[], bool], apps: Sequence[str]) -> Measured:
    """Do the work under 200 requests/s of new connections to each app, and count."""
    with Watcher() as watcher, Load(*apps) as load:
        time.sleep(_BEFORE_AND_AFTER)
        began = time.monotonic()
        ended = work()
        seconds = time.monotonic() - began
        time.sleep(_BEFORE_AND_AFTER)
    return Measured(seconds, ended, load.counted, len(watcher.violations), watcher.left)


def side_by_side(title: str, deployments: dict[str, int], members: int, runs: int) -> None:
    """One table: both tools, `runs` times in turn."""
    apps = [name for name, replicas in deployments.items() if replicas]
    print(f"\n### {title}\n")
    print("| run | tool | lost of sent | longest gap | time | budgets broken |")
    print("|---|---|---|---|---|---|")
    ratios, lost = [], {"kubectl": 0, "underway": 0}
    for number in range(1, runs + 1):
        taken = {}
        for name, work in (("kubectl", kubectl_drains), ("underway", underway_runs)):
            reset_shop(deployments, members)
            found = taken[name] = measure(work, apps)
            lost[name] += found.lost
            ending = "" if found.ended else f", never ends (time-out {_KUBECTL_LIMIT})"
            counted = f"{found.lost} of {found.sent:,} | {found.gap:.2f} s"
            print(f"| {number} | {name} | {counted} | {found.seconds:.1f} s{ending} | {found.violations} |", flush=True)
        if taken["kubectl"].ended and taken["underway"].ended:
            ratios.append(taken["underway"].seconds / taken["kubectl"].seconds)
    print(f"\nLost in all: kubectl {lost['kubectl']}, underway {lost['underway']}.", end="")
    if ratios:
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f" Time underway/kubectl: median {statistics.median(ratios):.2f} ({each}).", end="")
    print(flush=True)


def timed(command: Sequence[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    return time.monotonic() - began


def paired(title: str, ours: Sequence[str], theirs: Sequence[str], runs: int) -> None:
    """Two commands in turn, and the ratio pair by pair."""
    pairs = []
    for _ in range(runs + 1):
        first = timed(theirs)
        pairs.append((timed(ours), first))
    pairs = pairs[1:]  # the first warms the caches
    ratios = [mine / other for mine, other in pairs]
    middle = [statistics.median(column) for column in zip(*pairs, strict=True)]
    print(f"\n### {title}\n")
    print("| | median | ratio |\n|---|---|---|")
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"| `{_shown(theirs)}` | {middle[1]:.3f} s | 1 |")
    print(f"| `{_shown(ours)}` | {middle[0]:.3f} s | {statistics.median(ratios):.2f} ({spread}) |", flush=True)


def _shown(command: Sequence[str]) -> str:
    return " ".join((Path(command[0]).name, *command[1:]))


def unused_node(runs: int) -> None:
    """A node with nothing on it but DaemonSet pods: the whole process, and of it from the cordon to its end."""
    name = workers()[0]
    reset_shop({"web": 0, "cart": 0, "polite": 0}, members=0)
    kubectl("-n", NAMESPACE, "patch", "job", "import", "-p", '{"spec":{"suspend":true}}')
    tools = {
        "kubectl drain": [program("kubectl"), "drain", name, "--ignore-daemonsets", "--timeout=60s"],
        "underway drain": [_UNDERWAY, "drain", name, "-q", "--timeout=60s"],
    }
    measured: dict[str, list[tuple[float, float]]] = {tool: [] for tool in tools}
    try:
        until_settled(60)
        for _ in range(runs + 1):
            for tool, command in tools.items():
                measured[tool].append(_cordoned_and_ended(name, command))
                subprocess.run([_UNDERWAY, "uncordon", name], capture_output=True, check=True)
    finally:
        kubectl("-n", NAMESPACE, "patch", "job", "import", "-p", '{"spec":{"suspend":false}}')
    print("\n### An unused node\n")
    print("| | from the cordon to the end | the whole process |\n|---|---|---|")
    for tool, found in measured.items():
        whole, emptied = (statistics.median(column) for column in zip(*found[1:], strict=True))
        print(f"| `{tool}` | {emptied:.3f} s | {whole:.3f} s |")
    pairs = zip(*(found[1:] for found in measured.values()), strict=True)
    ratios = [[mine / theirs for mine, theirs in zip(ours, kubectls, strict=True)] for kubectls, ours in pairs]
    whole, emptied = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"\nUnderway/kubectl, median of {runs} pairs: {emptied:.2f} from the cordon, {whole:.2f} whole.", flush=True)


def _cordoned_and_ended(name: str, command: Sequence[str]) -> tuple[float, float]:
    """How long the command takes in all, and how long after a watch has seen the cordon; in seconds."""
    watch = [program("kubectl"), "get", "node", name, "-o", "jsonpath={.spec.unschedulable}{'\\n'}", "--watch"]
    with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as watching:
        if watching.stdout is None:
            raise AssertionError("its output is read from a pipe")
        watching.stdout.readline()
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as working:
            while "true" not in watching.stdout.readline():
                pass
            cordoned = time.monotonic()
            # without a time-out, which would look only every so often; both commands have their own
            if working.wait():
                raise AssertionError(f"{' '.join(command)} ended with {working.returncode}")
        ended = time.monotonic()
        watching.terminate()
    return ended - began, ended - cordoned


def crowded_node(count: int = 100) -> None:
    """A node of 100 pods of one Deployment, and the best that can be: the same pods started on the other workers, the
    last of them settled, and 100 pods stopped. The parts of the bound are measured before, on the same cluster.
    """
    first, *others = workers()
    reset_shop({"web": 0, "cart": 0, "polite": 0}, members=0)
    start, stop = _started_and_stopped(count, first)
    for name in others:
        kubectl("cordon", name)
    scale("deployment", "crowd", count)
    until_settled(400)
    for name in others:
        kubectl("uncordon", name)
    began = time.monotonic()
    ran = subprocess.run([_UNDERWAY, "drain", first, "-q"], capture_output=True, text=True, check=False)
    taken = time.monotonic() - began
    if ran.returncode:
        sys.stderr.write(ran.stdout + ran.stderr)
    kubectl("uncordon", first)
    scale("deployment", "crowd", 0)
    until_settled(400)
    settle = 3.0
    bound = start + settle + stop
    parts = (
        f"{start:.1f} s to start {count} pods on the other workers + {settle:.0f} s settle + {stop:.1f} s to stop them"
    )
    print(f"\n### A node of {count} pods\n\nBound: {parts} = {bound:.1f} s.")
    print(f"underway drain: {taken:.1f} s, {taken / bound:.2f} of the bound, exit status {ran.returncode}.", flush=True)


def _started_and_stopped(count: int, without: str) -> tuple[float, float]:
    """How long so many pods take to become Ready on the other workers, and then to be gone; in seconds."""
    kubectl("cordon", without)
    taken = []
    for replicas in (count, 0):
        began = time.monotonic()
        scale("deployment", "crowd", replicas)
        until_settled(400)
        taken.append(time.monotonic() - began)
    kubectl("uncordon", without)
    return taken[0], taken[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=["web", "both", "polite", "unused", "crowded", "help"])
    given = parser.parse_args()
    chosen = {given.only} if given.only else {"web", "both", "polite", "unused", "crowded", "help"}
    if "help" in chosen:
        paired("--help", [_UNDERWAY, "--help"], [program("kubectl"), "--help"], max(given.runs, 10))
    if "unused" in chosen:
        unused_node(given.runs)
    if "web" in chosen:
        side_by_side("`web` alone", {"web": 3, "cart": 0, "polite": 0}, 0, given.runs)
    if "polite" in chosen:
        side_by_side("A polite app alone", {"web": 0, "cart": 0, "polite": 3}, 0, given.runs)
    if "both" in chosen:
        side_by_side("The whole shop: `web`, `cart` and `db`", {"web": 3, "cart": 1, "polite": 0}, 3, given.runs)
    if "crowded" in chosen:
        crowded_node()
    reset_shop({"web": 3, "cart": 1, "polite": 0}, 3)


if __name__ == "__main__":
    main()
