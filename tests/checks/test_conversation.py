"""What the agent said and was told, beside the fault-free run."""

from __future__ import annotations

import copy

import pytest

from harness.checks.conversation import conversation
from harness.verdict import Finding, Owner, Severity, Status
from tests.builders import KEEPS_NOTHING, Story, a_case

CHARGE = "tool:charge#1"
MESSAGES = [
    {"kind": "request", "run_id": "r-1", "timestamp": "2026-01-01T10:00:00Z", "parts": [{"content": "Charge it."}]},
    {"kind": "response", "run_id": "r-1", "parts": [{"tool_name": "charge", "args": {"cents": 5}}]},
    {"kind": "request", "run_id": "r-1", "parts": [{"tool_name": "charge", "content": "paid"}]},
]


def usual() -> Story:
    return _run(Story(), MESSAGES)


def crashed(messages: list[dict[str, object]], plan: str = "crash@model#2/before") -> Story:
    story = Story(plan).life().kept("model#1").kept(CHARGE, arguments={"cents": 5})
    return (
        (story.crash().life() if plan.startswith("crash") else story.fires(plan))
        .kept("model#2")
        .finished(messages=messages)
    )


def _run(story: Story, messages: list[dict[str, object]]) -> Story:
    return story.life().kept("model#1").kept(CHARGE, arguments={"cents": 5}).kept("model#2").finished(messages=messages)


def changed(message: int, **values: object) -> list[dict[str, object]]:
    messages = copy.deepcopy(MESSAGES)
    messages[message].update(values)
    return messages


def found(story: Story, **case) -> list[Finding]:
    return list(conversation(a_case(story, usual(), **case)).findings)


def test_the_same_messages_pass():
    assert conversation(a_case(crashed(MESSAGES), usual())).status is Status.PASSED


def test_run_ids_and_timestamps_are_left_out():
    assert found(crashed(changed(0, run_id="r-2", conversation_id="c", timestamp="2026-02-02T10:00:00Z"))) == []


def test_a_message_that_differs_is_shown_with_both_sides():
    (finding,) = found(crashed(changed(2, parts=[{"tool_name": "charge", "content": "paid twice"}])))
    assert (finding.rule, finding.owner, finding.severity) == ("messages-differ", Owner.ENGINE, Severity.ERROR)
    assert "messages[2].parts[0].content: 'paid' became 'paid twice'" in finding.message


def test_a_changed_prompt_is_found():
    assert "Charge it." in found(crashed(changed(0, parts=[{"content": "Refund it."}])))[0].message


@pytest.mark.parametrize(
    ("messages", "rule"),
    [
        pytest.param([*MESSAGES, {"kind": "request"}], "messages-added", id="one more"),
        pytest.param(MESSAGES[:-1], "messages-missing", id="one less"),
    ],
)
def test_messages_too_many_and_too_few(messages, rule):
    assert [finding.rule for finding in found(crashed(messages))] == [rule]


def test_what_varies_by_itself_is_left_out():
    story = crashed(changed(2, parts=[{"tool_name": "charge", "content": "receipt 77"}]))
    assert found(story, volatile=frozenset({"outcome#1.messages[2].parts[0].content"})) == []


def test_an_engine_that_keeps_nothing_is_not_blamed():
    usually = Story().life().ran("model#1").finished(messages=MESSAGES)
    story = Story("crash@model#1/before").life().crash().life().ran("model#1").finished(messages=MESSAGES[:-1])
    (finding,) = conversation(a_case(story, usually, contract=KEEPS_NOTHING)).findings
    assert finding.owner is Owner.CONFIGURATION


def test_a_conversation_that_an_injected_error_made_longer_is_a_note():
    (finding,) = found(crashed([*MESSAGES, {"kind": "request"}], plan="error(503)@tool:charge#1"))
    assert (finding.severity, finding.owner) == (Severity.NOTE, Owner.CONFIGURATION)
    assert "the agent saw error(503)@tool:charge#1, which may explain it" in finding.message


def test_an_injected_error_that_changed_much_is_told_once():
    fault = "error(pydantic_ai.ModelRetry)@tool:charge#1"
    story = Story(fault).life().kept("model#1").fires(fault).kept("model#1+1").kept(f"{CHARGE}+1").kept("model#2")
    (finding,) = found(story.finished(messages=[*MESSAGES, {"kind": "request"}]))
    assert finding.rule == "messages-added"


def test_a_step_that_the_fault_free_run_has_not_is_found():
    story = crashed(MESSAGES)
    extra = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE, arguments={"cents": 5}).crash().life()
    extra.kept("model#2").kept("tool:delegate#1.model#1").finished(messages=MESSAGES)
    assert found(story) == []
    assert [(finding.rule, finding.step) for finding in found(extra)] == [("new-step", "tool:delegate#1.model#1")]


def test_a_unit_that_only_a_recovery_has_is_no_part_of_the_conversation():
    story = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE, arguments={"cents": 5}).crash().life()
    assert found(story.unit("step:recover#1").kept("model#2").finished(messages=MESSAGES)) == []


def test_a_tool_called_with_other_arguments_is_found_where_no_message_shows_it():
    story = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE, arguments={"cents": 6}).crash().life()
    (finding,) = found(story.kept("model#2").finished(messages=MESSAGES))
    assert (finding.rule, finding.step) == ("arguments-differ", CHARGE)
    assert "arguments.cents: 5 became 6" in finding.message


def test_a_run_that_did_not_complete_is_left_to_completion():
    verdict = conversation(a_case(Story("crash@model#1/before").life().crash().life().failed(), usual()))
    assert verdict.status is Status.UNKNOWN


# Tools that answer otherwise ------------------------------------------------------------------------------------

CALLED = [
    {"kind": "response", "parts": [{"tool_name": "charge", "tool_call_id": "c1"}]},
    {"kind": "request", "parts": [{"tool_name": "charge", "tool_call_id": "c1", "content": "paid"}]},
]


def told(content: str) -> list[dict[str, object]]:
    return [CALLED[0], {"kind": "request", "parts": [{**CALLED[1]["parts"][0], "content": content}]}]


def answering(*results: str, message: str) -> list[Finding]:
    """A charge that gave these results, one per life, and what the agent was told in the end."""
    usually = Story().life().kept("model#1").ran(CHARGE, "paid", call="c1").kept("model#2").finished(messages=CALLED)
    story = Story("crash@model#2/before").life().kept("model#1")
    for result in results[:-1]:
        story.ran(CHARGE, result, call="c1").crash().life()
    story.ran(CHARGE, results[-1], call="c1").kept("model#2").finished(messages=told(message))
    return list(conversation(a_case(story, usually)).findings)


def test_a_tool_that_answers_its_repetition_otherwise_has_changed_the_conversation():
    (finding,) = answering("paid", "already paid", message="already paid")
    assert (finding.rule, finding.owner, finding.severity) == ("answer-differs", Owner.TOOL, Severity.ERROR)
    assert "'paid' became 'already paid': it ran twice, and the agent was told the last answer" in finding.message
    assert finding.remedy == "let `charge` answer a repeated call as it answered the first"


def test_a_tool_whose_answers_vary_is_not_the_engines_fault():
    (finding,) = answering("paid at noon", message="paid at noon")
    assert (finding.rule, finding.owner, finding.severity) == ("answer-differs", Owner.TOOL, Severity.WARNING)


def test_a_tool_that_answers_otherwise_because_its_memory_died_with_the_process_has_changed_the_conversation():
    usually = Story().life().kept("model#1").kept("tool:reserve#1").ran(CHARGE, "paid", call="c1")
    story = Story("crash@tool:reserve#1/after").life().kept("model#1").kept("tool:reserve#1").crash().life()
    story.ran(CHARGE, "nothing", call="c1").finished(messages=told("nothing"))
    (finding,) = conversation(a_case(story, usually.finished(messages=CALLED))).findings
    assert (finding.rule, finding.owner, finding.severity) == ("answer-differs", Owner.TOOL, Severity.ERROR)
    assert "it ran in life 2, without what `reserve` had left in memory in life 1" in finding.message
    assert "let `charge` find what it needs in the arguments or a store" in finding.remedy


def test_a_tool_that_answers_otherwise_only_behind_a_crash_does_not_vary_by_itself():
    usually = Story().life().kept("model#1").ran(CHARGE, "paid", call="c1").finished(messages=CALLED)
    story = Story("crash@model#1/after").life().kept("model#1").crash().life()
    story.ran(CHARGE, "nothing", call="c1").finished(messages=told("nothing"))
    (finding,) = conversation(a_case(story, usually)).findings
    assert (finding.rule, finding.owner, finding.severity) == ("answer-differs", Owner.TOOL, Severity.ERROR)
    assert "it ran in life 2, and runs without faults do not differ in it" in finding.message


def test_an_answer_that_was_changed_underway_is():
    (finding,) = answering("paid", message="refused")
    assert (finding.rule, finding.owner) == ("messages-differ", Owner.ENGINE)
