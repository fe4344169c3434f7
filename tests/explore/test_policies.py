"""A policy for a tool that never ran is pointed out, with the tool that may have been meant."""

from __future__ import annotations

from harness.explore.policies import idle
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
