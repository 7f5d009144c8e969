"""A signal at any moment, from the first line on: LANGUAGE's exit status, and nothing a person could not read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from invoke import HERE, Ended, heeds_signals

SHOP = ("--cluster", "kind-config.yaml", "--cluster", "manifests/")
PLAYBOOK = "playbooks/maintain-workers.yaml"
COMMANDS = {
    "validate": ("validate", PLAYBOOK),
    "plan": ("plan", PLAYBOOK, *SHOP),
    "rehearse": ("rehearse", PLAYBOOK, *SHOP),
    "doctor": ("doctor", *SHOP),
}
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
_DEADLINE = 60

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks /proc who heeds signals")


def started(*arguments: str, through: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Underway, by now at its first line. `through`: a program that starts it."""
    process = subprocess.Popen(
        [*through, sys.executable, "-m", "underway", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HERE,
        env=os.environ | {"KUBECONFIG": "/dev/null"},
    )
    deadline = time.monotonic() + _DEADLINE
    while not heeds_signals(process):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return process


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=_DEADLINE)
    return Ended(process.returncode, out, err)


@pytest.mark.parametrize("how", STATUS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_at_the_first_line_ends_any_command(command: str, how: signal.Signals) -> None:
    process = started(*COMMANDS[command])
    process.send_signal(how)
    end = ended(process)
    assert (end.status, end.out) == (STATUS[how], "")
    assert "Traceback" not in end.err


@pytest.mark.parametrize("after", [0.1, 0.2, 0.4, 0.7])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_at_any_later_moment_leaves_no_traceback(command: str, after: float) -> None:
    process = started(*COMMANDS[command])
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    end = ended(process)
    assert end.status in {STATUS[signal.SIGINT], 0}  # it may have been through
    assert "Traceback" not in end.err


def test_under_nohup_a_terminal_that_goes_away_stops_nothing() -> None:
    process = started(*COMMANDS["rehearse"], "--speed", "30", "-o", "json", through=("nohup",))
    assert process.stdout is not None
    for _ in range(2):  # the second event is the engine's: it heeds its own signals by now
        assert process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    end = ended(process)
    assert end.status == 0, end.err


SLOW_WRITING = """
import sys, time
from pathlib import Path
from underway.commands.writing import write_whole
from underway.stopping import heed_signals
def chunks():
    yield b"half"
    print("begun", flush=True)
    time.sleep(60)
heed_signals()
write_whole(Path(sys.argv[1]), chunks())
"""


@pytest.mark.parametrize("how", STATUS)
def test_a_file_that_is_being_written_is_as_before_and_nothing_lies_beside_it(
    how: signal.Signals, tmp_path: Path
) -> None:
    target = tmp_path / "snapshot"
    target.write_bytes(b"before")
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_WRITING, str(target)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    assert len(list(tmp_path.iterdir())) == 2
    process.send_signal(how)
    assert ended(process).status == STATUS[how]
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("snapshot", b"before")]


@pytest.mark.parametrize(("later", "restored"), [(0.0, True), (0.6, False)], ids=["as timeout sends it", "a person"])
def test_a_second_signal_stops_at_once_unless_it_is_the_first_one_still(later: float, *, restored: bool) -> None:
    process = started(*COMMANDS["rehearse"], "--speed", "2", "-o", "json")
    assert process.stdout is not None
    for line in process.stdout:
        if "withdraw from traffic" in line:
            break
    process.send_signal(signal.SIGTERM)
    time.sleep(later)
    process.send_signal(signal.SIGTERM)
    end = ended(process)
    assert end.status == 143, end.err
    receipt = json.loads(end.out.splitlines()[-1])
    assert (receipt["leftChanged"] == []) is restored
