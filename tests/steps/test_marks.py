"""What a run writes on objects is enough to give them back as they were."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from states import HASH, NOW, RUN, budget, detached, node, patched, pod, withdrawn

from underway.cluster.model import Pod
from underway.cluster.podspec import Taint
from underway.cluster.state import MARK
from underway.cluster.ties import original_labels
from underway.steps import marks

NAMES = st.text("abcdefg-./", min_size=1, max_size=8)
LABELS = st.dictionaries(NAMES, st.text("xyz019", max_size=5), max_size=6)


def _noted(found: Pod, name: str, text: str) -> Pod:
    return msgspec.structs.replace(found, annotations={**found.annotations, name: text})


@given(LABELS, st.data(), st.integers(0, 9), st.timedeltas(timedelta(), timedelta(hours=2)))
def test_a_pod_gets_exactly_its_labels_back(
    labels: dict[str, str], data: st.DataObject, needed: int, settle: timedelta
) -> None:
    labels = {**labels, HASH: "1"}
    keys = tuple(sorted(data.draw(st.sets(st.sampled_from(sorted(labels))))))
    settle = timedelta(milliseconds=settle // timedelta(milliseconds=1))
    before = pod("web", labels=labels)
    taken = patched(before, marks.detach(before, RUN, key=HASH, withdraw=keys, needed=needed, settle=settle))
    assert marks.pod_run(taken) == RUN
    assert marks.needed(taken) == needed
    assert marks.settle_time(taken) == settle
    assert marks.with_original_labels(taken) == labels
    assert HASH not in taken.labels

    out = patched(taken, marks.withdraw(taken, keys, NOW))
    assert marks.stage(out) == "withdrawn"
    assert marks.withdrawn_at(out) == NOW
    assert not out.labels.keys() & set(keys)
    assert marks.with_original_labels(out) == labels

    for marked in (taken, out):
        back = patched(marked, marks.reattach(marked))
        assert back.labels == labels
        assert back.annotations == {}


def test_reattaching_leaves_labels_and_annotations_that_others_wrote_meanwhile() -> None:
    before = detached("web")
    other = msgspec.structs.replace(
        before, labels={**before.labels, "team": "x"}, annotations={**before.annotations, "else": "y"}
    )
    back = patched(other, marks.reattach(other))
    assert back.labels == {"app": "web", HASH: "1", "team": "x"}
    assert back.annotations == {"else": "y"}


def test_a_detach_is_refused_if_the_pod_has_changed_since() -> None:
    found = pod("web", resource_version="41")
    patch = marks.detach(found, RUN, key=HASH, withdraw=(), needed=1, settle=timedelta())
    assert (patch.resource_version, patch.uid) == ("41", found.uid)


def test_unreadable_labels_are_no_labels() -> None:
    for text in ("", "{", "[1]", "null", '"x"'):
        assert original_labels(_noted(detached("web"), marks.LABELS, text)) == {}


def test_an_unreadable_number_needed_counts_as_one() -> None:
    for text in ("", "-1", "two", "1.5"):
        assert marks.needed(_noted(detached("web"), marks.NEEDED, text)) == 1


def test_an_unreadable_settle_time_counts_as_three_seconds() -> None:
    for text in ("", "3", "soon"):
        assert marks.settle_time(_noted(detached("web"), marks.SETTLE, text)) == timedelta(seconds=3)


def test_an_unreadable_moment_is_none() -> None:
    assert marks.withdrawn_at(_noted(withdrawn("web"), marks.WITHDRAWN_AT, "yesterday")) is None
    assert marks.recounted_at(budget(annotations={marks.RECOUNTED_AT: "yesterday"})) is None


def test_the_pod_of_a_runs_own_job_is_no_handoff() -> None:
    assert marks.pod_run(pod("job", labels={MARK: RUN})) is None


# -- nodes -------------------------------------------------------------------------------------------------------


def test_a_node_is_as_before_after_each_mark_and_give_back() -> None:
    theirs = Taint("dedicated", "NoSchedule", "db")
    before = node("a", taints=(theirs,), annotations={"underway.dev/else": "kept"})
    announced = patched(before, marks.announce_node(before, RUN))
    assert [taint.key for taint in announced.taints] == ["dedicated", marks.PENDING_TAINT]
    assert marks.run_of(announced) == RUN
    cordoned = patched(announced, marks.cordon(announced, RUN))
    assert cordoned.unschedulable
    entered = patched(cordoned, marks.enter(cordoned, "maintaining"))
    assert entered.annotations[marks.PHASE] == "maintaining"
    for marked in (announced, cordoned, entered):
        assert patched(marked, marks.give_back(marked, RUN, done=False)) == before


def test_announcing_twice_leaves_one_taint() -> None:
    once = patched(node("a"), marks.announce_node(node("a"), RUN))
    assert patched(once, marks.announce_node(once, RUN)) == once


def test_a_node_that_is_done_is_schedulable_and_keeps_the_runs_mark() -> None:
    cordoned = patched(node("a"), marks.cordon(node("a"), RUN))
    done = patched(cordoned, marks.give_back(cordoned, RUN, done=True))
    assert not done.unschedulable
    assert done.annotations == {MARK: RUN, marks.PHASE: "done"}
    assert patched(done, marks.give_back(done, RUN, done=False)) == node("a")


def test_somebody_elses_cordon_stays() -> None:
    theirs = node("a", unschedulable=True)
    taken = patched(theirs, marks.cordon(theirs, RUN))
    assert marks.CORDONED not in taken.annotations
    assert patched(taken, marks.give_back(taken, RUN, done=False)) == theirs
    patch = marks.give_back(taken, RUN, done=True)
    assert (patch.unschedulable, patch.says) == (None, "remove the marks")


def test_an_earlier_runs_cordon_counts_as_somebody_elses() -> None:
    earlier = patched(node("a"), marks.cordon(node("a"), "run-0"))
    taken = patched(earlier, marks.cordon(earlier, RUN))
    assert marks.run_of(taken) == RUN
    assert patched(taken, marks.give_back(taken, RUN, done=False)).unschedulable


def test_cordoning_twice_still_knows_the_cordon_for_ours() -> None:
    once = patched(node("a"), marks.cordon(node("a"), RUN))
    twice = patched(once, marks.cordon(once, RUN))
    assert twice == once
    assert patched(twice, marks.give_back(twice, RUN, done=False)) == node("a")


def test_a_write_on_a_node_carries_its_resource_version() -> None:
    found = node("a")
    for patch in (
        marks.announce_node(found, RUN),
        marks.cordon(found, RUN),
        marks.enter(found, "x"),
        marks.give_back(found, RUN, done=True),
    ):
        assert (patch.uid, patch.resource_version) == (found.uid, "7")


# -- budgets -----------------------------------------------------------------------------------------------------


def test_a_budget_is_as_before_after_a_recount() -> None:
    touched = patched(budget(), marks.recount(budget(), RUN, NOW))
    assert marks.run_of(touched) == RUN
    assert marks.recounted_at(touched) == NOW
    assert patched(touched, marks.forget_recount(touched)) == budget()
