"""The scenarios that are played both simulated and on the test cluster, each different in what matters for a drain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from staging import (
    Manifest,
    bare_pod,
    budget,
    deployment,
    job,
    plain,
    service,
    serving,
    spread,
    statefulset,
)
from underway_cli import MAINTAIN

FIRST, SECOND, THIRD = "underway-worker", "underway-worker2", "underway-worker3"
_ALL = {"labels": "!node-role.kubernetes.io/control-plane"}


@dataclass(frozen=True)
class Scenario:
    """`manifests`: the scene; none: the shop as it is. `first_on`: the worker that all pods are on at first.

    `playbook`: a file, or one step after another. `rest`: more of the playbook's spec.
    """

    name: str
    says: str
    manifests: tuple[Manifest, ...]
    playbook: Path | tuple[dict[str, Any], ...]
    first_on: str = ""
    rest: tuple[tuple[str, Any], ...] = ()

    @property
    def namespace(self) -> str:
        return f"scene-{self.name}"

    def written(self, directory: Path) -> Path:
        """The playbook as a file."""
        if isinstance(self.playbook, Path):
            return self.playbook
        spec = {"steps": list(self.playbook), **dict(self.rest)}
        document = {
            "apiVersion": "underway.dev/v1alpha1",
            "kind": "Playbook",
            "metadata": {"name": self.name},
            "spec": spec,
        }
        path = directory / f"{self.name}.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path


def _drain(
    *names: str,
    select: dict[str, Any] | None = None,
    step: dict[str, Any] | None = None,
    settle: str = "5s",
    **drain: Any,
) -> dict[str, Any]:
    """A step that empties nodes; `step`: more of the verb's fields.

    A kubelet looks after its pods once a second, so that a single handoff may take a second more or less: it is made
    long enough for its time to be compared.
    """
    chosen = select or {"names": list(names)}
    return {"nodes": {"select": chosen, "order": "name", "drain": {"settle": settle, **drain}, **(step or {})}}


def _web(replicas: int, **more: Any) -> tuple[Manifest, ...]:
    """A Deployment with its Service, spread over the nodes."""
    return (deployment("web", replicas, topologySpreadConstraints=spread("web"), **more), service("web"))


def _together(name: str, replicas: int, **more: Any) -> tuple[Manifest, ...]:
    return (deployment(name, replicas, **more), service(name))


def _anti(name: str) -> dict[str, Any]:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": name}}}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


SCENARIOS = (
    Scenario(
        "shop", "the shipped playbook: every worker emptied, maintained by a Job and verified", (), Path(MAINTAIN)
    ),
    Scenario(
        "one-node",
        "one of three replicas, with a budget",
        (*_web(3), budget("web", minAvailable=2)),
        (_drain(FIRST),),
    ),
    Scenario(
        "two-at-once",
        "three workers, two at a time",
        (*_web(4), budget("web", minAvailable=2)),
        (_drain(select=_ALL, step={"maxUnavailable": 2}, settle="1s"),),
    ),
    Scenario(
        "single-replica",
        "one replica, and a budget that allows no disruption",
        (*_together("cart", 1), budget("cart", minAvailable=1)),
        (_drain(FIRST),),
        FIRST,
    ),
    Scenario(
        "statefulset",
        "three members on one node, evicted one after another",
        (statefulset("db", 3, container=serving("2s")), service("db"), budget("db", maxUnavailable=1)),
        (_drain(FIRST),),
        FIRST,
    ),
    Scenario(
        "stay",
        "what stays: DaemonSet pods (the shop's agent) and a pod that has ended",
        (*_web(3), bare_pod("ended", ends=True)),
        (_drain(FIRST, SECOND, settle="1s"),),
    ),
    Scenario(
        "evict",
        "strategy evict, one after another within the budget",
        (*_together("web", 3, container=serving("2s")), budget("web", minAvailable="60%")),
        (_drain(FIRST, strategy="evict"),),
        FIRST,
    ),
    Scenario(
        "handoff",
        "strategy handoff, and local data that may be lost",
        _together("web", 2, volumes=[{"name": "scratch", "emptyDir": {}}]),
        (_drain(FIRST, strategy="handoff", deleteEmptyDirData=True),),
        FIRST,
    ),
    Scenario(
        "no-warm-up",
        "Ready as soon as it runs: no readiness probe",
        _web(3, container=plain()),
        (_drain(select=_ALL, settle="1s"),),
    ),
    Scenario(
        "long-warm-up",
        "two replicas that take 12 s to become Ready, and a budget that allows no disruption",
        (*_together("slow", 2, container=serving("12s")), budget("slow", maxUnavailable=0)),
        (_drain(FIRST, settle="1s"),),
        FIRST,
    ),
    Scenario(
        "polite",
        "a preStop hook, and an end of its own making",
        (*_together("web", 2, container=serving(polite=True)), budget("web", minAvailable=1)),
        (_drain(FIRST),),
        FIRST,
    ),
    Scenario(
        "linger",
        "linger and a grace period of the playbook's",
        _web(3),
        (_drain(FIRST, settle="3s", linger="3s", gracePeriod=5),),
    ),
    Scenario(
        "bare-pod",
        "a pod without a controller, let go by force",
        (bare_pod("lonely"), *_together("web", 1)),
        (_drain(FIRST, force=True),),
        FIRST,
    ),
    Scenario(
        "anti-affinity",
        "never two on one node, and one node to spare",
        (*_together("web", 2, affinity=_anti("web")), budget("web", minAvailable=2)),
        (_drain(select=_ALL, settle="1s"),),
    ),
    Scenario(
        "hard-spread",
        "a topology spread that has to be kept",
        (deployment("web", 4, topologySpreadConstraints=spread("web", "DoNotSchedule", 2)), service("web")),
        (_drain(SECOND),),
    ),
    Scenario(
        "no-service",
        "nobody sends it requests",
        (deployment("worker", 3, container=serving("8s")),),
        (_drain(FIRST),),
        FIRST,
    ),
    Scenario(
        "shared-service",
        "two Deployments behind one Service",
        (
            deployment("blue", 1, labels={"tier": "front"}),
            deployment("green", 1, labels={"tier": "front"}),
            service("front", {"tier": "front"}),
        ),
        (_drain(FIRST),),
        FIRST,
    ),
    Scenario(
        "except", "all workers by label but one", _web(3), (_drain(select={**_ALL, "except": [SECOND]}, settle="1s"),)
    ),
    Scenario(
        "order",
        "the nodes in an order that is given",
        _web(3),
        (_drain(select=_ALL, settle="1s", step={"order": [THIRD, FIRST, SECOND]}),),
    ),
    Scenario(
        "recreate",
        "strategy Recreate cannot run two: evicted",
        (deployment("solo", 1, strategy="Recreate", container=serving("8s")),),
        (_drain(FIRST),),
        FIRST,
    ),
    Scenario(
        "job-at-work",
        "a Job that runs begins anew elsewhere",
        (job("import", 600), *_together("web", 1)),
        (_drain(FIRST),),
        FIRST,
    ),
    Scenario(
        "maintain",
        "two nodes maintained by a Job, and verified",
        _together("web", 2),
        (
            _drain(
                FIRST,
                SECOND,
                settle="1s",
                step={
                    "maintain": {"job": {"image": "underway/shop:1", "args": ["sleep", "3s"], "timeout": "1m"}},
                    "verify": [{"node": {"ready": "1s"}}],
                },
            ),
        ),
        FIRST,
    ),
    Scenario(
        "soak-and-check",
        "a check before, a soak and a check after",
        _together("web", 1),
        (
            {"check": {"gates": [{"workload": {"name": "deployment/scene-soak-and-check/web"}, "for": "2s"}]}},
            _drain(FIRST),
            {"soak": {"for": "2s"}},
            {"check": {"gates": [{"service": {"name": "scene-soak-and-check/web", "minReady": 1}}]}},
        ),
        FIRST,
        (("guards", [{"service": {"name": "scene-soak-and-check/web", "minReady": 1}}]),),
    ),
    Scenario(
        "refused",
        "three things in the way, and nothing changed",
        (
            bare_pod("lonely"),
            deployment("cache", 1, volumes=[{"name": "scratch", "emptyDir": {}}]),
            statefulset("db", 1),
            budget("db", maxUnavailable=0),
        ),
        (_drain(FIRST),),
        FIRST,
    ),
    Scenario(
        "gate-fails",
        "a gate after the drain that never holds: everything is put back",
        _together("web", 2),
        (
            {
                **_drain(FIRST),
                "after": [{"service": {"name": "scene-gate-fails/web", "minReady": 5}, "timeout": "4s"}],
            },
        ),
        FIRST,
    ),
    Scenario(
        "time-out",
        "a pod that is left to finish and does not: put back",
        (*_together("web", 1), job("batch", 600, told=True)),
        (_drain(FIRST, SECOND, settle="1s", timeout="12s", waitFor="app=batch"),),
        FIRST,
    ),
    Scenario(
        "not-ready-in-time",
        "replacements that come too late: handed back",
        _together("slow", 2, container=serving("12s")),
        (_drain(FIRST, timeout="8s"),),
        FIRST,
    ),
)
