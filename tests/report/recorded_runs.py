"""Recorded runs, as the engine would send them, for goldens and for the player."""

from __future__ import annotations

from collections.abc import Callable

from recorder import DETACH, EVICT, GOOD_POD, WORKERS, Recorder

from underway.engine.events import (
    Event,
)
from underway.errors import Blocker


def _empty_worker(recorder: Recorder, node: str, number: int) -> None:
    web, cart, db = f"web-7d9f8c6b5-{'abc'[number]}x2k{number}", "cart-5b8d7f9c4-q7w2z", f"db-{number}"
    recorder.planned(web, node, "handoff", GOOD_POD)
    recorder.planned(db, node, "evict", "evicted: a StatefulSet makes its pods one at a time")
    recorder.planned("agent-xk2lp", node, "skip", "its DaemonSet keeps it on the node")
    pods = 2
    if not number:
        recorder.planned(cart, node, "handoff", GOOD_POD)
        pods = 3
    recorder.node(node, "draining", pods=pods)
    recorder.change("patchNode", f"node/{node}", "cordon")
    recorder.passes(1)
    recorder.handoff(web, node)
    if not number:
        recorder.handoff(cart, node)
    recorder.change("evict", f"pod/shop/{db}", "evict")
    recorder.refused("evict", f"pod/shop/{db}", "evict", "blocked", "budget shop/db allows 0")
    recorder.waits((f"pod/shop/{db}", "budget/shop/db allows no disruption: 2 of 3 are healthy"))
    recorder.passes(2)
    recorder.change("evict", f"pod/shop/{db}", "evict")
    recorder.passes(2)
    recorder.leaves(db, node, "evicted")
    recorder.waits()


def _give_back(recorder: Recorder, node: str) -> None:
    recorder.node(node, "maintaining")
    recorder.change("createJob", f"job/kube-system/underway-{node}", f"start maintenance on node/{node} (busybox:1.36)")
    recorder.waits((f"node/{node}", f"job/kube-system/underway-{node} is running"))
    recorder.passes(3)
    recorder.node(node, "verifying")
    recorder.waits((f"node/{node}", "Ready for 4 s of 10 s"))
    recorder.passes(4)
    recorder.waits()
    recorder.change("patchNode", f"node/{node}", "uncordon")
    recorder.node(node, "done")


def three_nodes(*, simulated: bool = False) -> list[Event]:
    recorder = Recorder(simulated=simulated)
    recorder.starts("before", "maintain the workers", "look again")
    recorder.gate("storefront", "http", "pass", "0 of 0 lost")
    recorder.step(0, "before", "check")
    recorder.passes(1)
    recorder.ended(0)
    recorder.step(1, "maintain the workers", "nodes", WORKERS)
    for number, node in enumerate(WORKERS):
        _empty_worker(recorder, node, number)
        _give_back(recorder, node)
    recorder.ended(1)
    recorder.step(2, "look again", "soak")
    recorder.passes(2)
    recorder.ended(2)
    return recorder.receipt("done", 0)


def failed_and_restored() -> list[Event]:
    recorder = Recorder()
    recorder.starts("maintain the workers")
    recorder.gate("storefront", "http", "pass", "0 of 0 lost")
    recorder.step(0, "maintain the workers", "nodes", WORKERS[:2])
    _empty_worker(recorder, WORKERS[0], 0)
    _give_back(recorder, WORKERS[0])
    recorder.planned("web-7d9f8c6b5-bx2k1", WORKERS[1], "handoff", GOOD_POD)
    recorder.node(WORKERS[1], "draining", pods=1)
    recorder.change("patchNode", f"node/{WORKERS[1]}", "cordon")
    recorder.gap, recorder.last_error = 0.74, "connect ECONNREFUSED 127.0.0.1:30080"
    recorder.passes(3, lost=4)
    recorder.gate("storefront", "http", "fail", "12 of 9,400 requests lost, none may be")
    recorder.restoring("failed", "gate storefront fails: 12 of 9,400 requests lost, none may be")
    recorder.change("patchNode", f"node/{WORKERS[1]}", "uncordon")
    recorder.node(WORKERS[1], "restored", "given back before it was empty")
    recorder.ended(0, "failed", "gate storefront fails")
    return recorder.receipt("failed", 5, "gate storefront fails: 12 of 9,400 requests lost, none may be")


def person_needed() -> list[Event]:
    recorder = Recorder(probes={"storefront": [0, 0]})
    recorder.starts("maintain the workers")
    recorder.step(0, "maintain the workers", "nodes", WORKERS[:1])
    _empty_worker(recorder, WORKERS[0], 0)
    recorder.node(WORKERS[0], "maintaining")
    recorder.waits((f"node/{WORKERS[0]}", "job/kube-system/underway-kind-worker is running"))
    recorder.passes(70)
    reason = "job/kube-system/underway-kind-worker did not end within 1m"
    recorder.restoring("timedOut", reason)
    recorder.refused("patchNode", f"node/{WORKERS[0]}", "uncordon", "denied", "nodes is forbidden")
    recorder.node(WORKERS[0], "failed", "cannot be uncordoned: nodes is forbidden")
    recorder.ended(0, "timedOut", reason)
    return recorder.receipt("timedOut", 6, reason, left=("node/kind-worker", "job/kube-system/underway-kind-worker"))


BLOCKERS = (
    Blocker(
        "pod/shop/report-9x",
        "no controller would make it again",
        "give it a controller, delete it, or set `drain.force: true`",
    ),
    Blocker(
        "pod/shop/cache-0",
        "its emptyDir `scratch` holds local data that would be lost",
        "set `drain.deleteEmptyDirData: true` if that data can be made again",
    ),
    Blocker(
        "pod/shop/cache-0",
        "two budgets select it (shop/cache, shop/everything), and the API server then refuses every eviction",
        "let only one PodDisruptionBudget select it",
    ),
    Blocker(
        "budget/shop/ledger",
        "it can never be met: minAvailable 3 of 3 replicas, so it allows no disruption of pod/shop/ledger-0, "
        "pod/shop/ledger-1 or pod/shop/ledger-2",
        "lower minAvailable to 2, or add a replica",
    ),
)


def refused() -> list[Event]:
    recorder = Recorder()
    recorder.starts("maintain the workers")
    return recorder.receipt("refused", 4, blockers=BLOCKERS)


def interrupted() -> list[Event]:
    recorder = Recorder()
    recorder.starts("maintain the workers")
    recorder.step(0, "maintain the workers", "nodes", WORKERS[:2])
    recorder.planned("web-7d9f8c6b5-ax2k0", WORKERS[0], "handoff", GOOD_POD)
    recorder.node(WORKERS[0], "draining", pods=1)
    recorder.change("patchNode", f"node/{WORKERS[0]}", "cordon")
    recorder.waits(("pod/shop/web-7d9f8c6b5-ax2k0", "its replacement on another node is not Ready"))
    recorder.passes(35)
    recorder.restoring("interrupted", "Ctrl-C")
    recorder.waits(("pod/shop/web-7d9f8c6b5-ax2k0", "its ReplicaSet has not taken it back yet"))
    recorder.passes(1)
    recorder.waits()
    recorder.change("patchNode", f"node/{WORKERS[0]}", "uncordon")
    recorder.node(WORKERS[0], "restored")
    recorder.ended(0, "interrupted", "Ctrl-C")
    return recorder.receipt("interrupted", 130, "Ctrl-C")


def hundred_pods() -> list[Event]:
    recorder = Recorder(run="drain-20261123-041230", playbook="drain")
    recorder.starts("drain")
    node = WORKERS[0]
    recorder.step(0, "drain", "nodes", (node,))
    pods = [f"web-7d9f8c6b5-{number:05}" for number in range(100)]
    for pod in pods:
        recorder.planned(pod, node, "handoff", GOOD_POD)
    for number in range(4):
        recorder.planned(f"agent-{number}", node, "skip", "its DaemonSet keeps it on the node")
    recorder.node(node, "draining", pods=100)
    recorder.change("patchNode", f"node/{node}", "cordon")
    for wave in range(0, 100, 20):
        moving = [f"pod/shop/{pod}" for pod in pods[wave : wave + 20]]
        for named in moving:
            recorder.change("patchPod", named, DETACH)
        recorder.waits(*((named, "its replacement on another node is not Ready") for named in moving))
        recorder.passes(6)
        for named in moving:
            recorder.change("evict", named, EVICT)
        recorder.waits(*((named, "not gone yet") for named in moving))
        for pod in pods[wave : wave + 20]:
            recorder.leaves(pod, node, "handedOff")
        recorder.passes(1)
    recorder.waits()
    recorder.node(node, "maintaining")
    recorder.node(node, "done")
    recorder.ended(0)
    return recorder.receipt("done", 0)


def hostile() -> list[Event]:
    """Nothing here may be obeyed: terminal control, Rich markup, HTML, XML, Markdown, forged lines."""
    recorder = Recorder(
        run="x'; rm -rf ~ #",
        playbook="[red]boo[/red] <script>alert(1)</script>",
        probes={"[link=https://evil]p|q[/link]\x1b]0;title\x07": [0, 0]},
    )
    recorder.starts("[bold]a & b[/bold]\x1b[2J", cluster="kind\r\nerror: forged", operator="\u202eada")
    node = "node[/]\x1b[31m`x`"
    recorder.step(0, "[bold]a & b[/bold]\x1b[2J", "nodes", (node,))
    recorder.planned("web[/green]|<b>", node, "evict", "because ]]> [blink]of\x00 &amp;")
    recorder.node(node, "draining", pods=1)
    recorder.change("evict", "pod/shop/web[/green]|<b>", "evict [red]pod[/red]\x1b[1A\x9b2K")
    recorder.waits(("pod/shop/web[/green]|<b>", ":boom: [conceal]why[/conceal]\nline two"))
    recorder.gap, recorder.last_error = 1.5, "</td><img src=x onerror=alert(1)> \x1b[0m*bold* _it_ [a](javascript:b)"
    recorder.passes(2, lost=1)
    recorder.gate("g[/]", "http", "fail", "<!-- [dim]lost[/dim]")
    recorder.node(node, "failed", "</pre>\x07 | a\\b ]]>")
    recorder.ended(0, "failed", "[/]\x08")
    return recorder.receipt("failed", 6, "[/red]\x1b[5m <b>\u2028fin", left=("node/x [red]\x1b[0m<i>",))


RUNS: dict[str, Callable[[], list[Event]]] = {
    "three-nodes": three_nodes,
    "simulated": lambda: three_nodes(simulated=True),
    "failed-and-restored": failed_and_restored,
    "person-needed": person_needed,
    "refused": refused,
    "interrupted": interrupted,
    "hundred-pods": hundred_pods,
    "hostile": hostile,
}
