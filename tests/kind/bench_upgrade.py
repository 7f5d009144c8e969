"""The workers' kubelets upgraded by Underway and by an operator's loop over kubectl, side by side in one run.

    NODES=offline tests/kind/up && .venv/bin/python tests/kind/bench_upgrade.py [--runs 5]

The table is Markdown, as it stands in the README. The same script, install-kubelet, does the work on the
node. Before each measurement the workers have the old kubelet, and the pods are spread anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bench import Measured, drain_by_kubectl, measure
from kubelets import NEW, OLD, install, on, reason_not_staged, versions
from kubernetes_cluster import program, reset_shop, workers
from underway_cli import UPGRADE, underway

SHOP = {"web": 3, "cart": 1, "polite": 0}
MEMBERS = 3


def kubectl_upgrades() -> bool:
    """Drain, install, give back, one worker after another. False if a drain ran out of time; the node is upgraded all
    the same then, with what is left on it.
    """
    ended = True
    for name in workers():
        ended = drain_by_kubectl(name) and ended
        on(name, "install-kubelet", NEW)
        ready = [program("kubectl"), "wait", "--for=condition=Ready", f"node/{name}", "--timeout=60s"]
        subprocess.run(ready, capture_output=True, check=True)
        subprocess.run([program("kubectl"), "uncordon", name], capture_output=True, check=True)
    return ended


def underway_upgrades() -> bool:
    done = underway("run", UPGRADE, "--yes", "-q")
    sys.stderr.write(done.stderr if done.status else "")
    return done.status == 0


def row(number: int, tool: str, found: Measured, least: int) -> str:
    lost = ", ".join(f"{app} {counted.lost} of {counted.sent:,}" for app, counted in found.counted.items())
    ending = "" if found.ended else ", a drain never ends (time-out 30s)"
    upgraded = sum(version == NEW for version in versions().values())
    cells = (
        number,
        tool,
        lost,
        f"{found.gap:.2f} s",
        f"{found.seconds:.1f} s{ending}",
        f"{found.moved} ({least})",
        f"{upgraded} of 3",
        found.violations,
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    if reason := reason_not_staged():
        sys.exit(reason)
    print(f"\n### Workers from kubelet {OLD} to {NEW}\n")
    print("| run | tool | lost of sent | longest gap | time | pods moved (least) | upgraded | budgets broken |")
    print("|---|---|---|---|---|---|---|---|")
    lost = {"kubectl": 0, "underway": 0}
    try:
        for number in range(1, given.runs + 1):
            for tool, work in (("kubectl", kubectl_upgrades), ("underway", underway_upgrades)):
                install(OLD)
                reset_shop(SHOP, MEMBERS)
                least = json.loads(underway("plan", UPGRADE, "-o", "json").stdout)["leastMoves"]
                found = measure(work, ["web", "cart"])
                lost[tool] += found.lost
                print(row(number, tool, found, least), flush=True)
    finally:
        install(OLD)
        reset_shop(SHOP, MEMBERS)
    print(f"\nLost in all: kubectl {lost['kubectl']}, underway {lost['underway']}.", flush=True)


if __name__ == "__main__":
    main()
