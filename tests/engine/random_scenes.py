"""Random clusters, playbooks and faults: small ones, with everything that a run has to take care of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st
from scenes import budget, node, service, workload

from underway.cluster.model import Budget, Owner, Pod, Service
from underway.cluster.objects import Object
from underway.cluster.podspec import PodSpec, PodTerm, Spread, Toleration
from underway.playbook.load import from_document
from underway.playbook.models import Playbook
from underway.simulated.faults import AnswersLost, BudgetTightened, Fault, NeverReady, NodeLost, NoRoom, Refusals
from underway.simulated.settings import EXIT, START_UP, WARM_UP
from underway.units import Share, equality_selector

HOST = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
SHARES = st.one_of(
    st.integers(0, 4).map(Share), st.sampled_from([1, 30, 50, 99, 100]).map(lambda number: Share(number, percent=True))
)
RULES = st.one_of(
    st.none(),
    SHARES.map(lambda share: {"min_available": share}),
    SHARES.map(lambda share: {"max_unavailable": share}),
)
MOMENTS = st.integers(0, 12).map(lambda number: timedelta(seconds=number * number / 2))
"""After the beginning; most of them while the first nodes are emptied."""
SLOW = ("0s", "1s", "7s")


def seldom(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 7)) == 7


class Scene:
    """A cluster, and a playbook as a document."""

    def __init__(self, objects: tuple[Object, ...], document: dict[str, Any]) -> None:
        self.objects = objects
        self.document = document

    def __repr__(self) -> str:
        """An example that fails is read by people: only what is not as usual."""
        return "\n".join(["Scene:", *(f"  {_short(found)}" for found in self.objects), f"  {self.document['spec']}"])

    @property
    def playbook(self) -> Playbook:
        return from_document(self.document, "a random playbook")

    @property
    def accepts_gaps(self) -> bool:
        return any(step.get("nodes", {}).get("drain", {}).get("strategy") == "evict" for step in self._steps)

    @property
    def _steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.document["spec"]["steps"]
        return steps


def _short(found: Any) -> str:
    """A struct without what is as by default, and without what follows from the name."""
    if isinstance(found, tuple):
        return f"({', '.join(map(_short, found))})"
    if not isinstance(found, msgspec.Struct):
        return repr(found)
    usual = {known.name: known.default for known in msgspec.structs.fields(found)}
    fields = {name: getattr(found, name) for name in usual if name not in ("uid", "namespace", "selector")}
    said = (f"{name}={_short(value)}" for name, value in fields.items() if value and value != usual[name])
    return f"{type(found).__name__}({', '.join(said)})"


# -- clusters ----------------------------------------------------------------------------------------------------


@st.composite
def specs(draw: st.DrawFn, app: str) -> PodSpec:
    selector = equality_selector([("app", app)])
    apart = PodTerm(selector, HOST, ("shop",))
    spread = Spread(draw(st.sampled_from([HOST, ZONE])), 1, draw(st.booleans()), selector)
    return PodSpec(
        requests={"cpu": draw(st.sampled_from([50, 700, 1500]))},
        anti_affinity=(apart,) if draw(st.integers(0, 3)) == 3 else (),
        spread=(spread,) if draw(st.integers(0, 3)) == 3 else (),
        local_volumes=("scratch",) if seldom(draw) else (),
        host_ports=(("TCP", "", 80),) if seldom(draw) else (),
        tolerations=(Toleration("node.kubernetes.io/unschedulable", "Exists"),) if seldom(draw) else (),
        grace_seconds=draw(st.sampled_from([30, 2])),
        pre_stop=seldom(draw),
    )


@st.composite
def apps(draw: st.DrawFn, name: str) -> list[Object]:
    kind = draw(st.sampled_from(["deployment", "deployment", "deployment", "deployment", "statefulset", "replicaset"]))
    more: dict[str, Any] = {}
    if kind == "deployment":
        more["strategy"] = "Recreate" if seldom(draw) else "RollingUpdate"
    if draw(st.booleans()):
        more["annotations"] = {key: draw(st.sampled_from(SLOW)) for key in (START_UP, WARM_UP, EXIT)}
    found: list[Object] = [workload(kind, name, draw(st.integers(0, 4)), draw(specs(name)), **more)]
    if draw(st.integers(0, 3)):
        found.append(service(name))
    rule = draw(RULES)
    if rule is not None:
        found.append(budget(name, **rule, always_allow_unhealthy=seldom(draw)))
        if seldom(draw):
            found.append(budget(f"{name}-too", selector=equality_selector([("app", name)]), **rule))
    return found


@st.composite
def clusters(draw: st.DrawFn) -> list[Object]:
    names = "abcde"[: draw(st.integers(2, 5))]
    objects: list[Object] = []
    for place, name in enumerate(names):
        labels = {HOST: name, ZONE: "yz"[place % 2]}
        objects.append(node(name, labels=labels, unschedulable=seldom(draw) and seldom(draw)))
    for app in ("web", "cart", "db")[: draw(st.integers(1, 3))]:
        objects += draw(apps(app))
    objects.append(workload("daemonset", "agent", 0))
    ready: dict[str, Any] = {"namespace": "shop", "node": "a", "phase": "Running", "ready": True}
    if seldom(draw):
        # none, or more than there are nodes to be evicted from: how often it is moved is for the scheduler to say
        objects.append(workload("job", "report", 1, backoff_limit=draw(st.sampled_from([0, 20]))))
    if seldom(draw):
        objects.append(Pod(uid="pod-static", name="static", mirror=True, owner=Owner("Node", "a", "node-a"), **ready))
    if seldom(draw):
        objects.append(Pod(uid="pod-bare", name="bare", **ready))
    return objects


# -- playbooks ---------------------------------------------------------------------------------------------------


@st.composite
def gates(draw: st.DrawFn, objects: list[Object]) -> list[dict[str, Any]]:
    """Those that the state answers; they may hold or not."""
    if draw(st.integers(0, 3)):
        return []
    known: list[dict[str, Any]] = []
    for found in objects:
        if isinstance(found, Service):
            known.append({"service": {"name": f"shop/{found.name}", "minReady": draw(st.integers(0, 3))}})
        elif found.ref.kind in ("deployment", "statefulset"):
            ready = draw(st.sampled_from(["all", 1, "50%"]))
            known.append({"workload": {"name": str(found.ref), "ready": ready}})
    if not known:
        return []
    return [{**draw(st.sampled_from(known)), "timeout": draw(st.sampled_from(["5s", "1m"]))}]


@st.composite
def drains(draw: st.DrawFn) -> dict[str, Any]:
    drain: dict[str, Any] = {
        "strategy": draw(st.sampled_from(["auto", "auto", "handoff", "evict"])),
        "settle": draw(st.sampled_from(["0s", "1s", "3s"])),
        "linger": draw(st.sampled_from(["0s", "0s", "2s"])),
        "deleteEmptyDirData": draw(st.booleans()) or draw(st.booleans()),
        "force": draw(st.booleans()),
    }
    if seldom(draw):
        drain["gracePeriod"] = draw(st.sampled_from([0, 5]))
    if seldom(draw):
        drain["waitFor"] = "job-name=report"
    return drain


@st.composite
def nodes_steps(draw: st.DrawFn, names: list[str], *, sound: bool) -> dict[str, Any]:
    select: dict[str, Any] = {"names": names[: draw(st.integers(1, len(names)))]}
    if seldom(draw):
        select = {"labels": f"{ZONE} in (y, z)", "except": [names[-1]]}
    step: dict[str, Any] = {
        "select": select,
        "order": draw(st.sampled_from(["auto", "name", names[::-1]])),
        "maxUnavailable": draw(st.sampled_from([1, 1, 2, 3, "50%", "100%"])),
        "drain": draw(drains()),
    }
    if draw(st.booleans()):
        timeout = "1m" if sound else draw(st.sampled_from(["1m", "1m", "1s", "3s"]))
        step["maintain"] = {"job": {"image": "worker", "timeout": timeout}}
    if draw(st.booleans()):
        step["verify"] = [{"node": {"ready": draw(st.sampled_from(["0s", "2s"]))}}]
    if not sound:
        step["drain"]["timeout"] = draw(st.sampled_from(["3s", "20s", "2m", "10m"]))
        step["maxFailed"] = draw(st.sampled_from([0, 0, 1, "50%"]))
        if seldom(draw):
            step["verify"] = [{"node": {"kubeletVersion": "v9.9.9"}, "timeout": "4s"}]
    return step


@st.composite
def rollouts(draw: st.DrawFn, deployment: Object) -> dict[str, Any]:
    """By handover, which breaks nothing; its own rolling update asks no budget."""
    step: dict[str, Any] = {"workload": str(deployment.ref), "strategy": "handoff"}
    if draw(st.booleans()):
        step["restart"] = True
    else:
        step["env"] = {"LEVEL": draw(st.sampled_from(["1", "2"]))}
    if draw(st.booleans()):
        step["batch"] = draw(st.sampled_from([1, 2, "50%"]))
    if draw(st.booleans()):
        step["soak"] = draw(st.sampled_from(["0s", "2s"]))
    return {"rollout": step}


@st.composite
def steps(draw: st.DrawFn, names: list[str], objects: list[Object], *, sound: bool) -> dict[str, Any]:
    deployments = [found for found in objects if found.ref.kind == "deployment"]
    verb = draw(st.sampled_from(["nodes", "nodes", "nodes", "nodes", "rollout", "scale"])) if deployments else "nodes"
    step: dict[str, Any]
    if verb == "rollout":
        step = draw(rollouts(draw(st.sampled_from(deployments))))
    elif verb == "scale":
        scaled = draw(st.sampled_from(deployments))
        # what it takes to serve with fewer is asked of nobody here
        step = {"scale": {"workload": str(scaled.ref), "by": draw(st.integers(1, 2)), "restore": "end"}}
    else:
        step = {"nodes": draw(nodes_steps(names, sound=sound))}
    if sound:
        return step
    for group in ("before", "during", "after"):
        step[group] = draw(gates(objects))
    if seldom(draw):
        step["timeout"] = draw(st.sampled_from(["6s", "30s"]))
    if seldom(draw):
        step["onFailure"] = draw(st.sampled_from(["stop", "restore"]))
    return step


@st.composite
def scenes(draw: st.DrawFn, *, sound: bool = False) -> Scene:
    """`sound`: with nothing in the playbook that lets a run fail."""
    objects = draw(clusters())
    names = [found.ref.name for found in objects if found.ref.kind == "node"]
    first = draw(steps(names, objects, sound=sound))
    more: list[dict[str, Any]] = [{"soak": {"for": draw(st.sampled_from(["0s", "4s"]))}}] if seldom(draw) else []
    if seldom(draw):
        again = draw(steps(names[::-1], objects, sound=sound))
        if sound and "nodes" in first and "nodes" in again:
            # what one step moves to another's nodes has to be allowed there too, and only playing it tells
            again["nodes"]["drain"] = first["nodes"]["drain"]
        if not sound or (first.keys() == again.keys() and "scale" not in first):
            # what a step moves or adds may take another one's room, or must not leave its nodes; only playing it tells
            more.append(again)
    spec: dict[str, Any] = {"steps": [first, *more]}
    if not sound:
        spec["guards"] = draw(gates(objects))
        spec["onFailure"] = draw(st.sampled_from(["restore", "restore", "restore", "stop"]))
    document = {"apiVersion": "underway.dev/v1alpha1", "kind": "Playbook", "metadata": {"name": "random"}, "spec": spec}
    return Scene(tuple(objects), document)


# -- faults ------------------------------------------------------------------------------------------------------

HARMLESS = st.sampled_from(
    [(), (), (Refusals(3, "conflict"),), (Refusals(2),), (Refusals(3, "blocked", retry_after=1),), (AnswersLost(2),)]
)
"""Those that a run gets over: its writes are refused, or their answers lost."""


@st.composite
def harms(draw: st.DrawFn, scene: Scene) -> tuple[Fault, ...]:
    """One fault or two that may keep a run from its end, and perhaps refusals on top."""
    names = [found.ref.name for found in scene.objects if found.ref.kind == "node"]
    budgets = [found for found in scene.objects if isinstance(found, Budget)]
    kinds = ["lost", "never ready", "no room", *(["tightened"] if budgets else [])]
    found: list[Fault] = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True)):
        after = draw(MOMENTS)
        match kind:
            case "lost":
                found.append(NodeLost(draw(st.sampled_from(names)), after))
            case "never ready":
                found.append(NeverReady("shop", draw(st.sampled_from(["", "web", "db"])), after))
            case "no room":
                found.append(NoRoom(after))
            case _:
                tightened = draw(st.sampled_from(budgets))
                found.append(BudgetTightened(tightened.ref, Share(draw(st.integers(1, 5))), after))
    return (*found, *draw(HARMLESS))
