"""One example: which runs it takes, and that what was begun early is never taken for something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.contract import ToolPolicy
from harness.errors import UsageError
from harness.explore.properties import close_benches
from harness.explore.properties.trials import Fair, Guess, Unfit, fair, play
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


@pytest.mark.parametrize("script", [None, [CALL, "done"]], ids=["automatic", "said"])
def test_a_key_that_is_no_argument_is_a_mistake_and_no_finding(script: object) -> None:
    mistaken = STRUCK.model_copy(update={"script": script, "tools": {"charge": ToolPolicy.parse("keyed:cent")}})

    with pytest.raises(UsageError, match=r"keyed by 'cent'.*did you mean 'cents'\?") as caught:
        play(mistaken)

    assert not isinstance(caught.value, Unfit)


def test_a_conversation_that_leaves_out_the_key_is_unfit_where_others_have_it() -> None:
    """The model may give a list without items, and the key is its first one."""
    scenario = Scenario.make(
        subject="fixtures.agents.gallery:plain",
        script=[{"call": "count", "args": {"things": []}}, "done"],
        tools={"count": "keyed:things[0]"},
    )

    with pytest.raises(Unfit, match="keyed by"):
        play(scenario)
