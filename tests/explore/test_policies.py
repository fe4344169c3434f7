"""Policies that fit no tool, or no argument of it, are pointed out with what may have been meant."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.explore.policies import idle, refuse_lost_keys
from harness.scenario import Scenario
from tests.builders import Story


def notes(*named: str) -> list[str]:
    history = Story().life().kept("model#1").ran("tool:charge#1").ran("tool:charge#1.step:post#1").finished().history()
    scenario = Scenario.make(subject="shop:agent", engine="none", tools=dict.fromkeys(named, "once"))
    return list(idle(scenario, history))


def test_a_typing_mistake_comes_with_the_nearest_tool():
    (note,) = notes("chrge")
    assert "'chrge'" in note
    assert "did you mean 'charge'" in note


def test_tools_and_steps_that_ran_are_not_spoken_of():
    assert notes("charge", "post") == []


def keyed_by(key: str, **arguments: object) -> None:
    history = Story().life().kept("model#1").ran("tool:charge#1", arguments=arguments).finished().history()
    scenario = Scenario.make(subject="shop:agent", engine="none", tools={"charge": f"keyed:{key}"})
    refuse_lost_keys(scenario, history)


def test_a_key_that_no_call_has_a_place_for_is_refused_with_the_nearest_place():
    with pytest.raises(UsageError, match=r"'charge' is said to be keyed by 'order.idd'.*did you mean 'order.id'\?"):
        keyed_by("order.idd", order={"id": "o-7"}, to={"email": "a@b"})


def test_what_places_there_are_is_listed_where_none_is_near():
    with pytest.raises(UsageError, match=r"known are 'lines.0.sku', 'to', 'tool_call_id'"):
        keyed_by("reference", lines=[{"sku": "s"}], to="a@b")


@pytest.mark.parametrize("key", ["order.id", "lines[0].sku", "note", "tool_call_id"])
def test_a_place_that_is_there_is_taken_even_when_it_is_empty(key):
    keyed_by(key, order={"id": "o-7"}, lines=[{"sku": "s"}], note=None)
