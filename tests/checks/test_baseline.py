"""Two fault-free runs: what varies is left out, what takes another way is a difference."""

from __future__ import annotations

import pytest

from harness.checks import Baseline, Difference, compare
from harness.history import SHOWN
from tests.builders import Story

CHARGE = "tool:charge#1"


def run(**values) -> Story:
    story = Story(started=values.pop("started", 1_800_000_000.0)).life().kept("model#1")
    story.kept(CHARGE, values.pop("result", "paid"), arguments=values.pop("arguments", {"cents": 5}))
    return story.finished(**values)


def compared(one: Story, other: Story) -> Baseline:
    baseline = compare(one.history(), other.history())
    assert isinstance(baseline, Baseline)
    return baseline


def parted(one: Story, other: Story) -> Difference:
    difference = compare(one.history(), other.history())
    assert isinstance(difference, Difference)
    return difference


def test_two_equal_runs_have_nothing_volatile():
    baseline = compared(run(), run())
    assert baseline.volatile == frozenset()
    assert baseline.steps == ("model#1", CHARGE)
    assert baseline.recorded == {"model#1", CHARGE}


def test_pids_lines_and_times_of_the_journal_do_not_matter():
    other = run(started=1_900_000_000.0)
    other.pid += 77
    assert compared(run(), other).volatile == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ({"output": {"id": "a1"}}, {"output": {"id": "b2"}}, "outcome#1.output.id"),
        ({"output": ["x"]}, {"output": ["x", "y"]}, "outcome#1.output[1]"),
        ({"result": {"receipt": 1}}, {"result": {"receipt": 2}}, f"{CHARGE}.result.receipt"),
        ({"arguments": {"at": "9"}}, {"arguments": {"at": "8"}}, f"{CHARGE}.arguments.at"),
        ({"messages": [{"parts": "a"}]}, {"messages": [{"parts": "b"}]}, "outcome#1.messages[0].parts"),
    ],
)
def test_values_that_differ_are_listed_by_path(one, other, path):
    assert compared(run(**one), run(**other)).volatile == {path}


def test_ids_that_pydantic_ai_makes_per_run_are_known_by_name():
    one = run(messages=[{"run_id": "1", "conversation_id": "1", "timestamp": "1"}])
    other = run(messages=[{"run_id": "2", "conversation_id": "2", "timestamp": "2"}])
    assert compared(one, other).volatile == frozenset()


def test_a_field_of_the_persons_own_that_is_called_timestamp_is_a_value_like_others():
    assert compared(run(output={"timestamp": "1"}), run(output={"timestamp": "2"})).volatile == {
        "outcome#1.output.timestamp"
    }


def test_a_step_that_only_one_run_has_is_a_difference():
    longer = Story().life().kept("model#1").kept(CHARGE).kept("model#2").finished()
    difference = parted(run(), longer)
    assert difference.step == "model#2"
    assert difference.sentence == "`model#2` ran not at all in the first fault-free run and 1 time in the second"


def test_a_step_that_ran_more_often_is_a_difference():
    twice = Story().life().kept("model#1").kept(CHARGE).kept(CHARGE).finished()
    assert (
        parted(twice, run()).sentence == f"`{CHARGE}` ran 2 times in the first fault-free run and 1 time in the second"
    )


def test_the_order_of_parallel_steps_is_no_difference():
    one = Story().life().kept("tool:a#1").kept("tool:b#1").finished()
    other = Story().life().kept("tool:b#1").kept("tool:a#1").finished()
    assert compared(one, other).volatile == frozenset()


def test_runs_that_end_otherwise_are_a_difference():
    failed = Story().life().kept("model#1").kept(CHARGE).failed().dies("exit").ended()
    assert "ended with 'ok' in the first fault-free run and ended with 'error'" in parted(run(), failed).sentence
    unended = Story().life().kept("model#1").kept(CHARGE)
    assert "did not end in the second" in parted(run(), unended).sentence


def test_the_order_in_which_tools_are_shown_is_compared():
    def showing(*tools: str) -> Story:
        story = run()
        story.observed(SHOWN, {"step": "model#1", "tools": list(tools)})
        return story

    assert compared(showing("a", "b"), showing("b", "a")).volatile == {"model#1.tools[0]", "model#1.tools[1]"}
    assert compared(showing("a", "b"), showing("a", "b")).volatile == frozenset()


def test_in_which_order_parallel_steps_cause_effects_is_no_difference_between_these():
    def both(*steps: str) -> Story:
        story = Story().life()
        for step in steps:
            story.effect("charge", step, key=f"key of {step}")
        return story.finished()

    one, other = both("step:charge#1", "step:charge#2"), both("step:charge#2", "step:charge#1")
    assert compared(one, other).volatile == frozenset()
