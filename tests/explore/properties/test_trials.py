"""One example: which runs it takes, and that what was begun early is never taken for something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.explore.properties import close_benches
from harness.explore.properties.trials import Fair, Guess, fair, play
from harness.faults import FaultPlan
from harness.scenario import Scenario
from harness.verdict import Status
from tests.builders import Story

CALL = {"call": "charge", "args": {"order_id": "order_id", "cents": 1}}
STRUCK = Scenario.make(
    subject="fixtures.agents.till:agent", script=[CALL, "done"], faults=["crash@tool:charge#1/between"]
)
ONCE = Scenario.make(**STRUCK.model_dump(include={"subject", "script", "faults"}), tools={"charge": "once"})


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def guessed(prompt: str, steps: list[str], plan: str) -> tuple[Fair, Scenario]:
    """A new conversation whose fault-free run is guessed to have these steps."""
    scenario = STRUCK.model_copy(update={"prompt": prompt})
    story = Story().life().entered("run", recorded=True)
    for step in steps:
        story.kept(step)
    history = story.left("run").committed("run").history()
    return fair(scenario, Guess(history, scenario.with_plan(FaultPlan.parse(plan)))), scenario


def test_a_run_that_was_begun_on_a_right_guess_is_taken() -> None:
    known, scenario = guessed("right", ["model#1", "tool:charge#1", "model#2"], str(STRUCK.plan))
    assert known.begun is not None
    begun = known.begun[1].result()

    assert known.play(scenario) is begun
    assert [event.fault for event in begun.fired] == ["crash@tool:charge#1/between"]


def test_a_run_that_was_begun_for_another_plan_is_not() -> None:
    known, scenario = guessed("other plan", ["model#1", "tool:charge#1", "model#2"], "crash@model#1/before")

    assert [event.fault for event in known.play(scenario).fired] == ["crash@tool:charge#1/between"]


def test_a_wrong_guess_is_forgotten() -> None:
    known, scenario = guessed("wrong", ["model#1"], "crash@model#1/before")

    assert known.begun is None
    assert [event.fault for event in known.play(scenario).fired] == ["crash@tool:charge#1/between"]


def test_a_warning_about_a_repeat_needs_no_second_fault_free_run() -> None:
    trial = play(STRUCK)

    assert [finding.rule for finding in trial.report.findings] == ["in-flight-ran-again"]
    assert fair(STRUCK).twin is None


def test_what_fails_is_held_against_two_fault_free_runs() -> None:
    trial = play(ONCE)

    assert trial.report.status is Status.FAILED
    assert fair(ONCE).twin is not None
