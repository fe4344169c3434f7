"""Recorded work is not done again, and a record that was promised is there."""

from __future__ import annotations

import pytest

from harness.checks.resume import resume
from harness.verdict import Finding, Owner, Status
from tests.builders import KEEPS_MODELS, Story, a_case

CHARGE = "tool:charge#1"


def usual() -> Story:
    return Story().life().kept("model#1").kept(CHARGE).kept("model#2").finished()


def found(story: Story, baseline: Story | None = None, **case) -> list[Finding]:
    verdict = resume(a_case(story, baseline or usual(), **case))
    # Whatever this check finds is an error: a promise was broken.
    assert verdict.status is (Status.FAILED if verdict.findings else Status.PASSED)
    return list(verdict.findings)


def again(step: str, first: str, second: str) -> Story:
    """Recorded under one key, entered again in the next life under another or the same."""
    return (
        Story("crash@model#2/before").life().kept("model#1").ran(step, unit=first).crash().life().ran(step, unit=second)
    )


def test_a_run_that_replays_everything_passes():
    story = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE).crash().life().kept("model#2").finished()
    assert resume(a_case(story, usual())).status is Status.PASSED


def test_a_recorded_unit_that_ran_again_under_its_own_key_is_the_engines_fault():
    story = again(CHARGE, "7", "7").kept("model#2").finished().testimony("7", "u:model#1", "u:model#2")
    (finding,) = found(story)
    assert (finding.rule, finding.owner, finding.incarnation) == ("recorded-ran-again", Owner.ENGINE, 2)
    assert finding.message == (
        "`charge` ran twice: keeper had recorded it in life 1, the process died at model#2/before,"
        " and its body was entered again in life 2 (under the same key 7)"
    )


def prompted(*instructions: str) -> list[dict[str, object]]:
    return [{"kind": "request", "instructions": said, "parts": []} for said in instructions]


def test_a_unit_asked_for_under_another_key_by_an_agent_that_says_another_thing_in_each_life_is_its_owners():
    usually = Story().life().kept("model#1").kept(CHARGE).kept("model#2").finished(messages=prompted("at 12:00"))
    story = again(CHARGE, "7", "8").kept("model#2").finished(messages=prompted("at 12:01"))
    (finding,) = found(story.testimony("7", "8", "u:model#1", "u:model#2"), usually)
    assert finding.owner is Owner.CONFIGURATION
    assert "made anew in each life: the instructions" in finding.message
    assert finding.remedy.startswith("make the instructions of the agent the same in every life")


def test_a_unit_asked_for_under_another_key_is_the_integrations_fault():
    story = again(CHARGE, "7", "8").kept("model#2").finished().testimony("7", "8", "u:model#1", "u:model#2")
    (finding,) = found(story)
    assert finding.owner is Owner.INTEGRATION
    assert "recorded under the key 7, asked for again under 8" in finding.message


def test_a_step_that_the_persons_own_workflow_asks_for_under_another_key_is_the_persons_fault():
    story = again("step:pay#1", "7", "8").finished().testimony("7", "8", "u:model#1")
    (finding,) = found(story, story)
    assert finding.owner is Owner.CONFIGURATION
    assert "recorded under the key 7, asked for again under 8" in finding.message
    assert "make what varies in a" in finding.remedy


def test_a_record_that_is_gone_is_the_engines_fault_whatever_the_key():
    story = again(CHARGE, "7", "8").kept("model#2").finished().testimony("8", "u:model#1", "u:model#2")
    assert [finding.owner for finding in found(story)] == [Owner.ENGINE]


@pytest.mark.parametrize("step", ["model#1", "tools:weather#1", "event#1", "step:reserve#1", CHARGE])
def test_every_kind_of_recorded_step_is_judged(step):
    story = again(step, "7", "7").finished()
    assert [(finding.rule, finding.step) for finding in found(story, story)] == [("recorded-ran-again", step)]


def test_the_run_itself_is_entered_in_every_life():
    story = Story("crash@run/after").life().kept("run").crash().life().kept("run").finished()
    assert found(story, story) == []


def test_a_unit_in_flight_may_run_again():
    story = Story(f"crash@{CHARGE}/between").life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE)
    story.committing(CHARGE).crash().life().kept(CHARGE).kept("model#2").finished()
    assert found(story) == []


def test_a_step_that_is_not_recorded_may_run_again():
    story = Story("crash@model#2/before").life().kept("model#1").ran(CHARGE).crash().life().ran(CHARGE)
    usually = Story().life().kept("model#1").ran(CHARGE).kept("model#2").finished()
    assert found(story.kept("model#2").finished(), usually, contract=KEEPS_MODELS) == []


def test_an_attempt_after_a_recorded_failure_is_a_retry():
    story = Story().life().kept("model#1").ran(CHARGE, unit="7", error="TimeoutError: late").ran(CHARGE, unit="7")
    assert found(story.kept("model#2").finished()) == []


def test_an_attempt_after_a_lost_answer_is_a_retry():
    fault = f"lost@{CHARGE}"
    story = Story(fault).life().kept("model#1").entered(CHARGE, unit="7").left(CHARGE).fires(fault).committed(CHARGE)
    assert found(story.ran(CHARGE, unit="7").kept("model#2").finished()) == []


def overtaken(fault: str) -> Story:
    """The second owner of a run did everything while the first stood still just before the charge."""
    story = Story(fault).life().kept("model#1").fires(fault).life(twin=True).kept(CHARGE).kept("model#2")
    return story.finished().wakes()


def test_a_body_that_was_asked_for_before_a_second_owner_recorded_it_may_run():
    assert found(overtaken(f"duplicate@{CHARGE}").kept(CHARGE)) == []


def test_an_owner_that_asks_once_more_when_all_is_recorded_is_found():
    (finding,) = found(overtaken(f"duplicate@{CHARGE}").kept(CHARGE).kept(CHARGE))
    assert (finding.rule, finding.step) == ("recorded-ran-again", CHARGE)


def test_an_owner_that_stood_still_somewhere_else_must_look_at_the_records():
    (finding,) = found(overtaken("duplicate@model#2").kept(CHARGE))
    assert (finding.rule, finding.step) == ("recorded-ran-again", CHARGE)


def test_finished_work_that_is_repeated_after_a_failure_in_the_same_life_is_found_too():
    story = Story().life().kept("model#1").kept(CHARGE).ran("model#2", error="boom", recorded=True)
    story.kept(CHARGE).kept("model#2").finished()
    (finding,) = found(story)
    assert "the same process went on" in finding.message


# Commits that are denied --------------------------------------------------------------------------------------


def test_a_commit_that_the_engine_denies_is_its_own_fault():
    story = usual().testimony("u:model#1", "u:model#2")
    (finding,) = found(story)
    assert (finding.rule, finding.owner, finding.step) == ("commit-denied", Owner.ENGINE, CHARGE)


def test_a_journal_that_was_cut_before_its_end_denies_nothing():
    cut = Story().life().kept("model#1").kept(CHARGE).kept("model#2").outcome("done").dies("exit")
    assert found(cut.testimony("u:model#1", "u:model#2")) == []


def test_an_engine_without_records_denies_nothing():
    assert found(usual()) == []


def test_records_under_keys_that_the_probes_never_saw_deny_nothing():
    assert found(usual().testimony("a", "b"), usual().testimony("a", "b")) == []


def test_an_engine_that_lost_everything_is_found_by_what_the_baseline_knows():
    assert len(found(usual().testimony("accepted"), usual().testimony("u:model#1"))) == 3


def test_a_failure_that_was_committed_need_not_be_kept():
    story = Story().life().kept("model#1").kept(CHARGE, error="boom").kept("model#2").finished()
    assert found(story.testimony("u:model#1", "u:model#2")) == []


def test_a_unit_that_ran_again_is_not_denied_as_well():
    story = again(CHARGE, "7", "8").kept("model#2").finished().testimony("8", "u:model#1", "u:model#2")
    assert [finding.rule for finding in found(story)] == ["recorded-ran-again"]


# Steps that were skipped --------------------------------------------------------------------------------------


def test_a_model_request_that_never_ran_had_another_ones_answer():
    story = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE).crash().life().finished()
    (finding,) = found(story)
    assert (finding.rule, finding.step, finding.owner) == ("never-ran", "model#2", Owner.ENGINE)


RESPONSE, OTHER = {"kind": "response", "parts": []}, {"kind": "request", "parts": []}


@pytest.mark.parametrize(
    ("responses", "rules"),
    [pytest.param(1, [], id="nobody asked"), pytest.param(2, ["never-ran"], id="answered with what another one said")],
)
def test_a_model_request_that_nobody_made_has_no_other_ones_answer(responses: int, rules: list[str]):
    usually = Story().life().kept("model#1").kept("model#2").finished(messages=[OTHER, RESPONSE, OTHER, RESPONSE])
    story = Story("crash@model#1/after").life().kept("model#1").crash().life()
    story.finished(messages=[OTHER, RESPONSE, *[OTHER, RESPONSE] * (responses - 1)])
    assert [finding.rule for finding in resume(a_case(story, usually)).findings] == rules


def test_a_run_that_failed_skipped_nothing():
    story = (
        Story("crash@model#2/before").life().kept("model#1").kept(CHARGE).crash().life().failed().dies("exit").ended()
    )
    assert found(story) == []


def test_a_fault_that_the_agent_saw_may_shorten_the_conversation():
    fault = f"error(503)@{CHARGE}"
    assert found(Story(fault).life().kept("model#1").fires(fault).finished()) == []


def test_nothing_that_ran_is_nothing_checked():
    assert resume(a_case(Story().life(), usual())).status is Status.UNKNOWN


def test_the_death_that_is_told_is_the_one_between_the_two_bodies():
    story = Story("crash@model#1/before; crash@model#2/before; crash@run/after").life().crash().life().kept("model#1")
    story.ran(CHARGE, unit="7").crash().life().ran(CHARGE, unit="7").kept("model#2").crash().life().finished()
    (finding,) = found(story)
    assert "recorded it in life 2, the process died at model#2/before, and its body was entered again in life 3" in (
        finding.message
    )


@pytest.mark.parametrize(
    ("cause", "said"), [("hang", "hung and was ended"), ("death", "was killed"), ("exit", "ended")]
)
def test_a_life_that_no_fault_ended_is_told_by_its_cause(cause, said):
    story = (
        Story().life().kept("model#1").ran(CHARGE, unit="7").dies(cause).life().ran(CHARGE, unit="7").kept("model#2")
    )
    (finding,) = found(story.finished())
    assert f"the process {said}" in finding.message


def test_a_record_of_how_a_step_ended_is_one_even_if_that_was_an_exception():
    story = usual().testimony("u:model#1", "u:model#2").testimony(f"u:{CHARGE}", status="error")
    assert found(story) == []
