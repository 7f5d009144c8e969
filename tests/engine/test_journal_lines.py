"""The journal holds what happened, line by line, whatever became of the process that wrote it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from stage import shipped, shop

from underway.cluster.actions import Action, Outcome
from underway.engine.events import Change, Event, Pulse, Receipt, Waiting, to_json
from underway.engine.journal import Journal, known_runs, read, runs_directory
from underway.errors import UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def course() -> list[Event]:
    """The events of the shipped run, with its receipt."""
    stage = shop()
    receipt = stage.play(stage.run(shipped("maintain")))
    return [*stage.events, receipt]


def written(events: list[Event], run: str = "r") -> Path:
    journal = Journal(run)
    for event in events:
        journal.append(event)
    journal.close()
    assert journal.trouble == ""
    return journal.directory / "journal.jsonl"


def test_what_is_written_is_read(course: list[Event]) -> None:
    written(course)
    assert read("r") == course
    assert isinstance(read("r")[-1], Receipt)


def test_what_only_those_who_watch_want_is_left_out(course: list[Event]) -> None:
    at = course[0].at
    written([Pulse(at=at, run="r", probes=()), Waiting(at=at, run="r", waits=())])
    assert read("r") == []


def test_a_change_is_on_the_disk_before_it_is_sent_and_those_that_are_sent_together_go_there_together() -> None:
    stage = shop()
    safe: set[tuple[str, datetime]] = set()
    sent, syncs = 0, 0
    perform = stage.cluster.perform

    def sync() -> None:
        nonlocal syncs
        syncs += 1
        safe.update((event.object, event.at) for event in stage.told if isinstance(event, Change))

    async def send(action: Action) -> Outcome:
        nonlocal sent
        sent += 1
        announced = {(event.object, event.at) for event in stage.told if isinstance(event, Change)}
        assert announced == safe
        return await perform(action)

    stage.sync, stage.cluster.perform = sync, send  # type: ignore[method-assign]
    assert stage.play(stage.run(shipped("maintain"))).exit_status == 0
    assert 0 < syncs < sent


def test_only_its_owner_reads_it(course: list[Event]) -> None:
    path = written(course[:1])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_last_line_cut_off_at_any_byte_is_left_out(course: list[Event]) -> None:
    change = next(event for event in course if isinstance(event, Change))
    *before, last = [*course[:3], change]
    path = written(before)
    line = to_json(last)
    whole = path.read_bytes()
    for cut in range(len(line)):
        path.write_bytes(whole + line[:cut])
        assert read("r") == before
    path.write_bytes(whole + line)
    assert read("r") == [*before, last]


def test_a_name_of_more_than_one_byte_may_be_cut_in_two(course: list[Event]) -> None:
    strange = Change(at=course[0].at, run="r", action="evict", object="pod/shop/web", says="evict “wéb” 船")
    path = written(course[:1])
    whole = path.read_bytes()
    line = to_json(strange)
    for cut in range(len(line)):
        path.write_bytes(whole + line[:cut])
        assert read("r") == course[:1]


def test_what_a_second_process_writes_after_a_cut_off_line_is_read(course: list[Event]) -> None:
    path = written(course[:2])
    path.write_bytes(path.read_bytes()[:-7])
    written(course[2:5])
    assert read("r") == [course[0], *course[2:5]]


def test_a_full_disk_is_told_of_and_stops_nothing(course: list[Event]) -> None:
    directory = runs_directory() / "full"
    directory.mkdir(parents=True)
    (directory / "journal.jsonl").symlink_to("/dev/full")
    journal = Journal("full")
    for event in course:
        journal.append(event)
    journal.close()
    assert "space" in journal.trouble


def test_a_journal_that_cannot_be_made_is_a_usage_error(home: Path) -> None:
    (home / "underway").write_text("in the way", encoding="utf-8")
    with pytest.raises(UsageError, match="no journal can be written"):
        Journal("r")


@pytest.mark.parametrize("name", ["none", "..", "../r", "", "."])
def test_only_a_run_that_has_a_journal_here_is_read(name: str, course: list[Event]) -> None:
    written(course[:1])
    with pytest.raises(UsageError, match="there is no journal"):
        read(name)


def test_runs_are_known_the_latest_first(course: list[Event]) -> None:
    assert known_runs() == []
    for age, name in enumerate(["c", "a", "b"]):
        path = written(course[:1], name)
        os.utime(path.parent, (1_000 - age, 1_000 - age))
    (runs_directory() / "empty").mkdir()
    assert known_runs() == ["c", "a", "b"]
