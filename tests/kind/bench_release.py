"""A new version of `web` with Underway and with kubectl side by side, in one run, under the same load.

    tests/kind/up && .venv/bin/python tests/kind/bench_release.py [--runs 5] [--only good|bad]

Good: `kubectl set image` and `kubectl rollout status`, beside `underway run` of the same rollout; ratios in one run.
Bad: versions that must not stay. With kubectl somebody notices (here: `rollout status` for at most 20 s) and undoes it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bench import Measured, measure
from kubernetes_cluster import NAMESPACE, kubectl, program, until_settled
from release import release
from underway_cli import UNDERWAY

_BAD = {"crash": "crashes", "unready": "never gets Ready", "does-not-exist": "has no image", "flaky": "answers 500"}
_DEPLOYMENT = "deployment/web"


def _kubectl(*arguments: str) -> bool:
    done = subprocess.run([program("kubectl"), "-n", NAMESPACE, *arguments], capture_output=True, check=False)
    return done.returncode == 0


def kubectl_sets(image: str) -> bool:
    return _kubectl("set", "image", _DEPLOYMENT, f"web=underway/shop:{image}") and _kubectl(
        "rollout", "status", _DEPLOYMENT, "--timeout=120s"
    )


def kubectl_sets_and_undoes(image: str) -> bool:
    """Whether the bad version was noticed at all: one that answers with errors is as good as any to kubectl."""
    _kubectl("set", "image", _DEPLOYMENT, f"web=underway/shop:{image}")
    noticed = not _kubectl("rollout", "status", _DEPLOYMENT, "--timeout=20s")
    if noticed:
        _kubectl("rollout", "undo", _DEPLOYMENT)
        _kubectl("rollout", "status", _DEPLOYMENT, "--timeout=120s")
    return noticed


class Underway:
    """Runs a rollout and keeps its receipt."""

    def __init__(self, image: str, soak: str) -> None:
        self._file = release(image, soak=soak)

    def __call__(self) -> bool:
        command = [UNDERWAY, "run", self._file, "--yes", "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.receipt = json.loads(done.stdout.splitlines()[-1])
        return done.returncode == 0


def reset() -> None:
    """The first version, whole."""
    kubectl("-n", NAMESPACE, "set", "image", _DEPLOYMENT, "web=underway/shop:1")
    kubectl("-n", NAMESPACE, "rollout", "status", _DEPLOYMENT, "--timeout=120s")
    until_settled(60)


def _row(name: str, tool: str, found: Measured, more: str = "") -> str:
    counted = f"{found.lost} of {found.sent:,} | {found.gap:.2f} s | {found.seconds:.1f} s"
    return f"| {name} | {tool} | {counted} | {found.violations} |{more}"


def good(runs: int) -> None:
    print("\n### A new version of `web`\n")
    print("| run | tool | lost of sent | longest gap | time | budgets broken |\n|---|---|---|---|---|---|")
    ratios, lost = [], {"kubectl": 0, "underway": 0}
    for number in range(1, runs + 1):
        taken = {}
        for name, work in (("kubectl", lambda: kubectl_sets("2")), ("underway", Underway("2", "0s"))):
            reset()
            found = taken[name] = measure(work, ["web"])
            if not found.ended:
                raise SystemExit(f"{name} has failed")
            lost[name] += found.lost
            print(_row(str(number), name, found), flush=True)
        ratios.append(taken["underway"].seconds / taken["kubectl"].seconds)
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"\nLost in all: kubectl {lost['kubectl']}, underway {lost['underway']}.", end="")
    print(f" Time underway/kubectl: median {statistics.median(ratios):.2f} ({each}).", flush=True)


def bad(runs: int) -> None:
    print("\n### A version of `web` that is bad\n")
    print("`back in`: from the decision to undo until the old version alone gets traffic.\n")
    print("| version | tool | lost of sent | longest gap | time | budgets broken | undone | back in |")
    print("|---|---|---|---|---|---|---|---|")
    for image, what in _BAD.items():
        reset()
        theirs = measure(lambda image=image: kubectl_sets_and_undoes(image), ["web"])  # type: ignore[misc]
        noticed = "by hand" if theirs.ended else "not noticed"
        print(_row(what, "kubectl", theirs, f" {noticed} | - |"), flush=True)
        for _ in range(runs):
            reset()
            work = Underway(image, "5s")
            found = measure(work, ["web"])
            rolled = work.receipt["workloads"][0]
            print(_row(what, "underway", found, f" {rolled['outcome']} | {rolled['backSeconds']:.2f} s |"), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=["good", "bad"])
    given = parser.parse_args()
    if given.only != "bad":
        good(given.runs)
    if given.only != "good":
        bad(given.runs)
    reset()


if __name__ == "__main__":
    main()
