"""What of a prompt is made anew in each life is known from what two runs have said."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks.base import Case
from harness.checks.baseline import Baseline
from harness.checks.cache import cache
from harness.checks.prompts import varying_prompt
from harness.history import SHOWN
from harness.scenario import Scenario
from harness.verdict import Status
from tests.builders import KEEPS_ALL, Story

SYSTEM = [{"kind": "request", "parts": [{"part_kind": "system-prompt", "content": "at 12:00"}]}]
LATER = [{"kind": "request", "parts": [{"part_kind": "system-prompt", "content": "at 12:01"}]}]
TOLD = [{"kind": "request", "instructions": "b, a", "parts": [{"part_kind": "user-prompt", "content": "x"}]}]
OTHER = [{"kind": "request", "instructions": "a, b", "parts": [{"part_kind": "user-prompt", "content": "y"}]}]


def case(usual: Any, seen: Any, *volatile: str) -> Case:
    story = Story("crash@model#2/before").life().ran("model#1", unit="7").crash().life().ran("model#1", unit="8")
    shown = {"step": "model#1", "tools": ["pay", "ask"]}
    baseline = Story().life().kept("model#1").observed(SHOWN, shown).finished(messages=usual).history()
    history = story.finished(messages=seen).history()
    scenario = Scenario.make(subject="shop:agent", engine="none", faults=["crash@model#2/before"])
    return Case(history, Baseline(baseline, frozenset(volatile)), scenario, KEEPS_ALL)


@pytest.mark.parametrize(
    ("usual", "seen", "volatile", "said"),
    [
        pytest.param(TOLD, TOLD, (), "", id="nothing"),
        pytest.param(SYSTEM, LATER, (), "the instructions", id="a system prompt"),
        pytest.param(TOLD, OTHER, (), "the instructions", id="instructions"),
        pytest.param(TOLD, [{**TOLD[0], "parts": OTHER[0]["parts"]}], (), "", id="another prompt is no instruction"),
        pytest.param(TOLD, TOLD, ("model#1.tools[0]",), "the order of the tools", id="tools"),
        pytest.param(TOLD, OTHER, ("model#1.tools[1]",), "the instructions and the order of the tools", id="both"),
        pytest.param(None, None, (), "", id="no messages"),
        pytest.param(TOLD, TOLD, ("tool:ask#1.result.words.pay",), "", id="a result with a field of that name"),
        pytest.param(TOLD, TOLD, ("tool:ask#1.arguments.deps",), "", id="an argument of that name"),
    ],
)
def test_what_varies_in_a_prompt(usual: Any, seen: Any, volatile: tuple[str, ...], said: str) -> None:
    assert varying_prompt(case(usual, seen, *volatile)) == said


DEF, GHI = {"def": "1"}, {"def": "2"}


@pytest.mark.parametrize(
    ("anew", "volatile", "said"),
    [
        pytest.param({"tools": ["pay", "ask"], "words": DEF}, (), "", id="the same"),
        pytest.param({"tools": ["pay"], "words": DEF}, (), "the tools", id="fewer"),
        pytest.param({"tools": ["pay", "ask"], "words": GHI}, (), "the descriptions of the tools", id="other words"),
        pytest.param(
            {"tools": ["pay", "ask"], "words": DEF},
            ("model#1.words.pay",),
            "the descriptions of the tools",
            id="words that are never the same",
        ),
        pytest.param({"tools": ["pay", "ask"]}, ("model#1.tools[0]",), "the order of the tools", id="another order"),
        pytest.param({"tools": ["pay", "ask"], "deps": "2"}, (), "the deps", id="other deps"),
        pytest.param({"tools": ["pay", "ask"], "deps": "1"}, ("model#1.deps",), "the deps", id="deps that vary"),
    ],
)
def test_what_varies_in_the_tools_that_a_later_life_shows(
    anew: dict[str, Any], volatile: tuple[str, ...], said: str
) -> None:
    usually = {
        "step": "model#1",
        "tools": ["pay", "ask"],
        "words": anew.get("words") and DEF,
        "deps": anew.get("deps") and "1",
    }
    baseline = Story().life().kept("model#1").observed(SHOWN, usually).finished().history()
    story = Story("crash@model#2/before").life().ran("model#1").crash().life().ran("model#1")
    history = story.observed(SHOWN, {"step": "model#1", **anew}).finished().history()
    scenario = Scenario.make(subject="shop:agent", engine="none", faults=["crash@model#2/before"])
    assert varying_prompt(Case(history, Baseline(baseline, frozenset(volatile)), scenario, KEEPS_ALL)) == said


def test_a_record_that_was_missed_by_another_prompt_was_not_asked_for() -> None:
    assert cache(case(TOLD, TOLD)).status is Status.FAILED
    assert cache(case(TOLD, OTHER)).status is Status.PASSED
