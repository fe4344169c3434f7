"""The account of a run, and what was bought twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.checks.usage import usage
from harness.verdict import Finding, Owner, Severity, Status
from tests.builders import KEEPS_ALL, KEEPS_NOTHING, Story, a_case

ACCOUNT = {"requests": 2, "input_tokens": 20, "output_tokens": 4}
COST = {"usage": {"input_tokens": 10, "output_tokens": 2}}


def usual(*, recorded: bool = True) -> Story:
    story = Story().life().ran("model#1", COST, recorded=recorded).ran("model#2", COST, recorded=recorded)
    return story.finished(usage=ACCOUNT)


def crashed(account: dict[str, int] = ACCOUNT, *, recorded: bool = True, again: bool = False) -> Story:
    story = Story("crash@model#2/before").life().ran("model#1", COST, recorded=recorded).crash().life()
    story = story.ran("model#1", COST, recorded=recorded) if again else story
    return story.ran("model#2", COST, recorded=recorded).finished(usage=account)


def found(story: Story, **case) -> list[Finding]:
    return list(usage(a_case(story, usual(), **case)).findings)


def test_the_same_account_passes():
    assert usage(a_case(crashed(), usual())).status is Status.PASSED


def test_an_account_that_forgot_what_was_replayed_is_wrong():
    (finding,) = found(crashed({"requests": 1, "input_tokens": 10, "output_tokens": 2}))
    assert (finding.rule, finding.owner, finding.severity) == ("account-differs", Owner.INTEGRATION, Severity.ERROR)
    assert "usage.requests: 2 became 1; usage.input_tokens: 20 became 10" in finding.message


@pytest.mark.parametrize(
    ("said", "severity", "owner"),
    [
        ({"content": "charged twice"}, Severity.NOTE, Owner.ENGINE),
        ({"content": "charged", "usage": {"input_tokens": 0}}, Severity.ERROR, Owner.INTEGRATION),
    ],
)
def test_another_conversation_has_another_account_and_messages_have_accounts_too(said, severity, owner):
    usually = Story().life().ran("model#1", COST).ran("model#2", COST)
    usually.finished(usage=ACCOUNT, messages=[{"parts": [{"content": "charged", "usage": {"input_tokens": 10}}]}])
    story = Story("crash@model#2/before").life().ran("model#1", COST).crash().life().ran("model#2", COST)
    story.finished(usage={**ACCOUNT, "requests": 3}, messages=[{"parts": [{"usage": {"input_tokens": 10}} | said]}])
    (finding,) = usage(a_case(story, usually)).findings
    assert (finding.rule, finding.severity, finding.owner) == ("account-differs", severity, owner)


def delegated(*, crash: bool) -> Story:
    """A tool that asks an agent of its own, on the caller's account."""
    story = Story("crash@model#2/before" if crash else "none").life().kept("model#1", COST)
    story.entered("tool:price#1").ran("tool:price#1.model#1", COST).left("tool:price#1", 3).committed("tool:price#1")
    return story.crash().life() if crash else story


def test_what_a_replayed_tool_had_asked_for_is_missing_in_every_account():
    usually = delegated(crash=False).kept("model#2", COST).finished(usage={"input_tokens": 30, "output_tokens": 6})
    story = delegated(crash=True).kept("model#2", COST).finished(usage=ACCOUNT)
    (finding,) = usage(a_case(story, usually)).findings
    assert (finding.severity, finding.owner) == (Severity.WARNING, Owner.TOOL)
    assert "what was asked inside `price` is not in it" in finding.message


def test_an_account_that_lacks_more_than_a_replayed_tool_had_asked_for_is_wrong():
    usually = delegated(crash=False).kept("model#2", COST).finished(usage={"input_tokens": 30, "output_tokens": 6})
    story = delegated(crash=True).kept("model#2", COST).finished(usage={"input_tokens": 10, "output_tokens": 2})
    (finding,) = usage(a_case(story, usually)).findings
    assert (finding.severity, finding.owner) == (Severity.ERROR, Owner.INTEGRATION)


def test_an_account_that_an_injected_error_made_longer_is_a_note():
    fault = "error(503)@model#1"
    story = Story(fault).life().fires(fault).kept("model#1", COST).kept("model#2", COST)
    (finding,) = found(story.finished(usage={**ACCOUNT, "requests": 3}))
    assert (finding.severity, finding.owner) == (Severity.NOTE, Owner.CONFIGURATION)


def test_a_run_that_did_not_complete_has_no_account():
    assert usage(a_case(Story().life().failed(), usual())).status is Status.UNKNOWN


def test_an_answer_that_nobody_kept_was_bought_again():
    case = a_case(crashed(recorded=False, again=True), usual(recorded=False), contract=KEEPS_NOTHING)
    verdict = usage(case)
    (finding,) = verdict.findings
    assert (verdict.status, finding.rule, finding.severity) == (Status.PASSED, "bought-again", Severity.NOTE)
    assert "asked for again once (model#1): 12 tokens of 36 were bought again" in finding.message
    assert finding.owner is Owner.CONFIGURATION


def test_an_answer_that_the_engine_could_have_kept_is_an_error_of_whoever_configured_it():
    contract = replace(KEEPS_ALL, remedy="have it called in a task that keeps it")
    case = a_case(crashed(recorded=False, again=True), usual(recorded=False), contract=contract)
    (finding,) = usage(case).findings
    assert (finding.rule, finding.severity, finding.owner) == ("bought-again", Severity.ERROR, Owner.CONFIGURATION)
    assert finding.message.endswith("; keeper can keep them, and was not told to")
    assert finding.remedy == "have every model request called in a task that keeps it"


def test_an_answer_that_was_kept_and_bought_again_is_the_engines_doing():
    (finding,) = found(crashed(again=True))
    assert (finding.rule, finding.owner) == ("bought-again", Owner.ENGINE)


def test_an_answer_that_was_kept_under_a_key_that_changes_is_not_the_engines_doing():
    story = Story("crash@model#2/before").life().ran("model#1", COST, recorded=True, unit="one").crash().life()
    story = story.ran("model#1", COST, recorded=True, unit="two").ran("model#2", COST, recorded=True)
    (finding,) = found(story.finished(usage=ACCOUNT))
    assert (finding.rule, finding.owner) == ("bought-again", Owner.INTEGRATION)
    assert finding.remedy == "make the key of the entry independent of what changes between two lives of the process"


def test_an_answer_in_flight_at_the_crash_is_the_price_of_it():
    story = Story("crash@model#2/between").life().kept("model#1", COST).entered("model#2", recorded=True)
    story.left("model#2", COST).crash().life().kept("model#2", COST).finished(usage=ACCOUNT)
    assert found(story) == []


def test_requests_inside_a_tool_are_kept_with_the_agent_that_makes_them():
    ask = "tool:ask#1"
    story = (
        Story("crash@model#2/before").life().kept("model#1", COST).entered(ask).ran(f"{ask}.model#1", COST).left(ask)
    )
    story.crash().life().entered(ask).ran(f"{ask}.model#1", COST).left(ask).kept("model#2", COST)
    baseline = Story().life().kept("model#1", COST).entered(ask).ran(f"{ask}.model#1", COST).left(ask)
    baseline.kept("model#2", COST).finished(usage=ACCOUNT)
    (finding,) = usage(a_case(story.finished(usage=ACCOUNT), baseline)).findings
    assert finding.severity is Severity.NOTE
    assert finding.remedy == "make the agent inside `ask` durable, or have `ask` itself recorded"
