"""How long Kubernetes itself takes for each of its steps: what the simulation's settings are taken from.

    tests/kind/up && .venv/bin/python tests/kind/delays.py [--runs 20]

One pod at a time is made, then one at a time deleted, then one Job at a time runs to its end; each step is timed by
when a watch shows it. cli/underway/simulated/settings.py says which number it has from where.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parent))

from kubernetes_cluster import kubectl, program, until
from staging import deployment, job, plain, scene, service

_NAMESPACE = "scene-delays"


class Watch:
    """The first moment at which each state of an object was seen. A state is a word of `_states`."""

    def __init__(self, kind: str) -> None:
        self._command = [program("kubectl"), "-n", _NAMESPACE, "get", kind, "--watch", "--output-watch-events"]
        self.seen: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([*self._command, "-o", "json"], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _follow(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            moment, event = time.monotonic(), json.loads(line)
            found = event["object"]
            states = _states_of_pods(found) if found["kind"] == "EndpointSlice" else _states(found)
            for each in (*states, *([(found["metadata"]["name"], "gone")] if event["type"] == "DELETED" else [])):
                self.seen.setdefault(each, moment)

    def wait(self, name: str, state: str) -> float:
        until(lambda: (name, state) in self.seen, 60, f"{name} is {state}")
        return self.seen[name, state]


def _states_of_pods(endpointslice: Any) -> Iterator[tuple[str, str]]:
    for endpoint in endpointslice.get("endpoints") or ():
        yield endpoint["targetRef"]["name"], "listed" if endpoint["conditions"]["ready"] else "unlisted"


def _states(found: Any) -> Iterator[tuple[str, str]]:
    name, status = found["metadata"]["name"], found.get("status", {})
    yield name, "made"
    yield from ((name, each["type"].lower()) for each in status.get("conditions", ()) if each["status"] == "True")
    if found["spec"].get("nodeName"):
        yield name, "bound"
    if status.get("phase") in ("Running", "Succeeded", "Failed"):
        yield name, "running" if status["phase"] == "Running" else "ended"
    if "deletionTimestamp" in found["metadata"]:
        yield name, "deleted"


def _made(number: int, pods: Watch, slices: Watch) -> dict[str, float]:
    """The seconds that each step took until a new pod served."""
    template = deployment("app", 1, container=plain())["spec"]["template"]
    metadata = {"name": f"pod-{number}", **template["metadata"]}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    _apply(manifest)
    ready = pods.wait(metadata["name"], "ready")
    listed = slices.wait(metadata["name"], "listed")
    made, bound, running = (pods.seen[metadata["name"], state] for state in ("made", "bound", "running"))
    return {
        "pod made -> bound": bound - made,
        "bound -> running, as the API says": running - bound,
        "ready -> in the EndpointSlice": listed - ready,
    }


def _stopped(number: int, pods: Watch, slices: Watch) -> dict[str, float]:
    """The same for its end. A kubelet looks at its containers once a second: the deletion falls anywhere in between."""
    name = f"pod-{number}"
    time.sleep(random.uniform(1, 2))
    kubectl("-n", _NAMESPACE, "delete", "pod", name, "--wait=false")
    gone = pods.wait(name, "gone")
    deleted, ended = pods.seen[name, "deleted"], pods.seen[name, "ended"]
    return {
        "deleted -> out of the EndpointSlice": slices.wait(name, "unlisted") - deleted,
        "deleted -> ended, as the API says": ended - deleted,
        "ended -> gone": gone - ended,
        "deleted -> gone": gone - deleted,
    }


def _worked(number: int, pods: Watch, jobs: Watch) -> dict[str, float]:
    """The same for a Job whose container runs for 1 s."""
    name = f"job-{number}"
    _apply(job(name, 1))
    complete, made = jobs.wait(name, "complete"), jobs.seen[name, "made"]
    pod = next(found for found, _ in pods.seen if found.startswith(name))
    return {
        "Job made -> pod made": pods.seen[pod, "made"] - made,
        "its pod bound -> ended, without the 1 s": pods.seen[pod, "ended"] - pods.seen[pod, "bound"] - 1,
        "its pod ended -> Job complete": complete - pods.seen[pod, "ended"],
        "Job made -> complete, without the 1 s": complete - made - 1,
    }


def _apply(manifest: dict[str, Any]) -> None:
    kubectl("-n", _NAMESPACE, "apply", "-f", "-", stdin=json.dumps(manifest))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    runs = range(parser.parse_args().runs)
    taken: dict[str, list[float]] = {}
    with scene(_NAMESPACE, [service("app")]), Watch("pods") as pods, Watch("endpointslices") as slices:
        found = [_made(number, pods, slices) for number in runs] + [_stopped(number, pods, slices) for number in runs]
        with Watch("jobs") as jobs:
            found += [_worked(number, pods, jobs) for number in runs]
    for steps in found:
        for step, seconds in steps.items():
            taken.setdefault(step, []).append(seconds)
    lines = ["| step | mean | median | least | most |", "|---|---|---|---|---|"]
    for step, every in taken.items():
        numbers = (statistics.mean(every), statistics.median(every), min(every), max(every))
        lines.append(f"| {step} | {' | '.join(f'{number:.2f} s' for number in numbers)} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
