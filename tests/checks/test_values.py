"""Leaf by leaf, and what time it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.checks.values import Clock, mismatches, shown

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC).timestamp()
CLOCK = Clock(NOW, NOW + 5)


def paths(left: object, right: object, hidden: tuple[str, ...] = ()) -> list[str]:
    return [found.path for found in mismatches("v", left, right, (CLOCK, CLOCK), hidden)]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(1, 1, [], id="equal"),
        pytest.param(1, 2, ["v"], id="another number"),
        pytest.param({"a": 1}, {"a": 1, "b": None}, ["v.b"], id="a key more, though empty"),
        pytest.param({"a": [1, 2]}, {"a": [1, 3]}, ["v.a[1]"], id="deep down"),
        pytest.param([1], [], ["v[0]"], id="an item less"),
        pytest.param([1], {"0": 1}, ["v"], id="another shape"),
        pytest.param(None, [], ["v"], id="nothing and an empty list"),
    ],
)
def test_leaves_that_differ(left, right, expected):
    assert paths(left, right) == expected


def test_a_hidden_path_hides_all_below_it():
    assert paths({"a": {"b": 1}, "c": 1}, {"a": {"b": 2}, "c": 2}, ("v.a",)) == ["v.c"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("2026-11-21T09:00:01Z", "2026-11-21T09:00:04Z", id="a timestamp"),
        pytest.param("paid at 2026-11-21 09:00:01.5", "paid at 2026-11-21 09:00:02.75", id="a sentence"),
        pytest.param(NOW + 1, NOW + 2, id="seconds since the epoch"),
        pytest.param(int(NOW * 1000) + 1, int(NOW * 1000) + 9, id="milliseconds since the epoch"),
    ],
)
def test_the_time_of_the_run_itself_never_differs(left, right):
    assert paths(left, right) == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("2000-01-01T00:00:00Z", "2000-01-02T00:00:00Z", id="a time long ago"),
        pytest.param("2026-11-21", "2026-11-22", id="a date without a time"),
        pytest.param("9999-99-99T99:99", "9999-99-99T99:98", id="no time at all"),
        pytest.param(5, 6, id="a small number"),
        pytest.param(True, False, id="a truth"),
    ],
)
def test_every_other_value_does(left, right):
    assert paths(left, right) == ["v"]


def test_each_side_is_read_by_its_own_clock():
    later = Clock(NOW + 10_000_000, NOW + 10_000_001)
    assert list(mismatches("v", NOW, NOW + 10_000_000, (CLOCK, later))) == []


def test_long_values_are_cut_in_the_middle():
    text = shown("a" * 500)
    assert len(text) <= 80
    assert "…" in text
