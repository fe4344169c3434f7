"""A failure prints a file: what is read back is what failed, and it fails again without Hypothesis."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, given

from harness.explore.properties import DoesNotSurvive, durable, scenarios, survives, surviving
from harness.explore.properties.reproduction import to_yaml
from harness.explore.properties.trials import Trial, play
from harness.explore.sweep import run
from harness.faults import FaultPlan
from harness.scenario import Scenario
from harness.verdict import Status

TILL = "fixtures.agents.till:agent"
SCENARIOS = {
    "the least": {"subject": "m:agent"},
    "texts": {
        "subject": "m:agent",
        "prompt": "no",
        "script": ["yes", "12:30", "naïve — 東京 🎉", " a\nb\u2028c ", "~"],
    },
    "policies": {"subject": "m:agent", "tools": {"find": "repeatable", "charge": "keyed:order_id"}},
    "calls": {
        "subject": "m:agent",
        "engine": "dbos",
        "script": [{"call": "charge", "args": {}, "on_retry": {"args": {"cents": 5, "at": "2024-01-01", "on": True}}}],
        "faults": ["crash@model#1/before", "2*error(503)@model#2"],
    },
    "several runs": {
        "subject": "m:agent",
        "script": [["done"], ["done"]],
        "invocations": [{}, {"prompt": "again", "continues": 1}],
        "lives": [[1], [2], [1]],
    },
}


@pytest.mark.parametrize("given", SCENARIOS.values(), ids=SCENARIOS)
def test_what_is_written_is_read_back(given: dict[str, object], tmp_path: Path) -> None:
    scenario = Scenario.make(**given)
    file = tmp_path / "scenario.yaml"
    file.write_text(to_yaml(scenario), "utf-8")

    assert Scenario.from_yaml(file) == scenario


def test_a_password_is_not_written() -> None:
    scenario = Scenario.make(subject="m:agent", engine="dbos", options={"url": "postgresql://me:secret@host/db"})

    assert "secret" not in to_yaml(scenario)


def test_a_failure_tells_what_to_do_and_prints_a_file_that_fails_again(tmp_path: Path) -> None:
    tools = {"charge": "once"}
    scenario = Scenario.make(subject=TILL, tools=tools, faults=["crash@tool:charge#1/between"])

    with pytest.raises(DoesNotSurvive) as caught:
        survives(scenario)

    said, _, printed = str(caught.value).partition("does it again:\n\n")
    file = tmp_path / "found.yaml"
    file.write_text(printed, "utf-8")
    saved = Scenario.from_yaml(file)
    assert "does not survive crash@tool:charge#1/between" in said
    assert "To do:" in said
    assert (saved.expected, bool(saved.why)) == (Status.PASSED, True)
    assert run(saved, out=tmp_path).status is Status.FAILED


def found(monkeypatch: pytest.MonkeyPatch, again: list[bool]) -> str:
    """What a property says of a failure that is looked at again; `again` tells whether it then fails, time by time."""
    looks = iter(again)
    struck = Scenario.make(subject=TILL, tools={"charge": "once"}, faults=["crash@tool:charge#1/between"])
    failed, passed = play(struck), play(struck.with_plan(FaultPlan.parse("crash@model#1/before")))
    looking: list[bool] = []

    def played(_scenario: Scenario, **_asked: object) -> Trial:
        return failed if not looking or next(looks) else passed

    def simplest(scenario: Scenario, *_asked: object, **_more: object) -> Scenario:
        looking.append(True)
        return scenario

    monkeypatch.setattr(surviving, "play", played)
    monkeypatch.setattr(surviving, "simplest", simplest)

    @given(scenarios(TILL, script=["done"]))
    @durable(max_examples=5, derandomize=True, database=None, phases=[Phase.generate])
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(DoesNotSurvive) as caught:
        holds()
    assert not list(looks)
    return str(caught.value)


def test_a_failure_that_does_not_come_again_says_how_often_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rare = [False, True, False, False, True, *[False] * 4]

    assert "It failed in 3 of 10 runs" in found(monkeypatch, rare)


def test_of_a_failure_that_comes_again_nothing_more_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "may pass" not in found(monkeypatch, [True])
