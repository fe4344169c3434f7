"""What was planned happened, no more and no less."""

from __future__ import annotations

from harness.checks.faults_fired import faults_fired
from harness.verdict import Owner, Status
from tests.builders import Story, a_case

PLAN = "crash@tool:charge#1/between"


def usual() -> Story:
    return Story().life().kept("model#1").kept("tool:charge#1").kept("model#2").finished()


def judged(story: Story):
    return faults_fired(a_case(story, usual()))


def test_a_fault_that_fired_passes():
    assert judged(Story(PLAN).life().kept("model#1").crash().life().finished()).status is Status.PASSED


def test_a_plan_without_faults_passes():
    assert judged(usual()).status is Status.PASSED


def test_a_fault_that_never_fired_is_unknown_and_lists_what_ran():
    verdict = judged(Story("crash@tool:charge#2/after").life().kept("model#1").kept("tool:charge#1").finished())
    assert verdict.status is Status.UNKNOWN
    assert "`crash@tool:charge#2/after` never fired: the nearest step that ran is tool:charge#1." in verdict.reason
    assert verdict.reason.endswith("These steps ran: model#1, tool:charge#1.")


def test_a_step_that_ran_without_its_window_is_said_to_have_run():
    verdict = judged(Story(PLAN).life().kept("tool:charge#1").finished())
    assert "the step ran, but its window 'between' was not reached" in verdict.reason


def test_a_workflows_code_that_was_not_held_up_is_said_to_be_such():
    verdict = judged(Story("hang@step:pack#1").life().kept("step:pack#1").kept("step:pack#1.model#1").finished())
    assert verdict.status is Status.UNKNOWN
    assert "`step:pack#1` is a workflow's code, which cannot be held up; name a step in it" in verdict.reason


def test_a_fault_that_struck_there_in_another_window_is_mentioned():
    plan = "delay(1s)@tool:charge#1; crash@tool:charge#1/between"
    verdict = judged(Story(plan).life().fires("delay(1s)@tool:charge#1").kept("tool:charge#1").finished())
    assert "(faults there fired before)" in verdict.reason
    assert "(faults there" not in judged(Story(PLAN).life().kept("tool:charge#1").finished()).reason


def test_a_step_unlike_all_that_ran_has_no_nearest():
    assert "no step like it ran" in judged(Story("hang@sleep#1").life().kept("model#1").finished()).reason


def test_a_fault_that_fired_too_seldom_is_unknown():
    plan = "2*error(503)@model#1"
    verdict = judged(Story(plan).life().fires(plan).kept("model#1").finished())
    assert verdict.status is Status.UNKNOWN
    assert "fired 1 of 2 times" in verdict.reason


def test_a_fault_that_fired_too_often_is_our_own_bug():
    verdict = judged(Story(PLAN).life().crash().life().crash(PLAN).life().finished())
    assert verdict.status is Status.FAILED
    assert (verdict.findings[0].rule, verdict.findings[0].owner) == ("fired-too-often", Owner.HARNESS)
    assert "fired 2 times, and the plan allows 1" in verdict.findings[0].message
    assert len(verdict.findings[0].events) == 2


def test_a_fault_that_nobody_planned_is_our_own_bug():
    verdict = judged(Story().life().fires("hang@model#1").finished())
    assert [finding.rule for finding in verdict.findings] == ["fired-too-often"]


def test_a_glob_stands_for_a_fault_at_every_step():
    story = Story("crash@model*/after").life().kept("model#1").crash("crash@model#1/after").life().kept("model#2")
    assert judged(story.crash("crash@model#2/after").life().finished()).status is Status.PASSED
    one = Story("crash@model*/after").life().kept("model#1").crash("crash@model#1/after").life().kept("model#2")
    assert judged(one.finished()).status is Status.UNKNOWN
