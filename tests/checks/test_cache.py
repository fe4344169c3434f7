"""Results that were not reused, and results that were reused for something else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks import Baseline, Case
from harness.checks.cache import cache
from harness.contract import Contract
from harness.scenario import Scenario
from harness.verdict import Finding, Owner, Severity
from tests.builders import KEEPS_ALL, Story, a_case

CHARGE = "tool:charge#1"


def found(story: Story, *prompts: object, contract: Contract = KEEPS_ALL) -> list[Finding]:
    if not prompts:
        return list(cache(a_case(story, story)).findings)
    invocations = [prompt if isinstance(prompt, dict) else {"prompt": prompt} for prompt in prompts]
    scenario = Scenario(subject="m:agent", invocations=invocations)
    return list(cache(Case(story.history(), Baseline(story.history()), scenario, contract)).findings)


def again(first: str, second: str | None, **arguments: object) -> Story:
    story = Story("crash@model#2/before").life().kept("model#1").ran(CHARGE, unit=first, arguments={"cents": 5}).crash()
    return story.life().ran(CHARGE, unit=second, arguments={"cents": 5} | arguments).kept("model#2").finished()


def test_a_result_under_a_key_that_changed_was_missed():
    (finding,) = found(again("run-1:charge", "run-2:charge"))
    assert (finding.rule, finding.owner, finding.step) == ("missed", Owner.INTEGRATION, CHARGE)
    assert finding.severity is Severity.ERROR
    assert "its key was run-1:charge, and then run-2:charge" in finding.message


def test_a_body_that_runs_again_without_a_key_is_the_engines_doing():
    (finding,) = found(again("7", None))
    assert (finding.rule, finding.owner) == ("missed", Owner.ENGINE)
    assert "None" not in finding.message
    assert finding.remedy == "ask for the key of the entry before the body runs, in every life"


def test_a_result_under_the_same_key_is_the_business_of_resume():
    assert found(again("7", "7")) == []


def test_other_arguments_are_another_question():
    assert found(again("7", "8", cents=6)) == []


def test_a_unit_of_the_persons_own_is_left_to_resume_for_nobody_sees_what_it_is_given():
    story = Story("crash@model#1/before").life().unit("step:charge#1", key="7").crash()
    assert found(story.life().unit("step:charge#1", key="8").kept("model#1").finished()) == []


# Shared between steps of one run ------------------------------------------------------------------------------


def two_charges(one: str, other: str, **arguments: object) -> Story:
    story = Story().life().kept("model#1", calls=(CHARGE, "tool:charge#2"))
    story.ran(CHARGE, unit=one, arguments={"cents": 5})
    return story.ran("tool:charge#2", unit=other, arguments={"cents": 5} | arguments).kept("model#2").finished()


def test_two_steps_under_one_key_will_be_taken_for_one():
    (finding,) = found(two_charges("charge", "charge", cents=6))
    assert (finding.rule, finding.owner, finding.step) == ("key-shared", Owner.INTEGRATION, "tool:charge#2")
    assert finding.severity is Severity.ERROR
    assert "under one key, charge:" in finding.message


def test_who_chose_the_key_that_two_steps_share_is_told_so():
    story = Story().life().kept("model#1").asked(CHARGE, "charge").ran(CHARGE, unit="charge", arguments={"cents": 5})
    (finding,) = found(story.ran("tool:charge#2", unit="charge", arguments={"cents": 6}).kept("model#2").finished())
    assert (finding.rule, finding.owner) == ("key-shared", Owner.CONFIGURATION)
    assert finding.remedy == "put what tells two steps apart into the cache key of the entry"


def test_steps_under_keys_of_their_own_share_nothing():
    assert found(two_charges("charge#1", "charge#2", cents=6)) == []


def test_equal_calls_may_rightly_have_an_equal_key():
    assert found(two_charges("charge", "charge")) == []


# Shared between invocations -----------------------------------------------------------------------------------


def first() -> Story:
    return Story().life().kept("model#1", calls=(CHARGE,)).kept(CHARGE).kept("model#2").outcome("one").invokes(2)


def test_two_invocations_that_run_everything_share_nothing():
    story = first().kept("model#1").kept(CHARGE).kept("model#2").finished("two")
    assert found(story, "Charge Ann.", "Charge Bob.") == []


def test_an_invocation_that_ran_nothing_was_given_anothers_results():
    (finding,) = found(first().finished("one"), "Charge Ann.", "Charge Bob.")
    assert (finding.rule, finding.owner, finding.step) == ("shared", Owner.INTEGRATION, "run#2.model#1")
    assert finding.severity is Severity.ERROR
    assert "model#1, model#2 never ran in it" in finding.message
    assert "they differ" not in finding.message
    assert "`prompt` ('Charge Ann.' and 'Charge Bob.')" in finding.message
    assert "`prompt`" in finding.remedy


def answered(died: bool = False) -> Story:
    """An invocation that the engine answers by what another one has recorded."""
    story = first().unit("step:ask#1", key="u:model#1", until="entered").dies().life() if died else first()
    return story.had("model#1", "one").had("model#2", "two").finished("one")


@pytest.mark.parametrize("died", [False, True], ids=["never entered", "died before it returned"])
def test_an_engine_that_answers_out_of_the_records_of_another_run_is_wrong_itself(died):
    (finding,) = found(answered(died), "Charge Ann.", "Charge Bob.")
    assert (finding.rule, finding.owner) == ("shared", Owner.ENGINE)
    assert "among the records of invocation 1" in finding.remedy


def test_where_somebody_chooses_the_key_of_a_cache_its_owner_is_to_blame():
    (finding,) = found(answered(), "Charge Ann.", "Charge Bob.", contract=replace(KEEPS_ALL, caches=True))
    assert (finding.owner, "cache key" in finding.remedy) == (Owner.INTEGRATION, True)


def test_what_a_body_in_the_engines_unit_answers_is_not_the_engines():
    story = first().unit("step:ask#1", key="u:model#1").had("model#1", "one").finished("one")
    (finding,) = found(story, "Charge Ann.", "Charge Bob.")
    assert finding.owner is Owner.INTEGRATION


def test_the_key_of_a_persons_own_unit_is_theirs_to_choose():
    story = Story().life().kept("step:charge#1", own=True).kept("model#1").outcome("one").invokes(2)
    (finding,) = found(story.had("model#1", "one").finished("one"), "Charge Ann.", "Charge Bob.")
    assert finding.owner is Owner.INTEGRATION


def test_a_key_of_somebodys_choice_that_finds_what_another_invocation_recorded_is_theirs():
    story = first().asked(None, "u:model#1", found=True).had("model#1", "one").finished("one")
    (finding,) = found(story, "Charge Ann.", "Charge Bob.")
    assert finding.owner is Owner.CONFIGURATION
    assert "cache key" in finding.remedy


def test_the_field_that_a_key_ignores_is_named():
    story = first().finished("one")
    (finding,) = found(
        story, {"prompt": "Charge.", "deps": {"who": "ann"}}, {"prompt": "Charge.", "deps": {"who": "bob"}}
    )
    assert "put `deps` into the cache key" in finding.remedy


def test_equal_inputs_may_share_a_result():
    assert found(first().finished("one"), "Charge Ann.", "Charge Ann.") == []


def test_a_request_that_was_skipped_in_the_middle_was_taken_from_elsewhere():
    (finding,) = found(first().kept("model#2").finished("two"), "Charge Ann.", "Charge Bob.")
    assert finding.step == "run#2.model#1"


def test_a_call_that_was_asked_for_and_never_ran_was_taken_from_elsewhere():
    (finding,) = found(first().kept("model#1", calls=(CHARGE,)).kept("model#2").finished("two"), "Ann", "Bob")
    assert finding.step == f"run#2.{CHARGE}"


@pytest.mark.parametrize(("answer", "shared"), [("charged Ann", 1), ("charged nobody", 0)])
def test_only_what_the_earlier_call_was_answered_was_taken_from_it(answer, shared):
    story = Story().life().kept("model#1", calls=(CHARGE,)).kept(CHARGE).kept("model#2")
    story.outcome("one", messages=returned("charged Ann")).invokes(2)
    story.kept("model#1", calls=(CHARGE,)).kept("model#2").finished("two", messages=returned(answer))
    assert len(found(story, "Charge Ann.", "Charge Bob.")) == shared


def returned(content: str) -> list[object]:
    return [{"parts": [{"part_kind": "tool-return", "tool_name": "charge", "content": content}]}]


@pytest.mark.parametrize("steps", [("model#1",), ("model#1", "model#1+1", "model#2")])
def test_a_shorter_conversation_is_no_shared_one(steps):
    story = first()
    for step in steps:
        story.kept(step)
    assert found(story.finished("two"), "Charge Ann.", "Say hello.") == []


def test_an_invocation_that_failed_got_nothing():
    assert found(first().failed().dies("exit").ended(), "Charge Ann.", "Charge Bob.") == []


def test_a_step_that_nobody_records_cannot_be_shared():
    story = Story().life().ran("model#1").outcome("one").invokes(2).finished("two")
    assert found(story, "Charge Ann.", "Charge Bob.") == []
