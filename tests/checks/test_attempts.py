"""Retries: which are hopeless, and which nothing explains."""

from __future__ import annotations

import pytest

from harness.checks.attempts import attempts
from harness.verdict import Finding, Owner, Severity
from tests.builders import Story, a_case

CHARGE = "tool:charge#1"


def usual() -> Story:
    return Story().life().kept("model#1", arguments={"model": "big"}).kept(CHARGE).kept("model#2").finished()


def found(story: Story, baseline: Story | None = None) -> list[Finding]:
    return list(attempts(a_case(story, baseline or usual())).findings)


def injected(argument: str, *, again: bool = True, model: str = "big") -> Story:
    fault = f"error({argument})@model#1"
    story = Story(fault).life().fires(fault)
    return (story.kept("model#1", arguments={"model": model}) if again else story).finished()


@pytest.mark.parametrize(
    "argument", ["401", "400", "404", "422", "UserError", "pydantic_ai.exceptions.UsageLimitExceeded: too much"]
)
def test_an_error_that_will_come_again_is_not_to_be_retried(argument):
    (finding,) = found(injected(argument))
    assert (finding.rule, finding.step, finding.severity) == ("hopeless-retry", "model#1", Severity.ERROR)
    assert finding.owner is Owner.CONFIGURATION


@pytest.mark.parametrize("argument", ["503", "500", "429", "408", "TimeoutError", "ConnectionError: UserError"])
def test_an_error_that_may_pass_is_rightly_retried(argument):
    assert found(injected(argument)) == []


def test_an_error_that_nobody_retried_is_no_retry():
    assert found(injected("401", again=False)) == []


def test_a_fault_that_fired_twice_was_retried_in_between():
    fault = "2*error(401)@model#1"
    assert [finding.rule for finding in found(Story(fault).life().fires(fault).fires(fault).failed())] == [
        "hopeless-retry"
    ]


def test_an_attempt_in_another_life_is_a_recovery():
    fault = "error(401)@model#1"
    assert found(Story(fault).life().fires(fault).dies("death").life().kept("model#1").finished()) == []


def test_a_fallback_to_another_model_is_no_retry():
    assert found(injected("401", model="small")) == []


@pytest.mark.parametrize(
    ("error", "rules"),
    [
        ("UserError: no such tool", ["hopeless-retry"]),
        ("ModelHTTPError: status_code: 403, model_name: x", ["hopeless-retry"]),
        ("ModelHTTPError: status_code: 503, model_name: x", []),
        ("ValueError: odd", []),
    ],
)
def test_the_errors_of_a_body_itself_are_judged_too(error, rules):
    story = Story().life().kept("model#1").ran(CHARGE, error=error).kept(CHARGE, attempt=2).kept("model#2").finished()
    assert [finding.rule for finding in found(story, story)] == rules
    assert all(f"failed with {error.split(':')[0]}, which" in finding.message for finding in found(story, story))


# Attempts that nothing explains -------------------------------------------------------------------------------


def crashed() -> Story:
    return Story("crash@model#2/before").life().kept("model#1").kept(CHARGE).crash().life()


def test_a_body_that_fails_only_in_a_recovered_run_is_told():
    story = Story(f"crash@{CHARGE}/between").life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE).crash()
    story.life().ran(CHARGE, recorded=True, error="Conflict: already charged").kept(CHARGE, attempt=2).kept("model#2")
    (finding,) = found(story.finished())
    assert (finding.rule, finding.step, finding.owner) == ("failed-by-itself", CHARGE, Owner.TOOL)
    assert "`charge` was tried twice in life 2" in finding.message
    assert "Conflict: already charged" in finding.message


def test_a_body_that_was_given_up_is_told():
    story = crashed().entered("model#2", recorded=True).kept("model#2", attempt=2).finished()
    (finding,) = found(story)
    assert (finding.rule, finding.owner, finding.severity) == ("given-up", Owner.CONFIGURATION, Severity.WARNING)


def test_what_the_fault_free_run_retries_as_often_is_its_own_business():
    story = Story().life().kept("model#1").ran(CHARGE, error="ValueError: odd").kept(CHARGE, attempt=2).finished()
    assert found(story, story) == []


@pytest.mark.parametrize("fault", ["error(503)@model#1", "slow(2s)@tool:charge#1", "crash(server)@model#1/before"])
def test_any_fault_that_somebody_saw_may_explain_a_retry(fault):
    story = Story(fault).life().fires(fault).kept("model#1").ran(CHARGE, error="CancelledError: ")
    assert found(story.kept(CHARGE, attempt=2).finished()) == []


def test_one_attempt_in_each_life_is_a_recovery():
    assert found(crashed().kept(CHARGE).kept("model#2").finished()) == []


def test_a_body_that_had_returned_is_the_business_of_other_checks():
    assert found(crashed().kept("model#2").kept("model#2").finished()) == []


def test_attempts_inside_a_body_that_was_tried_again_are_told_once():
    story = crashed().entered("tool:ask#1").ran("tool:ask#1.model#1", error="boom").left("tool:ask#1", error="boom")
    story.entered("tool:ask#1", attempt=2).ran("tool:ask#1.model#1", attempt=2).left("tool:ask#1").kept("model#2")
    assert [finding.step for finding in found(story.finished())] == ["tool:ask#1"]


def test_the_run_is_entered_as_often_as_it_likes():
    assert found(crashed().ran("run", error="boom").ran("run").kept("model#2").finished()) == []


def test_each_step_is_told_once():
    fault = "2*error(401)@model#1"
    story = Story(fault).life().fires(fault).fires(fault).kept("model#1", arguments={"model": "big"}).finished()
    assert len(found(story)) == 1
