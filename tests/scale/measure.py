"""What planning costs on large clusters: time against reading the snapshot, memory, and the cost of a pod.

    .venv/bin/python tests/scale/measure.py          # 100 of 5,000 nodes, and a tenth of that
    .venv/bin/python tests/scale/measure.py --all    # all 5,000 nodes too

Every measurement is a process of its own. Times are of the processor, so that what else the machine does counts less;
of several runs the median. Reading ends when the cluster's state stands with its indexes; planning is all the rest:
looking for blockers, starting the simulated cluster, playing the run, and the plan. Exit status 1 if a mark is missed.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from large_cluster import write_large

from underway.__main__ import COLLECT_AFTER
from underway.cluster.state import ClusterState
from underway.commands import planning
from underway.playbook.load import from_command_line
from underway.simulated.cluster import SimulatedCluster
from underway.simulated.load import load
from underway.simulated.settings import Settings

READING_TIMES, MEGABYTES, PER_POD, ALL_SECONDS = 3.0, 1000, 1.5, 600.0
"""The marks: planning against reading, memory, a pod of the large cluster against one of the small (and one of large
workloads against one of usual ones), all nodes.
"""
_SMALL, _LARGE = (500, 10_000), (5_000, 100_000)
"""Nodes and pods."""
_HUGE = (500, 1_000, 2_000)
"""Replicas of large workloads."""


def child(file: Path, count: int) -> None:
    """Read and plan once, in this process; print the figures as JSON."""
    gc.set_threshold(COLLECT_AFTER)
    names = [f"node-{number:05}" for number in range(count)]
    playbook = from_command_line("large", [{"nodes": {"select": {"names": names}}}])
    began = time.process_time()
    loaded = load([file])
    state = ClusterState(loaded.objects.values())
    read = time.process_time()
    settings = Settings(start=loaded.at) if loaded.at else Settings()
    cluster = SimulatedCluster(state, settings=settings, at_rest=True)
    plan = planning.plan(playbook, str(file), cluster, "default")
    planned = time.process_time()
    if plan.blockers:
        raise SystemExit(f"the plan has blockers: {plan.blockers[:3]}")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"read": read - began, "plan": planned - read, "moves": plan.moves, "least": plan.least_moves}
    print(json.dumps(found | {"megabytes": megabytes, "nodes": len(plan.nodes)}))


def measured(file: Path, count: int, runs: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", str(file), str(count)]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
    return {key: statistics.median(each[key] for each in found) for key in found[0]}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--all", action="store_true", help="plan all nodes of the large cluster too")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.child:
        child(Path(asked.child[0]), int(asked.child[1]))
        return 0
    with tempfile.TemporaryDirectory() as directory:
        files = {size: Path(directory) / f"{size[1]}.snapshot" for size in (_SMALL, _LARGE)}
        for (nodes, pods), file in files.items():
            write_large(file, nodes, pods)
        small = measured(files[_SMALL], 10, asked.runs)
        large = measured(files[_LARGE], 100, asked.runs)
        every = measured(files[_LARGE], _LARGE[0], 1) if asked.all else None
        write_large(files[_LARGE], *_LARGE, _HUGE)
        huge = measured(files[_LARGE], 100, asked.runs)
    return told(small, large, huge, every)


def told(small: dict[str, Any], large: dict[str, Any], huge: dict[str, Any], every: dict[str, Any] | None) -> int:
    rows = [("10 of 500 nodes, 10,000 pods", small), ("100 of 5,000 nodes, 100,000 pods", large)]
    rows += [("the same, workloads of 500 to 2,000", huge)]
    rows += [("all 5,000 nodes", every)] if every else []
    print(f"{'':36}{'reading':>10}{'planning':>11}{'ratio':>8}{'moves':>9}{'a move':>10}{'memory':>10}")
    for name, row in rows:
        each = row["plan"] / row["moves"]
        print(
            f"{name:36}{row['read']:8.2f} s{row['plan']:9.2f} s{row['plan'] / row['read']:8.2f}"
            f"{row['moves']:9.0f}{each * 1000:7.2f} ms{row['megabytes']:7.0f} MB"
        )
    each, each_of_small, each_of_huge = (row["plan"] / row["moves"] for row in (large, small, huge))
    marks = [
        (f"planning is at most {READING_TIMES:g} times reading", large["plan"] / large["read"], READING_TIMES),
        (f"memory, MB, at most {MEGABYTES}", large["megabytes"], MEGABYTES),
        (f"a move costs at most {PER_POD:g} times as much at 100,000 pods as at 10,000", each / each_of_small, PER_POD),
        (f"and at most {PER_POD:g} times as much in large workloads", each_of_huge / each, PER_POD),
    ]
    marks += [(f"all nodes in at most {ALL_SECONDS:g} s", every["plan"], ALL_SECONDS)] if every else []
    for name, value, limit in marks:
        print(f"{'ok' if value <= limit else 'MISSED':8}{name}: {value:.2f}")
    return 0 if all(value <= limit for _, value, limit in marks) else 1


if __name__ == "__main__":
    raise SystemExit(main())
