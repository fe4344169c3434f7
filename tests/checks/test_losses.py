"""Effects that a run has lost: a charge that never happened, a call that nobody ran, an effect that was left behind."""

from __future__ import annotations

import pytest

from harness.checks.effects import effects
from harness.contract import Contract
from harness.verdict import Finding, Owner, Severity, Status
from tests.builders import KEEPS_ALL, Story, a_case

CHARGE = "tool:charge#1"
ORDER = {"order_id": "o-1", "amount": 5}


def usual(*, recorded: bool = False) -> Story:
    """Ask, charge, answer."""
    story = Story().life().kept("model#1", calls=(CHARGE,))
    return story.ran(CHARGE, recorded=recorded, arguments=ORDER, call="c1").kept("model#2").finished()


def findings(
    story: Story, baseline: Story, contract: Contract = KEEPS_ALL, **tools: str
) -> tuple[Status, list[Finding]]:
    verdict = effects(a_case(story, baseline, contract=contract, tools=tools))
    return verdict.status, list(verdict.findings)


def only(story: Story, baseline: Story, contract: Contract = KEEPS_ALL, **tools: str) -> Finding:
    _status, found = findings(story, baseline, contract, **tools)
    assert len(found) == 1, [finding.message for finding in found]
    return found[0]


def usual_declaring() -> Story:
    story = Story().life().kept("model#1").entered(CHARGE).effect("charge", CHARGE, "k1").left(CHARGE)
    return story.kept("model#2").finished()


def test_a_charge_of_the_baseline_that_never_happened_is_lost():
    story = Story("crash@tool:charge#1/before").life().kept("model#1").crash().life().kept("model#2").finished()
    finding = only(story, usual(recorded=True))
    assert (finding.rule, finding.owner) == ("lost", Owner.ENGINE)
    assert "its body was never entered" in finding.message


def test_a_charge_that_was_entered_and_never_finished_is_lost_too():
    story = Story("crash@tool:charge#1/between").life().kept("model#1").entered(CHARGE).crash()
    assert "never finished" in only(story.life().kept("model#2").finished(), usual(recorded=True)).message


def refused_once(kind: str) -> Story:
    """A refusal that was recorded; after the crash nobody calls the tool again."""
    story = Story("crash@tool:charge#1/after").life().kept("model#1").kept(CHARGE, call="c1", error="ModelRetry: no")
    told = {"part_kind": kind, "tool_call_id": "c1"}
    return story.crash().life().kept("model#2").finished(messages=[{"parts": [told]}])


REFUSED = [
    ("tool-return", "its body raised ModelRetry, and the messages have a `tool-return` for it"),
    ("retry-prompt", "its body raised ModelRetry, and it did not run again"),
]


@pytest.mark.parametrize(("kind", "said"), REFUSED)
def test_a_call_that_was_refused_and_not_made_again_is_not_said_to_have_hung(kind: str, said: str):
    assert only(refused_once(kind), usual(recorded=True)).message.endswith(f": {said}")


def test_what_became_of_a_call_is_what_became_of_its_last_issue():
    story = Story(f"crash@{CHARGE}+1/between").life().kept("model#1").kept(CHARGE, error="ModelRetry: no")
    story.entered(f"{CHARGE}+1").crash().life().kept("model#2").finished()
    assert "was entered and never finished" in only(story, usual(recorded=True)).message


def test_a_run_that_failed_has_lost_nothing_yet():
    story = Story("crash@tool:charge#1/before").life().kept("model#1").crash().life().failed().dies("exit").ended()
    assert findings(story, usual(recorded=True)) == (Status.PASSED, [])


def test_a_reissued_charge_makes_up_for_the_first():
    fault = "error(pydantic_ai.ModelRetry)@tool:charge#1"
    story = Story(fault).life().kept("model#1").fires(fault).ran(f"{CHARGE}+1").kept("model#2").finished()
    assert findings(story, usual()) == (Status.PASSED, [])


def test_a_charge_that_a_fault_kept_from_happening_is_a_warning():
    fault = "error(503)@tool:charge#1"
    story = Story(fault).life().kept("model#1").fires(fault).kept("model#2").finished()
    finding = only(story, usual())
    assert (finding.rule, finding.severity, finding.owner) == ("not-done", Severity.WARNING, Owner.CONFIGURATION)


def two_calls() -> Story:
    story = Story().life().kept("model#1", calls=(CHARGE, "tool:charge#2"))
    return story.kept(CHARGE).kept("tool:charge#2").kept("model#2").finished()


def one_answer_for_two_calls() -> Story:
    story = Story().life().kept("model#1", calls=(CHARGE, "tool:charge#2")).kept(CHARGE)
    return story.kept("model#2").finished()


def test_a_call_that_nobody_ran_is_found_even_if_the_baseline_has_the_same_fault():
    finding = only(one_answer_for_two_calls(), one_answer_for_two_calls())
    assert (finding.rule, finding.step, finding.owner) == ("asked-never-ran", "tool:charge#2", Owner.ENGINE)


def test_whoever_wrote_the_unit_behind_a_tool_chose_the_key_that_two_calls_share():
    story = Story().life().kept("model#1", calls=(CHARGE, "tool:charge#2")).kept(CHARGE, within="around")
    finding = only(story.kept("model#2").finished(), story)
    assert (finding.rule, finding.step, finding.owner) == ("asked-never-ran", "tool:charge#2", Owner.CONFIGURATION)
    assert finding.remedy == "let the cache key of the entry behind `charge` depend on all its arguments"


@pytest.mark.parametrize("found", [True, False])
def test_whoever_chose_the_key_of_the_engines_own_unit_is_told_so(found: bool):
    story = Story().life().kept("model#1", calls=(CHARGE, "tool:charge#2")).asked(CHARGE, "k").kept(CHARGE)
    finding = only(story.asked("tool:charge#2", "k", found=found).kept("model#2").finished(), story)
    assert (finding.rule, finding.step) == ("asked-never-ran", "tool:charge#2")
    assert finding.owner is (Owner.CONFIGURATION if found else Owner.ENGINE)
    assert ("the cache key of the entry behind `charge`" in finding.remedy) is found


@pytest.mark.parametrize(("cents", "times"), [(5, 0), (6, 1)])
def test_a_tool_that_is_a_unit_of_the_persons_own_may_be_answered_as_an_equal_call_was(cents: int, times: int):
    story = Story().life().kept("model#1", calls=(CHARGE, "tool:charge#2")).asked(CHARGE, "k", cents=5)
    story.kept(CHARGE, own=True).asked("tool:charge#2", "k", found=True, cents=cents).kept("model#2").finished()
    _status, found = findings(story, story)
    assert [finding.rule for finding in found] == ["asked-never-ran"] * times


def call(number: int, cents: int) -> dict[str, object]:
    return {"part_kind": "tool-call", "tool_name": "charge", "args": {"cents": cents}, "tool_call_id": f"c{number}"}


def answered(number: int, content: str) -> dict[str, object]:
    return {"part_kind": "tool-return", "tool_name": "charge", "content": content, "tool_call_id": f"c{number}"}


def second_call_answered(content: str, **entered: object) -> Story:
    """Two calls, one body, and what the agent was told of each."""
    story = Story().life().kept("model#1", calls=(CHARGE, "tool:charge#2"))
    story.kept(CHARGE, "paid 5", call="c1", arguments={"order": "a", "cents": 5}, **entered).kept("model#2")
    calls = [{**call(1, 5)}, {**call(2, 6), "args": '{"order": "a", "cents": 6}'}]
    return story.finished(messages=[{"parts": calls}, {"parts": [answered(1, "paid 5"), answered(2, content)]}])


def test_a_call_that_the_agents_own_toolset_answered_is_no_fault_of_the_engine():
    story = second_call_answered("too many charges today")
    finding = only(story, story)
    assert (finding.rule, finding.severity, finding.owner) == ("answered-instead", Severity.NOTE, Owner.TOOL)


def test_what_the_engine_answered_otherwise_is_not_taken_for_the_agents_own_answer():
    story = second_call_answered("paid 7").answered(CHARGE).answered("tool:charge#2")
    finding = only(story, story)
    assert (finding.rule, finding.owner) == ("asked-never-ran", Owner.ENGINE)
    assert finding.remedy == "find out what keeper took for the result of `tool:charge#2`"


def test_a_cache_of_the_agents_own_gives_the_same_answer_without_asking_the_engine():
    story = second_call_answered("paid 5").answered(CHARGE)
    finding = only(story, story)
    assert (finding.rule, finding.severity, finding.owner) == ("answered-instead", Severity.NOTE, Owner.TOOL)


def never_run(content: str) -> Story:
    """The only call of a tool, whose body nobody ever sees, and what the agent was told of it."""
    story = Story().life().kept("model#1", calls=(CHARGE,)).kept("model#2")
    return story.finished(messages=[{"parts": [call(1, 5)]}, {"parts": [answered(1, content)]}])


@pytest.mark.parametrize(("own", "owner"), [(False, Owner.ENGINE), (True, Owner.CONFIGURATION)])
def test_a_tool_whose_only_call_the_engine_answered_in_every_run_never_ran(own: bool, owner: Owner):
    story = never_run("noted").answered(CHARGE, own=own)
    finding = only(story, story)
    assert (finding.rule, finding.step, finding.owner) == ("asked-never-ran", CHARGE, owner)


def test_whether_a_dynamic_toolset_or_the_engine_answered_every_call_of_a_tool_is_not_known():
    story = never_run("noted").answered(CHARGE, dynamic=True)
    finding = only(story, story)
    assert (finding.rule, finding.severity, finding.step) == ("answered-unseen", Severity.WARNING, CHARGE)


def test_what_a_dynamic_toolset_answered_otherwise_is_taken_for_the_agents_own_answer():
    story = second_call_answered("too many charges today").answered(CHARGE, dynamic=True)
    story.answered("tool:charge#2", dynamic=True)
    finding = only(story, story)
    assert (finding.rule, finding.severity) == ("answered-instead", Severity.NOTE)


def test_a_tool_that_has_no_body_here_is_nobodys_loss():
    story = never_run("somebody refused")
    assert findings(story, story) == (Status.PASSED, [])


def test_a_call_that_was_given_the_answer_of_another_is_found():
    assert only(second_call_answered("paid 5"), second_call_answered("paid 5")).rule == "asked-never-ran"


def test_the_arguments_that_the_cache_key_of_a_persons_own_unit_leaves_out_are_named():
    story = second_call_answered("paid 5", own=True)
    finding = only(story, story)
    assert finding.owner is Owner.CONFIGURATION
    assert finding.remedy.endswith("behind `charge` depend on all its arguments (`cents` is left out)")


def test_an_effect_outside_every_step_that_is_missing_is_nobodys_promise():
    usually = Story().life().kept("model#1").kept(CHARGE).effect("mail").kept("model#2").finished()
    story = Story(f"crash@{CHARGE}/after").life().kept("model#1").kept(CHARGE).crash().life().kept("model#2")
    finding = only(story.finished(), usually)
    assert (finding.rule, finding.owner) == ("effect-missing", Owner.CONFIGURATION)
    assert "in a thread or task that no step waits for" in finding.message


def test_a_call_that_nobody_ran_and_the_baseline_did_is_told_once():
    assert only(one_answer_for_two_calls(), two_calls()).rule == "lost"


@pytest.mark.parametrize(
    ("calls", "then"),
    [
        pytest.param((CHARGE, "tool:final_result#1"), ("model#2",), id="an output tool has no body"),
        pytest.param((CHARGE, "tool:charge#2"), (), id="calls beside the final output are left out"),
        pytest.param(
            (CHARGE, "tool:charge#2"), ("tool:charge#2+1", "model#2"), id="a refused call was asked for again"
        ),
        pytest.param((CHARGE, "tool:charge#2"), ("model#1+1", "model#2"), id="a refused call was given up"),
    ],
)
def test_calls_that_rightly_never_ran(calls, then):
    story = Story().life().kept("model#1", calls=calls).kept(CHARGE)
    for step in then:
        story.kept(step)
    story.finished()
    assert findings(story, story) == (Status.PASSED, [])


def test_a_declared_effect_that_is_missing_is_lost():
    story = Story().life().kept("model#1").ran(CHARGE).kept("model#2").finished()
    finding = only(story, usual_declaring())
    assert (finding.rule, finding.step, finding.owner) == ("effect-missing", CHARGE, Owner.TOOL)
    assert "the body of `charge` came to its end without it this time" in finding.message


def test_an_effect_that_its_body_left_behind_is_lost_by_the_tool_and_not_by_the_engine():
    usually = Story().life().kept("model#1").kept(CHARGE).effect("mail", CHARGE, "m").kept("model#2").finished()
    story = Story(f"crash@{CHARGE}/after").life().kept("model#1").kept(CHARGE).crash().life().kept("model#2")
    finding = only(story.finished(), usually)
    assert (finding.rule, finding.owner) == ("effect-missing", Owner.TOOL)
    assert finding.remedy == "let `charge` wait for that work before it returns"
