"""A function of the agent's own that says something else after a crash is what the finding is against."""

from __future__ import annotations

import pytest

from harness.checks import Baseline, judge
from harness.verdict import Finding, Owner, Status
from tests.builders import KEEPS_ALL, Story, a_case

USUAL = [{"kind": "request", "instructions": "You work for acme", "parts": [{"content": "Bill them."}]}]
OTHER = [{**USUAL[0], "instructions": "You work for nobody"}]
PLAN = "crash@model#1/after"
PATH = "called#1.instructions.who.1[1]"


def usual() -> Story:
    return Story().life().called("who", "acme").kept("model#1").kept("model#2").finished(messages=USUAL)


def crashed(**answer: object) -> Story:
    story = Story(PLAN).life().called("who", "acme").kept("model#1").crash().life()
    return story.called("who", **{"said": "nobody", **answer}).kept("model#2")


def found(story: Story, **case: object) -> list[Finding]:
    made = a_case(story, usual(), **case)
    verdicts = judge(made.history, made.baseline, made.scenario, KEEPS_ALL)
    assert Status.FAILED in {verdict.status for verdict in verdicts}
    return [finding for verdict in verdicts for finding in verdict.findings]


def test_messages_that_differ_because_of_it_are_told_against_it():
    (finding,) = found(crashed().finished(messages=OTHER))
    assert (finding.check, finding.rule, finding.owner) == ("conversation", "own-code-differs", Owner.CONFIGURATION)
    assert "in life 2 `who` (instructions) answered otherwise than without faults" in finding.message
    assert finding.remedy.startswith("let `who` answer the same in every life")


def test_everything_that_follows_is_told_once_by_what_became_of_the_run():
    story = Story(PLAN).life().called("who", "acme").kept("model#1").crash().life().called("who", "nobody")
    (finding,) = found(story.finished(messages=OTHER))  # model#2 never ran either
    assert (finding.check, finding.rule) == ("conversation", "own-code-differs")


def test_one_that_fails_after_a_crash_fails_the_run_and_not_the_engine():
    (finding,) = found(crashed(said="LookupError: tenant", raised=True).failed("tenant", "LookupError").ended())
    assert (finding.check, finding.owner) == ("completion", Owner.CONFIGURATION)
    assert "`who` (instructions) raised LookupError: tenant" in finding.message


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"said": "acme"}, id="it said the same"),
        pytest.param({"given": "another answer of a tool"}, id="it was told something else"),
        pytest.param({"at": 7}, id="it is not asked there without faults"),
    ],
)
def test_an_engine_is_not_excused_by_a_function_that_did_nothing_new(answer):
    (finding,) = found(crashed(**answer).finished(messages=OTHER))
    assert (finding.rule, finding.owner) == ("messages-differ", Owner.ENGINE)


def test_one_that_varies_without_faults_explains_nothing():
    case = a_case(crashed().finished(messages=OTHER), usual())
    baseline = Baseline(case.baseline.history, frozenset({f"{PATH}.said"}))
    verdicts = judge(case.history, baseline, case.scenario, KEEPS_ALL)
    (finding,) = (finding for verdict in verdicts for finding in verdict.findings)
    assert finding.owner is Owner.ENGINE
