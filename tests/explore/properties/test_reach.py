"""A search that goes elsewhere: what it turns down, and what it never does."""

from __future__ import annotations

from harness.explore.properties.reach import Reach
from harness.history import History
from harness.scenario import Scenario
from tests.builders import Story


def history() -> History:
    return Story().life().kept("model#1").kept("run").history()


def crashed(prompt: str, plan: str = "crash@model#1/before") -> Scenario:
    return Scenario.make(subject="m:agent", prompt=prompt, faults=[plan])


def test_what_strikes_where_another_has_struck_is_turned_down_every_second_time() -> None:
    reach = Reach()

    assert [reach.wants(crashed(prompt), history()) for prompt in "abcd"] == [True, False, True, False]


def test_what_strikes_elsewhere_is_wanted() -> None:
    reach = Reach()

    assert reach.wants(crashed("a"), history())
    assert reach.wants(crashed("a", "crash@model#1/after"), history())


def test_what_was_wanted_once_is_wanted_again() -> None:
    reach = Reach()

    assert [reach.wants(crashed("a"), history()) for _ in range(3)] == [True, True, True]


def test_after_a_failure_everything_is_wanted() -> None:
    reach = Reach()
    reach.wants(crashed("a"), history())
    reach.fail()

    assert [reach.wants(crashed(prompt), history()) for prompt in "bcd"] == [True, True, True]
