"""A plan that is saved is carried out as it was read, or refused with what has changed; and no file is half a plan."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke import HERE, underway

PLAYBOOK = "playbooks/maintain-workers.yaml"
KIND = ("--cluster", "kind-config.yaml")
SHOP = (*KIND, "--cluster", "manifests/")
HEAD = "apiVersion: underway.dev/v1alpha1\nkind: Playbook\nmetadata: {name: x}\n"
WITH_VARIABLE = (
    HEAD + "spec:\n  vars: {text: {}, node: {default: underway-worker}}\n  steps:\n"
    "  - nodes:\n      select: {names: ['${node}']}\n      maintain: {job: {image: a, args: ['${text}', '$${HOME}']}}\n"
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "plan"


def save(out: Path, *arguments: str, playbook: str = PLAYBOOK, status: int = 0) -> Any:
    found = underway("plan", playbook, *SHOP, "--out", str(out), *arguments)
    assert found.status == status, found.err
    return found


def events(*arguments: str) -> tuple[int, list[Any]]:
    found = underway("rehearse", *arguments, "-o", "json")
    return found.status, [json.loads(line) for line in found.out.splitlines()]


def changed_shop(folder: Path, old: str, new: str) -> tuple[str, ...]:
    text = (HERE / "manifests" / "shop.yaml").read_text()
    assert old in text
    file = folder / "shop.yaml"
    file.write_text(text.replace(old, new, 1))
    return (*KIND, "--cluster", str(file))


def test_the_plan_is_still_printed_and_its_exit_status_holds(out: Path) -> None:
    saved = save(out)
    assert saved.out == underway("plan", PLAYBOOK, *SHOP).out
    assert saved.err == f"saved to {out}; to carry it out: underway run {out}\n"
    assert save(out, "--detailed-exitcode", status=10).out == saved.out
    assert json.loads(save(out, "-o", "json").out) == json.loads(out.read_bytes())["plan"]


def test_saving_twice_gives_the_same_bytes_for_nobody_else_to_read(out: Path) -> None:
    save(out)
    first = out.read_bytes()
    out.write_text("what was there before")
    out.chmod(0o644)
    save(out)
    assert out.read_bytes() == first
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(out.parent.iterdir()) == [out]


def test_a_saved_plan_runs_like_its_playbook(out: Path) -> None:
    save(out)
    of_plan, of_playbook = events(str(out), *SHOP), events(PLAYBOOK, *SHOP)
    assert of_plan[1][0].pop("source") == str(out)
    assert of_playbook[1][0].pop("source") == PLAYBOOK
    assert of_plan == of_playbook


def test_the_namespace_of_the_plan_is_that_of_the_run(out: Path) -> None:
    save(out, "-n", "shop")
    status, found = events(str(out), *SHOP)
    jobs = {event["object"].rpartition("/")[0] for event in found if event.get("object", "").startswith("job/")}
    assert (status, jobs) == (0, {"job/shop"})
    refused = underway("run", str(out), "--yes", "-n", "default")
    assert refused.status == 2
    assert "was planned for the namespace `shop`, not for `default`" in refused.err


def test_variables_are_filled_in_once_and_stay_so(out: Path, tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(WITH_VARIABLE)
    save(out, "--set", "text=${node} of it", playbook=str(playbook))
    spec = json.loads(out.read_bytes())["playbook"]["spec"]
    assert spec["steps"][0]["nodes"]["maintain"]["job"]["args"] == ["${node} of it", "${HOME}"]
    assert "vars" not in spec
    playbook.unlink()
    status, found = events(str(out), *SHOP)
    assert (status, found[-1]["nodes"]) == (0, ["underway-worker"])
    refused = underway("run", str(out), "--yes", "--set", "text=other")
    assert refused.status == 2
    assert f"underway plan {playbook} --set 'text=${{node}} of it' --out FILE" in refused.err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("minAvailable: 2", "minAvailable: 1", {"poddisruptionbudget/shop/web": "minAvailable was 2, now 1"}),
        (
            "maxUnavailable: 1",
            "maxUnavailable: 2",
            {"poddisruptionbudget/shop/db": "maxUnavailable was 1, now 2"},
        ),
    ],
)
def test_a_target_that_has_changed_is_named_with_the_change(
    out: Path, tmp_path: Path, old: str, new: str, told: dict[str, str]
) -> None:
    save(out)
    status, found = events(str(out), *changed_shop(tmp_path, old, new))
    assert status == 4
    (receipt,) = found
    assert receipt["outcome"] == "refused"
    assert {blocker["object"]: blocker["reason"] for blocker in receipt["blockers"]} == told
    remedies = {blocker["remedy"] for blocker in receipt["blockers"]}
    again = f"underway plan {PLAYBOOK} --cluster kind-config.yaml --cluster manifests --out {out}"
    assert remedies == {f"plan again: {again}"}


def test_all_that_has_changed_is_told_at_once_together_with_what_is_in_the_way(out: Path, tmp_path: Path) -> None:
    save(out)
    bare = tmp_path / "bare.yaml"
    bare.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: shop}\n"
        "spec: {nodeName: underway-worker, containers: [{name: a, image: a}]}\n"
    )
    status, found = events(
        str(out), *changed_shop(tmp_path, "minAvailable: 2", "minAvailable: 1"), "--cluster", str(bare)
    )
    told = {(blocker["object"], blocker["reason"].partition(":")[0]) for blocker in found[-1]["blockers"]}
    assert status == 4
    assert told >= {
        ("poddisruptionbudget/shop/web", "minAvailable was 2, now 1"),
        ("pod/shop/bare", "is new on node/underway-worker (verdict blocked)"),
        ("pod/shop/bare", "it has no controller"),
    }


def test_of_a_plan_of_another_cluster_twenty_differences_are_shown_and_all_are_counted(
    out: Path, tmp_path: Path
) -> None:
    save(out)
    other = tmp_path / "kind.yaml"
    text = (HERE / "kind-config.yaml").read_text()
    other.write_text(text.replace("name: underway", "name: other", 1) + "- role: worker\n" * 15)
    arguments = (str(out), "--cluster", str(other), "--cluster", "manifests/")
    status, found = events(*arguments)
    assert status == 4
    differences = len(found[-1]["blockers"])
    assert differences > 20
    ended = underway("rehearse", *arguments)
    assert ended.status == 4
    assert f"{differences} objects are not as planned, 20 are shown; -o json names them all" in ended.err
    assert f"the plan was made on kind-config.yaml, manifests, and this is {other}, manifests" in ended.err
    assert ended.err.count("\n  - ") == 20
    assert ended.err.count("plan again: ") == 1


def test_with_something_in_the_way_nothing_is_saved(out: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.yaml"
    bare.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: shop}\n"
        "spec: {nodeName: underway-worker, containers: [{name: a, image: a}]}\n"
    )
    refused = save(out, "--cluster", str(bare), status=4)
    assert "cannot be run" in refused.out
    assert refused.err == "not saved: there is nothing to carry out while something is in the way\n"
    assert not out.exists()
    out.write_text("an earlier plan")
    assert f"{out} is as it was" in save(out, "--cluster", str(bare), status=4).err
    assert out.read_text() == "an earlier plan"


def test_a_plan_that_changes_nothing_can_be_saved(out: Path, tmp_path: Path) -> None:
    soak = tmp_path / "soak.yaml"
    soak.write_text(HEAD + "spec: {steps: [{soak: {for: 1s}}]}\n")
    save(out, "--detailed-exitcode", playbook=str(soak))
    assert events(str(out), *SHOP)[0] == 0


# -- files that are none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "rehearse"])
def test_a_plan_that_is_cut_off_is_told(command: str, out: Path) -> None:
    save(out)
    out.write_bytes(out.read_bytes()[:3000])
    ended = underway(command, str(out), *(SHOP if command == "rehearse" else ("--yes",)))
    assert ended.status == 2
    assert f"error: {out}: the saved plan is cut off or damaged" in ended.err
    assert "hint: make it anew: underway plan PLAYBOOK --out FILE" in ended.err


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_plan_as_it_is_printed_is_not_taken_for_a_saved_one(form: str, out: Path) -> None:
    out.write_text(underway("plan", PLAYBOOK, *SHOP, "-o", form).out)
    ended = underway("run", str(out), "--yes")
    assert ended.status == 3
    assert "this is a plan as it is printed" in ended.err
    assert "--out FILE" in ended.err


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_what_takes_playbooks_only_says_so(command: str, out: Path) -> None:
    save(out)
    ended = underway(command, str(out), *(SHOP if command == "plan" else ()))
    assert ended.status == 3
    assert "this is a saved plan, not a playbook" in ended.err


def test_a_plan_comes_from_standard_input_too_however_large(out: Path) -> None:
    save(out)
    plan = json.loads(out.read_bytes())
    plan["plan"]["assumptions"] *= 2000
    out.write_text(json.dumps(plan, indent=1))
    assert out.stat().st_size > 2**20
    program = [sys.executable, "-m", "underway", "rehearse", "-", *SHOP, "-q"]
    piped = subprocess.run(program, cwd=HERE, input=out.read_bytes(), capture_output=True, timeout=60, check=False)
    assert piped.returncode == 0, piped.stderr


def test_a_playbook_in_json_is_a_playbook(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.json"
    spec = {"steps": [{"name": 'says "kind": "SavedPlan"', "soak": {"for": "1s"}}]}
    metadata = {"name": "x", "description": '"kind":"SavedPlan"'}
    playbook.write_text(
        json.dumps({"apiVersion": "underway.dev/v1alpha1", "kind": "Playbook", "metadata": metadata, "spec": spec})
    )
    assert underway("validate", str(playbook)).status == 0


# -- where a plan cannot go ----------------------------------------------------------------------------------------


def test_a_place_that_cannot_be_written_is_told_before_anything_is_planned(tmp_path: Path) -> None:
    inputs = tmp_path / "playbook.yaml"
    inputs.write_text(HEAD + "spec: {steps: [{soak: {for: 1s}}]}\n")
    for out, told in (
        (tmp_path, "it is a directory"),
        (tmp_path / "no" / "plan", "there is no directory"),
        ("-", "that is standard output"),
        ("/dev/stdout", "that is standard output"),
        (inputs, "would write over what the plan is made of"),
    ):
        ended = underway("plan", str(inputs), "--cluster", "/nowhere", "--out", str(out))
        assert ended.status == 2
        assert told in ended.err
        assert ended.out == ""
    assert inputs.read_text().endswith("{for: 1s}}]}\n")


def test_a_full_disk_is_told_and_nothing_is_printed_as_if_it_were_saved() -> None:
    ended = underway("plan", PLAYBOOK, *SHOP, "--out", "/dev/full")
    assert ended.status == 2
    assert "no space left on device" in ended.err
    assert "saved to" not in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_somebody_else_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    ended = underway("plan", PLAYBOOK, *SHOP, "--out", str(tmp_path / "plan"))
    tmp_path.chmod(0o700)
    assert ended.status == 2
    assert "permission denied" in ended.err


def test_behind_a_link_it_is_the_file_that_is_written(out: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(out)
    save(link)
    assert link.is_symlink()
    assert json.loads(out.read_bytes())["kind"] == "SavedPlan"
