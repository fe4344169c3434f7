"""What a case knows of its own run."""

from __future__ import annotations

import pytest

from harness.checks.base import family
from tests.builders import Story, a_case

CHARGE = "tool:charge#1"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(CHARGE, True, id="the baseline keeps it"),
        pytest.param("tool:search#1", False, id="the baseline does not"),
        pytest.param("tool:charge#2", True, id="a namesake is kept"),
        pytest.param(f"{CHARGE}+1", True, id="the call itself is kept"),
        pytest.param("tool:search#2", False, id="no namesake is kept"),
        pytest.param("tool:refund#1", False, id="nobody knows it"),
    ],
)
def test_whether_a_step_is_recorded_is_known_from_seams(step, expected):
    baseline = Story().life().kept("model#1").kept(CHARGE).ran("tool:search#1").finished()
    assert a_case(Story().life(), baseline).is_recorded(step) is expected


def test_a_step_that_this_run_committed_is_recorded_whatever_the_baseline_says():
    assert a_case(Story().life().kept("tool:new#1"), Story().life()).is_recorded("tool:new#1")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (CHARGE, CHARGE),
        (f"{CHARGE}+2", CHARGE),
        ("tool:ask#1+1.tool:charge#2+3", "tool:ask#1.tool:charge#2"),
        ("run#2.model#1+1", "run#2.model#1"),
    ],
)
def test_a_call_and_its_reissues_are_one_family(step, expected):
    assert family(step) == expected


def test_a_run_has_completed_when_all_that_end_well_have_ended_well():
    both = Story().life().outcome("one").invokes(2).finished("two")
    assert a_case(both, both).completed
    assert not a_case(Story().life().outcome("one"), both).completed
    assert not a_case(Story().life().outcome("one").invokes(2).failed(), both).completed
    assert not a_case(both, Story().life()).completed


def test_effects_belong_to_the_body_during_which_they_happened():
    story = Story().life().entered(CHARGE).effect("one", CHARGE).left(CHARGE).effect("between", CHARGE)
    story.entered(CHARGE).effect("two", CHARGE).effect("inner", f"{CHARGE}.step:a#1").left(CHARGE)
    case = a_case(story, story)
    assert [[effect.name for effect in case.effects(run)] for run in case.history.executions] == [["one"], ["two"]]


def test_faults_that_a_caller_saw_are_not_crashes():
    plan = "crash@model#1/before; error@model#2; duplicate@model#3; slow(1s)@model#4"
    story = (
        Story(plan).life().crash().life().fires("error@model#2").fires("duplicate@model#3").fires("slow(1s)@model#4")
    )
    assert [fault.action for _fired, fault in a_case(story, story).injected] == ["error", "slow"]


def sending(*, declared: bool) -> tuple[str | None, ...]:
    """The keys of a body that posts without one, and perhaps says one of its own."""
    story = Story().life().entered(CHARGE)
    if declared:
        story.effect("charge", CHARGE, "k1")
    case = a_case(story.sent("POST pay.test", CHARGE).left(CHARGE).finished(), Story().life().finished())
    return tuple(event.key for event in case.effects(case.history.by_step[CHARGE][0]))


def test_what_a_body_sends_counts_where_it_declares_nothing():
    assert sending(declared=False) == (None,)
    assert sending(declared=True) == ("k1",)
