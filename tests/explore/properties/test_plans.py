"""Fault plans, drawn from a fault-free history that was written by hand."""

from __future__ import annotations

import pytest
from hypothesis import find
from hypothesis.errors import NoSuchExample

from harness.errors import UsageError
from harness.explore.properties import durable, fault_plans
from harness.explore.properties.plans import points, strikes
from harness.faults import FaultPlan
from harness.history import History
from tests.builders import Story

QUIETLY = durable(derandomize=True, database=None)


def history() -> History:
    """Two requests and a call that the engine records, and one that it does not."""
    story = Story().life().kept("model#1").kept("tool:find#1").ran("tool:charge#1").kept("model#2").kept("run")
    return story.finished().history()


def simplest(**wanted: object) -> str:
    plans = fault_plans(history(), **{key: value for key, value in wanted.items() if key != "that"})
    return str(find(plans, wanted.get("that", lambda _: True), settings=QUIETLY))


def test_the_simplest_plan_is_one_crash_before_the_first_step() -> None:
    assert simplest() == "crash@model#1/before"


def test_a_second_fault_is_armed_in_the_second_life_and_strikes_no_earlier() -> None:
    found = simplest(that=lambda plan: len(plan) == 2)

    assert found == "crash@model#1/before; crash@model#1/before~2"


def test_the_earliest_step_comes_before_the_simplest_window() -> None:
    assert simplest(that=lambda plan: plan.faults[0].window == "after") == "crash@model#1/after"


def test_what_is_not_recorded_has_no_moment_after_its_record() -> None:
    drawn: set[str] = set()

    def look(plan: FaultPlan) -> bool:
        drawn.update(fault.window for fault in plan.faults if fault.step == "tool:charge#1")
        return False

    with pytest.raises(NoSuchExample):
        find(fault_plans(history()), look, settings=QUIETLY)
    assert drawn == {"before", "between"}


def test_a_subject_is_run_once_to_know_its_steps() -> None:
    script = [{"call": "charge", "args": {"order_id": "A-1", "cents": 5}}, "done"]
    plans = fault_plans("fixtures.agents.till:agent", engine="journal", script=script, max_faults=1)
    drawn: set[str] = set()

    def look(plan: FaultPlan) -> bool:
        drawn.update(fault.step for fault in plan.faults)
        return False

    with pytest.raises(NoSuchExample):
        find(plans, look, settings=QUIETLY)
    assert drawn == {"model#1", "tool:charge#1", "model#2", "run"}


def test_actions_are_tried_in_the_order_in_which_they_are_given() -> None:
    assert simplest(actions=("error", "crash")) == "error(503)@model#1"


def test_nothing_holds_up_the_run_as_a_whole() -> None:
    with pytest.raises(NoSuchExample):
        find(
            fault_plans(history(), actions=("hang", "slow")),
            lambda plan: any(fault.step == "run" for fault in plan.faults),
            settings=QUIETLY,
        )
    assert {step for step, _ in points(history(), strikes(("hang",)))} == {*history().steps} - {"run"}


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no action 'crush'"):
        strikes(["crush"])


def test_points_are_in_the_order_of_time_and_the_run_ends_last() -> None:
    known = [f"{step}/{kind.window}" for step, kind in points(history(), strikes())]

    assert known[5:9] == ["tool:find#1/after", "tool:charge#1/before", "tool:charge#1/between", "model#2/before"]
    assert known[-1] == "run/after"
