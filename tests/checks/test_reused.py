"""Calls of a person's own functions that were answered by the key of another call."""

from __future__ import annotations

import pytest

from harness.checks.reused import reused, rightly_reused
from harness.verdict import Finding, Owner, Severity
from tests.builders import Story, a_case

REFUND, AGAIN = "step:refund#1", "step:refund#2"
ANN, BOB = {"order": "a", "at": "noon"}, {"order": "b", "at": "noon"}
LATER = {"order": "a", "at": "night"}


def found(story: Story, **tools: str) -> list[Finding]:
    return list(reused(a_case(story, story, tools=tools)))


def refunds(one: dict[str, str] = ANN, other: dict[str, str] = BOB, **effects: str | None) -> Story:
    """The second is answered with what the first one returned; effects of its body are given with their keys."""
    story = Story().life().asked(REFUND, "k", **one)
    story.unit(REFUND, key="k", until="entered")
    for name, key in effects.items():
        story.effect(name, REFUND, key)
    return story.unit_left(REFUND).committed(REFUND).asked(AGAIN, "k", found=True, **other).finished()


def test_what_was_asked_for_with_other_arguments_and_never_ran_is_told_with_both():
    (finding,) = found(refunds(refund=None))
    assert (finding.rule, finding.step, finding.owner) == ("cached-never-ran", AGAIN, Owner.CONFIGURATION)
    assert finding.severity is Severity.ERROR
    assert f"answered `{AGAIN}` with what it had recorded for `{REFUND}`" in finding.message
    assert "`order` ('a' and 'b')" in finding.message
    assert "`at`" not in finding.message
    assert "(`refund`) was not done" in finding.message
    assert "depend on `order` too" in finding.remedy
    assert "--tools refund=keyed:ARGUMENT" in finding.remedy


def test_where_nothing_was_done_to_the_world_an_argument_may_be_left_out_on_purpose():
    (finding,) = found(refunds())
    assert (finding.severity, "was not done" in finding.message) == (Severity.WARNING, False)


@pytest.mark.parametrize(
    ("other", "key", "severity"),
    [
        pytest.param(LATER, "a", None, id="the argument that is the key is the same"),
        pytest.param(BOB, "a", Severity.ERROR, id="the argument that is the key is another"),
        pytest.param(LATER, "refund-a", Severity.ERROR, id="nobody knows what the key is made of"),
    ],
)
def test_an_argument_that_is_the_key_of_what_is_done_says_what_makes_two_calls_one(other, key, severity):
    assert [finding.severity for finding in found(refunds(ANN, other, refund=key))] == [severity] * bool(severity)


@pytest.mark.parametrize(("other", "severities"), [(LATER, []), (BOB, [Severity.ERROR])], ids=["same", "another"])
def test_so_does_a_policy_whatever_is_done(other, severities):
    for story in (refunds(ANN, other), refunds(ANN, other, refund=None)):
        assert [finding.severity for finding in found(story, refund="keyed:order")] == severities


def test_what_is_harmless_to_repeat_is_no_error_to_leave_out():
    (finding,) = found(refunds(log=None), refund="repeatable")
    assert finding.severity is Severity.WARNING


def test_an_equal_call_is_what_a_cache_is_for():
    story = refunds(ANN, ANN, refund=None)
    assert found(story) == []
    assert rightly_reused(story.history()) == {AGAIN}


def test_the_same_call_in_a_later_life_may_come_with_another_time():
    story = Story("crash@run/after").life().asked(REFUND, "k", **ANN).unit(REFUND, key="k").effect("refund", REFUND)
    assert found(story.crash().life().asked(REFUND, "k", found=True, **LATER).finished()) == []


def test_the_same_step_of_another_invocation_is_another_call():
    story = Story().life().asked(REFUND, "k", **ANN).unit(REFUND, key="k").outcome("one").invokes(2)
    (finding,) = found(story.asked(REFUND, "k", found=True, **BOB).finished())
    assert finding.step == f"run#2.{REFUND}"


def test_it_is_told_once_in_however_many_lives():
    story = refunds(refund=None)
    assert len(found(story.life().asked(AGAIN, "k", found=True, **BOB).finished())) == 1


def test_what_is_done_inside_of_a_tools_body_is_told_of_the_tool():
    tool, bank = "tool:pay#1", "tool:pay#1.step:bank#1"
    story = Story().life().entered(tool).asked(bank, "k", **ANN).unit(bank, key="k", until="entered")
    story.effect("pay", tool).unit_left(bank).left(tool).asked("tool:pay#2.step:bank#2", "k", found=True, **BOB)
    (finding,) = found(story.finished())
    assert (finding.severity, "(`pay`) was not done" in finding.message) == (Severity.ERROR, True)


def test_a_tool_call_is_told_elsewhere():
    story = Story().life().asked("tool:pay#1", "k", **ANN).unit("step:pay#1", key="k")
    assert found(story.asked("tool:pay#2", "k", found=True, **BOB).finished()) == []
