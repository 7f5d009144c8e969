"""A rehearsal says the same each time, shows what a fault does, and what it had to assume."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from invoke import HERE, underway

SHOP = (
    "rehearse",
    "playbooks/maintain-workers.yaml",
    "--cluster",
    "kind-config.yaml",
    "--cluster",
    "manifests/",
)


def test_it_takes_as_long_as_the_plan_says() -> None:
    """Also with a guard: the first request of a real one is answered at once, and a plan waits no longer for it."""
    planned = json.loads(underway("plan", *SHOP[1:], "-o", "json").out)
    receipt = json.loads(underway(*SHOP, "-o", "json").out.splitlines()[-1])
    assert receipt["durationSeconds"] == pytest.approx(planned["durationSeconds"], abs=0.5)


def test_twice_the_same_bytes() -> None:
    first, second = (underway(*SHOP, "-o", "json") for _ in range(2))
    assert first.status == 0, first.err
    assert first.out == second.out
    receipt = json.loads(first.out.splitlines()[-1])
    assert receipt["simulated"] is True
    assert [probe["lost"] for probe in receipt["probes"]] == [0, 0]


@pytest.mark.parametrize(
    ("fault", "status", "outcome"),
    [
        ("node-lost@10s", 5, "failed"),
        # pods that have left traffic on it are terminating for as long as it is lost
        ("node-lost@22s", 6, "failed"),
        ("no-room", 5, "timedOut"),
        ("never-ready", 6, "failed"),
        ("budget-tightened", 5, "timedOut"),
        ("api-409", 0, "done"),
        ("api-429=2", 0, "done"),
        ("api-500", 0, "done"),
        ("answers-lost", 0, "done"),
    ],
)
def test_a_fault_ends_as_it_would_for_real(fault: str, status: int, outcome: str) -> None:
    ended = underway(*SHOP, "--fault", fault, "-o", "json")
    receipt = json.loads(ended.out.splitlines()[-1])
    assert (ended.status, receipt["outcome"]) == (status, outcome), receipt["reason"]
    assert receipt["exitStatus"] == status


@pytest.mark.parametrize("fault", ["fire", "node-lost=nobody", "api-500=0", "no-room@soon"])
def test_a_fault_that_does_not_exist_is_told(fault: str) -> None:
    ended = underway(*SHOP, "--fault", fault)
    assert ended.status == 2
    assert "fault" in ended.err
    assert "Traceback" not in ended.err


def test_a_run_that_is_killed_is_put_back_by_restore_and_the_receipt_is_about_both() -> None:
    ended = underway(*SHOP, "--fault", "killed=20", "-o", "json")
    assert ended.status == 0, ended.err
    events = [json.loads(line) for line in ended.out.splitlines()]
    receipt = events[-1]
    assert [event["source"] for event in events if event["type"] == "runStarted"] == [SHOP[1], "underway restore"]
    assert [event["type"] for event in events].count("receipt") == 1
    assert f"killed after 20s, now: underway restore {receipt['run']}" in ended.err
    assert (receipt["outcome"], receipt["exitStatus"], receipt["leftChanged"]) == ("done", 0, [])
    assert receipt["playbook"] == "maintain-workers"
    # what was measured and done before it was killed counts
    assert [(probe["lost"], probe["sent"] > 20 * receipt["durationSeconds"] - 30) for probe in receipt["probes"]] == [
        (0, True),
        (0, True),
    ]
    assert [node["outcome"] for node in receipt["nodeDetails"]] == ["done", "restored"]
    assert receipt["podsMoved"] == sum(event["type"] == "podMoved" and event["how"] != "gone" for event in events)
    killed = receipt["killed"]
    assert killed["afterSeconds"] == 20
    assert killed["afterSeconds"] + killed["putBackSeconds"] == pytest.approx(receipt["durationSeconds"])
    assert {found.split("/")[0] for found in killed["leftChanged"]} >= {"node", "pod"}
    assert underway(*SHOP, "--fault", "killed=20", "-o", "json").out == ended.out


def test_of_a_killed_run_it_is_not_said_that_every_step_was_carried_out(tmp_path: Path) -> None:
    steps = [{"scale": {"workload": "deployment/shop/web", "by": 1}}, {"soak": {"for": "1m"}}]
    playbook = {"apiVersion": "underway.dev/v1alpha1", "kind": "Playbook", "metadata": {"name": "x"}}
    file = tmp_path / "playbook.yaml"
    file.write_text(json.dumps(playbook | {"spec": {"steps": steps}}))
    ended = underway("rehearse", str(file), *SHOP[2:], "--fault", "killed=30")
    (line,) = [line for line in ended.out.splitlines() if line.startswith("Killed after 30s")]
    assert re.fullmatch(r"Killed after 30s, and put back in [\d.]+m?s\.", line)


def test_the_receipt_says_in_words_that_the_run_was_killed(tmp_path: Path) -> None:
    ended = underway(*SHOP, "--fault", "killed", "--report", str(tmp_path))
    assert "Killed after 5s, and put back in " in ended.out
    assert "underway restore took " in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert all("underway restore took" in (tmp_path / f"receipt.{form}").read_text() for form in ("txt", "md", "html"))


def test_the_exit_status_is_that_of_the_restore() -> None:
    ended = underway(*SHOP, "--fault", "killed=5", "--fault", "node-lost=underway-worker2@5s", "-o", "json")
    receipt = json.loads(ended.out.splitlines()[-1])
    assert ended.status == receipt["exitStatus"] == 6
    assert receipt["leftChanged"]


@pytest.mark.parametrize(
    ("after", "said", "headline"),
    [
        ("1ms", "has left nothing changed", "Killed after 1ms, before its first change: nothing had to be put back."),
        ("1h", "had ended before it could", "Done in "),
    ],
)
def test_a_run_killed_before_its_first_change_or_after_its_end_needs_no_restore(
    after: str, said: str, headline: str
) -> None:
    ended = underway(*SHOP, "--fault", f"killed={after}")
    assert ended.status == 0
    assert said in ended.err
    assert f"\n{headline}" in ended.out
    assert "SIMULATED" in ended.out


def test_what_the_files_leave_open_is_said() -> None:
    ended = underway(*SHOP)
    assert "assumed: every node of the kind config has 2 cpu" in ended.err
    assert "not looked at: 1 ClusterRole, " in ended.err
    assert "assumed:" not in underway(*SHOP, "-q").err


def test_the_last_line_is_the_receipt_also_where_a_url_leads_nowhere(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(
        "apiVersion: underway.dev/v1alpha1\nkind: Playbook\nmetadata: {name: x}\nspec: {steps: [{soak: {for: 1s},"
        " after: [{http: {url: 'http://nowhere:1234/', lost: 0}}]}]}\n"
    )
    ended = underway("rehearse", str(playbook), *SHOP[2:], "-o", "json")
    (receipt,) = (json.loads(line) for line in ended.out.splitlines())
    assert ended.status == receipt["exitStatus"] == 4
    assert (receipt["type"], receipt["outcome"]) == ("receipt", "refused")
    (blocker,) = receipt["blockers"]
    assert blocker["object"] == "gate/http"
    assert blocker["reason"] == "no Service of the simulated cluster answers http://nowhere:1234/"
    assert blocker["remedy"].startswith("known ports: 30080")


def test_the_last_line_is_the_receipt_also_of_a_run_that_was_killed_at_once() -> None:
    ended = underway(*SHOP, "-o", "json", "--fault", "killed=0")
    receipt = json.loads(ended.out.splitlines()[-1])
    assert ended.status == receipt["exitStatus"] == 0
    assert receipt["type"] == "receipt"
    assert receipt["reason"] == "killed before its first change: nothing had to be put back"
    assert receipt["killed"]["leftChanged"] == receipt["leftChanged"] == []


@pytest.mark.parametrize("options", [("-o", "json"), ("-q",), ()])
def test_what_cannot_be_written_is_an_error(options: tuple[str, ...]) -> None:
    program = [sys.executable, "-m", "underway", *SHOP, *options]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(program, cwd=HERE, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert ended.returncode == 1
    assert b"error: what was asked for cannot be written: No space left on device" in ended.stderr


def test_jobs_run_in_the_namespace_that_is_asked_for_and_no_command_is_run(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(
        """
apiVersion: underway.dev/v1alpha1
kind: Playbook
metadata: {name: elsewhere}
spec:
  steps:
    - check: {gates: [{name: ask, command: {command: ["false"]}}]}
    - job: {image: "busybox:1", command: ["true"]}
"""
    )
    ended = underway("rehearse", str(playbook), *SHOP[2:], "-n", "shop")
    assert ended.status == 0, ended.err
    assert "assumed: gate ask: is taken to hold" in ended.err
    assert "job/shop/" in ended.err


def test_what_a_killed_run_was_to_leave_as_it_is_is_not_said_to_be_put_back(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(
        "apiVersion: underway.dev/v1alpha1\nkind: Playbook\nmetadata: {name: x}\nspec: {steps: [{scale: {workload:"
        " deployment/shop/web, by: 1, restore: never}}, {soak: {for: 20s}}]}\n"
    )
    ended = underway("rehearse", str(playbook), *SHOP[2:], "--fault", "killed=15")
    assert ended.status == 0
    text = " ".join(ended.out.split())
    assert "deployment/shop/web stays at 4 replicas, as the playbook asks." in text
    assert "Put back everything but what stays" in text
    assert "to take its marks away" in text
    assert "to put back deployment/shop/web" not in text
