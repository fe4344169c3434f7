"""Replays that an engine refused, and keys that meant something else after a restart."""

from __future__ import annotations

import pytest

from harness.checks.determinism import determinism
from harness.history import Observation
from harness.verdict import Finding, Owner, Severity, Status
from tests.builders import Story, a_case


def found(story: Story) -> list[Finding]:
    return list(determinism(a_case(story, story)).findings)


@pytest.mark.parametrize(("ok", "rules"), [(True, []), (False, ["cannot-replay"])])
def test_an_engine_that_could_not_replay_a_history_is_believed(ok, rules):
    story = Story().life().kept("model#1").finished()
    story._write(Observation(name="replay", value={"ok": ok, "message": "[TMPRL1100] Nondeterminism error"}))
    assert [finding.rule for finding in found(story)] == rules
    assert all("[TMPRL1100]" in finding.message for finding in found(story))


def test_a_life_that_got_through_at_another_try_is_not_a_cold_process():
    story = Story().life().kept("model#1").finished()
    story._write(Observation(name="replay", value={"ok": False, "message": "[TMPRL1100]", "needed": True}))
    (finding,) = found(story)
    assert finding.message.startswith("a later life of this run could not replay its history")


@pytest.mark.parametrize(
    ("answers", "status"),
    [([None], Status.UNKNOWN), ([True, None], Status.UNKNOWN), ([False, None], Status.FAILED)],
    ids=["nothing was replayed", "a part of it was", "a part of it could not be"],
)
def test_a_replay_that_was_not_done_proves_nothing(answers, status):
    story = Story().life().kept("model#1").finished()
    for ok in answers:
        story._write(Observation(name="replay", value={"ok": ok, "message": "it ended with code 1: boom"}))
    verdict = determinism(a_case(story, story))
    assert verdict.status is status
    assert ("it ended with code 1: boom" in verdict.reason) is (status is Status.UNKNOWN)


def test_other_observations_say_nothing_about_it():
    story = Story().life().kept("model#1").finished()
    story._write(Observation(name="effective_scale", value=12.5))
    assert found(story) == []


def reordered(*, recorded: bool) -> Story:
    story = Story("crash@tool:b#1/before").life().kept("model#1").entered("tool:a#1", unit="2").left("tool:a#1")
    story = story.committed("tool:a#1") if recorded else story
    return story.crash().life().ran("tool:b#1", unit="2").finished()


@pytest.mark.parametrize(("recorded", "severity"), [(True, Severity.ERROR), (False, Severity.WARNING)])
def test_a_key_that_stands_for_another_step_in_the_next_life_is_found(recorded, severity):
    (finding,) = found(reordered(recorded=recorded))
    assert (finding.rule, finding.owner, finding.severity) == ("key-reassigned", Owner.TOOL, severity)
    assert "the key 2 stood for `tool:a#1` in life 1 and for `tool:b#1` in life 2" in finding.message


def test_the_steps_of_a_later_invocation_are_named_as_faults_name_them():
    story = Story("crash@run#2.step:b#1/before").life().outcome("one").invokes(2).ran("step:a#1", unit="2").crash()
    (finding,) = found(story.life().ran("step:b#1", unit="2").finished("two"))
    assert "stood for `run#2.step:a#1` in life 1 and for `run#2.step:b#1` in life 2" in finding.message


def test_a_key_that_stands_for_the_same_step_in_every_life_is_right():
    story = Story("crash@model#1/between").life().entered("model#1", unit="1").left("model#1").crash()
    assert found(story.life().ran("model#1", unit="1").finished()) == []


def test_two_invocations_may_use_the_same_keys():
    story = Story().life().ran("model#1", unit="1").outcome("one").life().invokes(2).ran("tool:a#1", unit="1")
    assert found(story.finished("two")) == []


def test_steps_without_units_have_no_keys():
    assert found(Story("crash@run/after").life().ran("tool:a#1").crash().life().ran("tool:b#1").finished()) == []
