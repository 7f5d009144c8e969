"""Durations, shares, quantities and selectors read what Kubernetes users write, and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underway.units import (
    Requirement,
    Selector,
    Share,
    format_duration,
    parse_duration,
    parse_quantity,
    parse_selector,
    parse_share,
    selector_from_object,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("3s", 3), ("1m30s", 90), ("2h", 7200), ("1d", 86400), ("1.5h", 5400), ("0s", 0), ("0.1s", 0.1)],
)
def test_a_duration_is_what_its_units_add_up_to(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "3", "s", "3 s", " 3s", "3s ", "-3s", "1h30", "1x", "3S", "٣s", "1..5s", ".5s", "3s\n", "1e3s", "9" * 40],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_a_duration_beyond_measure_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than"):
        parse_duration("999999999d" * 2)


def test_a_million_digits_are_refused_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(ValueError, match="is not a duration") as refused:
        parse_duration("1" * 1_000_000)
    assert time.monotonic() - begun < 1
    assert len(str(refused.value)) < 300


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=3650)))
def test_a_duration_is_read_back_as_it_was_written(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(milliseconds=500), "500ms"),
        (timedelta(microseconds=500), "0.5ms"),
        (timedelta(days=1), "24h"),
        (timedelta(seconds=-90), "-1m30s"),
    ],
)
def test_a_duration_is_written_in_its_shortest_form(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        assert parse_duration(text) >= timedelta()
    except ValueError:
        return


@pytest.mark.parametrize(("value", "share"), [(2, Share(2)), ("2", Share(2)), ("25%", Share(25, percent=True))])
def test_a_share_is_a_number_or_a_percentage(value: str | int, share: Share) -> None:
    assert parse_share(value) == share
    assert parse_share(str(share)) == share


@pytest.mark.parametrize("value", ["", "-1", -1, "25 %", "2.5", "x", "%", "٢", "9" * 5000, True])
def test_what_is_no_share_is_refused(value: str | int) -> None:
    with pytest.raises(ValueError, match=r"negative|neither"):
        parse_share(value)


def test_a_percentage_rounds_as_kubernetes_does() -> None:
    assert Share(25, percent=True).of(10, round_up=True) == 3
    assert Share(25, percent=True).of(10, round_up=False) == 2
    assert Share(100, percent=True).of(10**18 + 1, round_up=False) == 10**18 + 1


@pytest.mark.parametrize(
    ("text", "value"),
    [("250m", "0.25"), ("1", "1"), ("1.5Gi", "1610612736"), ("2e3", "2000"), ("100k", "100000"), ("1E", "1e18")],
)
def test_a_quantity_is_in_its_base_unit(text: str, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gi", "1e99999999999999999999", "٣", "--1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("a=b", [Requirement("a", "In", ("b",))]),
        ("a==b", [Requirement("a", "In", ("b",))]),
        ("a!=b", [Requirement("a", "NotIn", ("b",))]),
        ("a in (b, c)", [Requirement("a", "In", ("b", "c"))]),
        ("a notin (b)", [Requirement("a", "NotIn", ("b",))]),
        ("x.io/a , !b", [Requirement("x.io/a", "Exists"), Requirement("b", "DoesNotExist")]),
        ("a in(b,)", [Requirement("a", "In", ("b", ""))]),
        ("in", [Requirement("in", "Exists")]),
        ("", []),
        (" ", []),
    ],
)
def test_a_selector_is_read_as_kubectl_reads_it(text: str, requirements: list[Requirement]) -> None:
    assert parse_selector(text) == Selector(tuple(requirements))


_KEYS = st.from_regex(r"([a-z]{1,5}\.io/)?[a-z]([-a-z0-9_.]{0,8}[a-z0-9])?", fullmatch=True)
_VALUES = st.from_regex(r"[a-z0-9]([-a-z0-9_.]{0,8}[a-z0-9])?", fullmatch=True)
_SEVERAL = st.lists(_VALUES, min_size=1, max_size=3).map(tuple)
_REQUIREMENTS = st.one_of(
    st.builds(
        Requirement, _KEYS, st.sampled_from(["In", "NotIn"]), st.lists(_VALUES, min_size=1, max_size=3).map(tuple)
    ),
    st.builds(Requirement, _KEYS, st.sampled_from(["Exists", "DoesNotExist"])),
)


def _written(requirement: Requirement, space: str) -> str:
    """As kubectl writes it."""
    key, values = requirement.key, f",{space}".join(requirement.values)
    match requirement.operator:
        case "In" if len(requirement.values) == 1:
            return f"{key}{space}={space}{values}"
        case "NotIn" if len(requirement.values) == 1:
            return f"{key}{space}!={space}{values}"
        case "In" | "NotIn":
            return f"{key} {requirement.operator.lower()}{space}({space}{values}{space})"
        case "Exists":
            return key
        case _:
            return f"!{key}"


@given(st.lists(_REQUIREMENTS, max_size=4), st.sampled_from(["", " "]))
def test_a_selector_is_read_back_as_it_was_written(requirements: list[Requirement], space: str) -> None:
    text = f"{space},{space}".join(_written(requirement, space) for requirement in requirements)
    assert parse_selector(text) == Selector(tuple(requirements))


@given(st.lists(_REQUIREMENTS, min_size=1, max_size=4))
def test_a_selector_is_shown_as_kubectl_reads_it(requirements: list[Requirement]) -> None:
    assert parse_selector(str(Selector(tuple(requirements)))) == Selector(tuple(requirements))


def test_a_selector_that_kubectl_cannot_write_is_shown_too() -> None:
    assert str(Selector()) == "everything"
    assert str(Selector((Requirement("cores", "Gt", ("4",)), Requirement("age", "Lt", ("9",))))) == "cores>4,age<9"


@given(_REQUIREMENTS, st.dictionaries(_KEYS, _VALUES, max_size=3))
def test_a_requirement_and_its_opposite_never_agree(requirement: Requirement, labels: dict[str, str]) -> None:
    opposite = {"In": "NotIn", "NotIn": "In", "Exists": "DoesNotExist", "DoesNotExist": "Exists"}
    other = replace(requirement, operator=opposite[requirement.operator])
    assert requirement.matches(labels) is not other.matches(labels)


@given(st.text(max_size=30))
def test_any_text_is_a_selector_or_a_value_error(text: str) -> None:
    try:
        parse_selector(text).matches({})
    except ValueError as error:
        assert "is not a label selector" in str(error)  # noqa: PT017 - most texts are none, some are


@given(st.text(max_size=20))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    try:
        assert parse_quantity(text).is_finite()
    except ValueError:
        return


@given(st.integers(0, 10**9 - 1), st.booleans())
def test_a_share_is_read_back_as_it_was_written(value: int, percent: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    assert parse_share(str(Share(value, percent=percent))) == Share(value, percent=percent)


@given(st.integers(0, 100), st.integers(0, 10_000))
def test_a_percentage_is_at_most_all_and_rounds_by_less_than_one(percent: int, total: int) -> None:
    down, up = (Share(percent, percent=True).of(total, round_up=rounded) for rounded in (False, True))
    assert 0 <= down <= up <= total
    assert up - down <= 1


@pytest.mark.parametrize(
    "text", [",a=b", "a=b,", "a=b,,c=d", "a b", "a in b", "a in (b", "=b", "!", "a=b c=d", "a in ()", "a in ( )", "é=1"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a label selector"):
        parse_selector(text)


@pytest.mark.parametrize("text", ["a in ()", "a notin ( )", "é=1", "a=é", "a in (b))"])
def test_what_kubectl_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a label selector"):
        parse_selector(text)


def test_not_in_holds_where_the_key_is_missing() -> None:
    assert parse_selector("a!=b").matches({})
    assert not parse_selector("a=b").matches({})


@pytest.mark.parametrize(("value", "more"), [("5", True), ("3", False), ("-5", False), ("--5", False), ("²", False)])
def test_gt_compares_integers_and_nothing_else(value: str, more: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert Requirement("a", "Gt", ("3",)).matches({"a": value}) is more
    assert not Requirement("a", "Gt", ("many",)).matches({"a": value})


def test_a_selector_object_asks_for_all_that_it_names() -> None:
    found = selector_from_object({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]})
    assert found.matches({"a": "b", "c": ""})
    assert not found.matches({"a": "b"})
    assert found.keys() == {"a", "c"}


def test_an_empty_selector_selects_everything() -> None:
    assert Selector().matches({"any": "label"})
