"""What a test may ask of a report, on a run that was written by hand."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.plugin.report import Report
from tests.builders import KEEPS_ALL, Story, a_case
from tests.report.samples import a_run

NOTE = "tool:crm%2Enote#1"


def reported() -> Report:
    story = Story(f"crash@{NOTE}/between").life().kept("model#1").entered(NOTE).sent("POST crm.test", NOTE, "k").crash()
    story.life().entered(NOTE).sent("POST crm.test", NOTE, "k").left(NOTE).finished()
    case = a_case(story, Story().life().kept("model#1").ran(NOTE).finished())
    return Report(a_run(), case.history, case.baseline, case.scenario, KEEPS_ALL, "harness run ...")


@pytest.mark.parametrize("step", [NOTE, "tool:crm.note#1"])
def test_a_step_is_asked_for_as_it_is_shown_or_by_its_id(step: str) -> None:
    assert reported().attempts(step) == 2
    assert reported().replayed("model#1")


def test_a_step_that_is_not_there_is_refused_with_the_nearest_as_it_is_shown() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'tool:crm\.note#1'"):
        reported().attempts("tool:crm.notes#1")


def test_a_tool_that_sent_the_same_key_twice_reached_the_world_once() -> None:
    reported().effects("crm.note").once()
