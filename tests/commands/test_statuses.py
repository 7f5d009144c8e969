"""How the command line ends: with which status, and what it says, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invoke import HERE, underway

PLAYBOOK = "playbooks/maintain-workers.yaml"
SHOP = ("--cluster", "kind-config.yaml", "--cluster", "manifests/")
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: a, user: {token: TOPSECRET}}]
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    return str(file)


def test_the_shipped_playbook_is_rehearsed_without_a_lost_request() -> None:
    ended = underway("rehearse", PLAYBOOK, *SHOP, "-o", "json")
    assert ended.status == 0
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert all({"schema", "type", "at", "run"} <= line.keys() for line in lines)
    receipt = lines[-1]
    assert receipt["type"] == "receipt"
    assert receipt["outcome"] == "done"
    assert receipt["restored"] is True
    assert receipt["leftChanged"] == []
    assert receipt["podsMoved"] == receipt["evicted"] + receipt["handedOff"]
    assert receipt["durationSeconds"] > 0
    assert len(receipt["nodes"]) == 3
    assert [probe["name"] for probe in receipt["probes"]] == ["storefront", "cart"]
    for probe in receipt["probes"]:
        assert probe["sent"] > 0
        assert probe["lost"] == 0
        assert probe["longestGapSeconds"] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((), 2, "Usage"),
        (("nonsense",), 2, "nonsense"),
        (("run",), 2, "PLAYBOOK"),
        (("run", PLAYBOOK, "--yes", "--kubeconfig", "/nowhere"), 2, "/nowhere"),
        (("run", PLAYBOOK, "--yes", "--set", "novalue"), 2, "--set NAME=VALUE"),
        (("run", PLAYBOOK, "--dry-run=perhaps"), 2, "perhaps"),
        (("drain",), 2, "no node is named"),
        (("drain", "a", "-l", "pool=b"), 2, "named and selected"),
        (("drain", "a", "--timeout", "soon"), 2, "soon"),
        (("drain", "a", "--max-unavailable", "0"), 2, "nothing could ever be done"),
        (("drain", "Not_A_Name"), 2, "Not_A_Name"),
        (("report", "nothing"), 2, "there is no journal"),
        (("report", "../secrets"), 2, "there is no journal"),
        (("status", "--request-timeout", "soon"), 2, "--request-timeout"),
        (("rehearse", PLAYBOOK), 2, "no cluster is given"),
        (("rehearse", PLAYBOOK, *SHOP, "--speed", "0"), 2, "would never end"),
        (("plan", PLAYBOOK, *SHOP, "-n", "Bad NS"), 2, "`Bad NS` cannot be a namespace"),
        (("run", "nowhere.yaml", "--yes"), 3, "no such file"),
        (("validate", "kind-config.yaml"), 3, "kind"),
        (("run", PLAYBOOK), 4, "--yes"),
    ],
)
def test_what_cannot_be_ends_with_its_own_status(arguments: tuple[str, ...], status: int, says: str) -> None:
    ended = underway(*arguments)
    assert ended.status == status
    assert says.lower() in (ended.out + ended.err).lower()
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "command", [("run", PLAYBOOK, "--yes"), ("drain", "a"), ("uncordon", "a"), ("restore",), ("status",)]
)
def test_a_server_that_does_not_answer_is_named_and_no_secret_is(kubeconfig: str, command: tuple[str, ...]) -> None:
    ended = underway(*command, "--kubeconfig", kubeconfig)
    assert ended.status == 4
    assert "http://127.0.0.1:1" in ended.err
    assert "Traceback" not in ended.err
    assert "TOPSECRET" not in ended.out + ended.err


@pytest.mark.parametrize("given", ["0", "5", "0s", "1m"])
def test_request_timeout_takes_what_kubectl_takes(kubeconfig: str, given: str) -> None:
    ended = underway("status", "--kubeconfig", kubeconfig, "--request-timeout", given)
    assert ended.status == 4, ended.err


@pytest.mark.parametrize("text", ["", "hello", "garbage: [", "apiVersion: v1\nkind: Config\n", "[]", "\x00\x01"])
def test_a_broken_kubeconfig_is_told_in_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "broken"
    file.write_text(text)
    ended = underway("status", "--kubeconfig", str(file))
    assert ended.status in {2, 4}
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) <= 4


def test_a_report_that_cannot_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = underway("rehearse", PLAYBOOK, *SHOP, "--report", str(tmp_path / "file" / "below"))
    assert ended.status == 2
    assert "cordon" not in ended.err


def test_the_report_is_written_in_every_form(tmp_path: Path) -> None:
    assert underway("rehearse", PLAYBOOK, *SHOP, "-q", "--report", str(tmp_path / "new" / "report")).status == 0
    forms = {file.name for file in (tmp_path / "new" / "report").iterdir()}
    assert forms == {"receipt.txt", "receipt.json", "receipt.md", "receipt.html", "receipt.xml"}


def test_validate_tells_a_program_where_the_mistakes_are(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text((HERE / PLAYBOOK).read_text().replace("maxUnavailable", "maxUnavailabel"))
    ended = underway("validate", str(broken), "-o", "json")
    assert ended.status == 3
    assert json.loads(ended.out)["valid"] is False


def test_validate_quietly_says_only_what_is_wrong() -> None:
    good = underway("validate", PLAYBOOK, "-q", "--no-color")
    bad = underway("validate", PLAYBOOK, "kind-config.yaml", "-q")
    assert (good.status, good.out, good.err) == (0, "", "")
    assert (bad.status, bad.out) == (3, "")
    assert "kind-config.yaml" in bad.err
